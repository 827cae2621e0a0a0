// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "daemon/devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/tap_mark.h"
#include "daemon/front.h"

enum verdict {
	SERVED,
	NAME_PORT,    /* refused: it has ports, which can be served */
	NAME_PARENT,  /* refused: it rests on one interface, which can be served */
	NAME_CARRIER, /* refused: a tunnel, whose packets a NIC carries */
	NAME_NIC,     /* refused, and there is none to name instead */
};

struct row {
	const char *kind; /* see kind_of() */
	enum verdict verdict;
	const char *what, *hint; /* hint may be NULL */
};

#define VNET_HDR "tun vnet_hdr on"

static const struct row rows[] = {
	{ "veth", SERVED, "a veth", NULL },
	{ "tun", SERVED, "a TAP", NULL },
	{ "bond", SERVED, "a bond", NULL },
	{ VNET_HDR, NAME_NIC, "a TAP of a virtual machine, which superpackets cross whole", NULL },
	{ "bridge", NAME_PORT, "a bridge", NULL },
	{ "team", NAME_PORT, "a team", NULL },
	{ "vrf", NAME_PORT, "a VRF", NULL },
	{ "net_failover", NAME_PORT, "a failover pair", NULL },
	{ "hv_netvsc", NAME_PORT, "the synthetic side of a VF", NULL },
	{ "vlan", NAME_PARENT, "a VLAN", "VLAN tags are carried along" },
	{ "macvlan", NAME_PARENT, "a macvlan", NULL },
	{ "macvtap", NAME_PARENT, "a macvtap", NULL },
	{ "ipvlan", NAME_PARENT, "an ipvlan", NULL },
	{ "ipvtap", NAME_PARENT, "an ipvtap", NULL },
	{ "vxlan", NAME_CARRIER, "a VXLAN tunnel", "--merge vxlan merges inside the tunnel" },
	{ "geneve", NAME_CARRIER, "a GENEVE tunnel", "--merge geneve merges inside the tunnel" },
	{ "gretap", NAME_CARRIER, "a GRE tunnel", "--merge gre merges inside the tunnel" },
	{ "ip6gretap", NAME_CARRIER, "a GRE tunnel", "--merge gre merges inside the tunnel" },
	{ "gre", NAME_CARRIER, "a GRE tunnel", "--merge gre merges inside the tunnel" },
	{ "ip6gre", NAME_CARRIER, "a GRE tunnel", "--merge gre merges inside the tunnel" },
	{ "ipip", NAME_CARRIER, "an IPIP tunnel", "--merge ipip merges inside the tunnel" },
	{ "sit", NAME_CARRIER, "an IPIP tunnel", "--merge ipip merges inside the tunnel" },
	{ "ip6tnl", NAME_CARRIER, "an IPIP tunnel", "--merge ipip merges inside the tunnel" },
	{ "wireguard", NAME_CARRIER, "a WireGuard tunnel", NULL },
	{ "ovpn", NAME_CARRIER, "an OpenVPN tunnel", NULL },
	{ "ppp", NAME_CARRIER, "a PPP link", NULL },
	{ "xfrm", NAME_CARRIER, "an IPsec tunnel", NULL },
	{ "openvswitch", NAME_CARRIER, "a port inside Open vSwitch", "'ovs-vsctl show' lists it" },
	{ "dsa", NAME_NIC, "a port of a switch, whose frames are merged at its conduit", NULL },
	{ "macsec", NAME_NIC, "MACsec, and encrypted frames cannot be merged", NULL },
	{ "dummy", NAME_NIC, "a dummy, which has no wire", NULL },
	{ "ifb", NAME_NIC, "an ifb, which has no wire", NULL },
	{ "nlmon", NAME_NIC, "a monitor of netlink", NULL },
	{ "lo", NAME_NIC, "the loopback interface, which has no wire", NULL },
};

/* What `ip -d link` calls it. Where that is nothing, the driver's name, which tells netvsc and net_failover from
 * others. */
static const char *kind_of(const struct netdev *dev)
{
	if (!strcmp(dev->kind, "tun") && dev->vnet_hdr)
		return VNET_HDR;
	if (dev->loopback)
		return "lo";
	return dev->kind[0] ? dev->kind : dev->driver;
}

/* A master of others whose kind we do not know (hsr, a driver out of tree) is like those that we know. */
static const struct row other_master = { "", NAME_PORT, "a master of other interfaces", NULL };
/* The same of one that rests on another. The parent of a NIC is a bus, not an interface. */
static const struct row other_child = { "", NAME_PARENT, "an interface on another one", NULL };
static const struct row other = { "", SERVED, "a NIC", NULL };

/* netvsc without a VF is a NIC. With one, its XDP program also runs on the VF, whose frames carry the VF's ifindex and
 * so reach no socket of ours (drivers/net/hyperv/netvsc_bpf.c netvsc_vf_setxdp()). */
static bool is_alone(const char *kind, const struct netdev_stack *stack)
{
	return !strcmp(kind, "hv_netvsc") && !stack->ports.cnt;
}

static const struct row *find_row(const struct netdev *dev, const struct netdev_stack *stack)
{
	const char *kind = kind_of(dev);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].kind, kind))
			return is_alone(kind, stack) ? &other : &rows[i];
	if (stack->ports.cnt)
		return &other_master;
	return stack->parent[0] || stack->parent_elsewhere ? &other_child : &other;
}

#define NAMES_TEXT (NETDEV_NAMES_MAX * (IFNAMSIZ + 2) + 32)

/* "eth0, eth1 and 3 more" */
static const char *names_text(const struct netdev_names *names, char text[NAMES_TEXT])
{
	const uint32_t shown = names->cnt < NETDEV_NAMES_MAX ? names->cnt : NETDEV_NAMES_MAX;
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < shown; i++)
		len += (size_t)snprintf(text + len, NAMES_TEXT - len, "%s%s", i ? ", " : "", names->name[i]);
	if (names->cnt > shown)
		snprintf(text + len, NAMES_TEXT - len, " and %u more", names->cnt - shown);
	return text;
}

static int say_ports(const struct row *row, const struct netdev_stack *stack, char *text)
{
	char names[NAMES_TEXT];

	if (!stack->ports.cnt)
		return snprintf(text, DEVICES_TEXT, "is %s, and has no port yet that could be named instead",
				row->what);
	return snprintf(text, DEVICES_TEXT,
			"is %s, which gets what its ports have merged already; name a port instead: %s", row->what,
			names_text(&stack->ports, names));
}

static int say_parent(const struct row *row, const struct netdev_stack *stack, char *text)
{
	const char *parent = stack->parent[0] ? stack->parent : "its parent";

	return snprintf(text, DEVICES_TEXT, "is %s, which gets what %s has merged already; name %s instead%s",
			row->what, parent, parent,
			stack->parent_elsewhere ? ", which is in another network namespace" : "");
}

static int say_carrier(const struct row *row, const struct netdev_stack *stack, char *text)
{
	const bool known = stack->parent[0];

	return snprintf(text, DEVICES_TEXT, "is %s; name the NIC that carries it instead%s%s", row->what,
			known ? ": " : "", known ? stack->parent : "");
}

static int say(const struct row *row, const struct netdev_stack *stack, char *text)
{
	switch (row->verdict) {
	case NAME_PORT:
		return say_ports(row, stack, text);
	case NAME_PARENT:
		return say_parent(row, stack, text);
	case NAME_CARRIER:
		return say_carrier(row, stack, text);
	default:
		return snprintf(text, DEVICES_TEXT, "is %s; name a NIC", row->what);
	}
}

/* Tags that the NIC takes out of frames do not reach an AF_XDP socket (see nic/adjust.c). */
bool devices_loses_tags(const struct netdev *dev, const struct netdev_stack *above)
{
	const struct features *features = &dev->features;

	return above->vlan_above && !netdev_is_veth(dev) && features->on & ~features->changeable & (1u << FEATURE_VLAN);
}

bool devices_served(const struct netdev *dev, const struct netdev_stack *stack, char text[DEVICES_TEXT])
{
	const struct row *row = find_row(dev, stack);
	int len;

	if (row->verdict == SERVED && dev->ethernet) {
		if (!devices_loses_tags(dev, stack))
			return true;
		snprintf(text, DEVICES_TEXT,
			 "has a VLAN on it, and its driver always takes the tags out of frames "
			 "(rx-vlan-offload is fixed): the traffic of the VLAN would be lost");
		return false;
	}
	if (row->verdict == SERVED) {
		snprintf(text, DEVICES_TEXT, "is not Ethernet%s%s%s; superpacketd serves Ethernet only, so name a NIC",
			 dev->kind[0] ? " (" : "", dev->kind, dev->kind[0] ? ")" : "");
		return false;
	}
	len = say(row, stack, text);
	if (row->hint)
		snprintf(text + len, DEVICES_TEXT - (size_t)len, "; %s", row->hint);
	return false;
}

/* What rests on the NIC and gets no traffic, although all is well with us. */
static void warn_above(const struct netdev *dev, const struct netdev_stack *stack, bool is_inline)
{
	char names[NAMES_TEXT];

	if (!is_inline && stack->above.cnt)
		log_warning("%s: in port mode its frames go to the TAP, and what rests on it gets none: %s; make it "
			    "rest on the TAP instead, or use --mode inline",
			    dev->name, names_text(&stack->above, names));
}

int devices_check(const struct netdev *dev, bool is_inline)
{
	struct netdev_stack stack;
	struct tap_mark mark;
	char text[DEVICES_TEXT];
	int err;

	if (tap_mark_read(&mark, dev->alias)) {
		log_error("interface %s: is the TAP of superpacketd on %s; name a NIC", dev->name, mark.interface);
		return -EOPNOTSUPP;
	}
	err = netdev_stack_read(dev->ifindex, &stack);
	if (err) {
		log_error("interface %s: cannot ask what it rests on: %s", dev->name, strerror(-err));
		return err;
	}
	if (!devices_served(dev, &stack, text)) {
		log_error("interface %s: %s", dev->name, text);
		return -EOPNOTSUPP;
	}
	warn_above(dev, &stack, is_inline);
	return 0;
}
