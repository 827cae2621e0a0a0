// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The judge walks from the Ethernet header inwards, once or (in tunnels) twice.
 */
#include "judge.h"
#include "random.h"

static uint64_t name_bytes(uint64_t name, const uint8_t *at, uint32_t len)
{
	for (; len >= 8; len -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		name = random_mix(name ^ word) + 0x9e3779b97f4a7c15;
	}
	if (len) {
		uint64_t word = 0;

		memcpy(&word, at, len);
		name = random_mix(name ^ word ^ (uint64_t)len << 60) + 0x9e3779b97f4a7c15;
	}
	return name;
}

static uint64_t name_number(uint64_t name, uint64_t number)
{
	return random_mix(name ^ (number + 1) * 0xd6e8feb86659fd93);
}

/* How a level was found. */
enum walk {
	WALK_NOT_IP,
	WALK_UNKNOWN, /* between known hosts; not whole, or not to be merged at all */
	WALK_WHOLE,   /* IP without options or fragments, walked to its upper layer */
};

/* Walks IPv6 extension headers up to limit. level->protocol is 0 if it cannot be known. */
static bool walk_extensions(struct judged_level *level, const uint8_t *frame, uint32_t limit)
{
	uint32_t off = level->l4, next = level->protocol, cnt = 0;

	level->protocol = 0;
	while (next == 0 || next == 43 || next == 60) {
		if (cnt++ == 8 || off + 8 > limit)
			return false;
		next = frame[off];
		off += 8u + frame[off + 1] * 8u;
	}
	if (next == WIRE_FRAGMENT) {
		if (off + 8 <= limit && frame[off] != 43 && frame[off] != 60)
			level->protocol = frame[off];
		return false;
	}
	level->protocol = (uint8_t)next;
	level->l4 = (uint16_t)off;
	return off <= limit;
}

static enum walk walk_ip(struct judged_level *level, const uint8_t *frame, uint32_t l3, uint32_t len,
			 unsigned int version)
{
	const uint8_t *ip = frame + l3;
	uint32_t limit;

	*level = (struct judged_level){ .l3 = (uint16_t)l3, .l4 = (uint16_t)(l3 + 20), .end = len };
	if ((version != 4 && version != 6) || l3 + (version == 4 ? 20 : 40) > len || ip[0] >> 4 != (int)version)
		return WALK_NOT_IP;
	level->version = (uint8_t)version;
	if (version == 4) {
		level->protocol = ip[9] ? ip[9] : 255; /* 0 means unknown; 255 stands for a protocol that nobody uses */
		level->l4 = (uint16_t)(l3 + (ip[0] & 15u) * 4);
		level->end = l3 + get16(ip + 2);
		return ip[0] != 0x45 || get16(ip + 6) & 0xbfff || level->end < level->l4 || level->end > len ?
			       WALK_UNKNOWN :
			       WALK_WHOLE;
	}
	level->protocol = ip[6];
	level->l4 = (uint16_t)(l3 + 40);
	level->end = l3 + 40 + get16(ip + 4);
	limit = !get16(ip + 4) || level->end > len ? len : level->end;
	return walk_extensions(level, frame, limit) && get16(ip + 4) && level->end <= len ? WALK_WHOLE : WALK_UNKNOWN;
}

/* Whether TCP or UDP is whole between l4 and end; level's payload is set. */
static bool whole_l4(struct judged_level *level, const uint8_t *frame)
{
	const uint8_t *l4 = frame + level->l4;
	uint32_t len = level->end - level->l4;

	if (level->protocol == WIRE_TCP) {
		level->payload = (uint16_t)(level->l4 + (len >= 20 ? (l4[12] >> 4) * 4u : 0));
		return len >= 20 && l4[12] >> 4 >= 5 && level->payload <= level->end;
	}
	level->payload = (uint16_t)(level->l4 + 8);
	return level->protocol == WIRE_UDP && len >= 8 && get16(l4 + 4) == len;
}

static bool ip_sum_right(const struct judged_level *level, const uint8_t *frame)
{
	return level->version == 6 || wire_sum(frame + level->l3, (frame[level->l3] & 15u) * 4, 0) == 0xffff;
}

/* Of whole TCP or UDP: 0 right, 1 wrong, 2 unfinished. */
static int l4_sum_state(const struct judged_level *level, const uint8_t *frame)
{
	const uint8_t *l4 = frame + level->l4;
	uint32_t len = level->end - level->l4, field = get16(l4 + (level->protocol == WIRE_UDP ? 6 : 16));
	uint32_t pseudo = wire_pseudo(frame + level->l3, level->version, level->protocol, len);

	if (level->protocol == WIRE_UDP && !field)
		return 0;
	if (wire_sum(l4, len, pseudo) == 0xffff)
		return 0;
	return field == pseudo ? 2 : 1;
}

/* Names two hosts; name says which tunnel they are in, or that they are in none. */
static uint64_t name_hosts(uint64_t name, const struct judged_level *level, const uint8_t *frame)
{
	const uint8_t *ip = frame + level->l3;

	return name_number(level->version == 4 ? name_bytes(name, ip + 12, 8) : name_bytes(name, ip + 8, 32),
			   level->version);
}

static void add_pair(struct judged *j, uint64_t hosts, uint32_t protocol)
{
	j->unknown_pair = protocol ? j->pair_cnt : j->pair_cnt + 1;
	j->pairs[j->pair_cnt++] = name_number(hosts, 1000 + protocol);
	j->pairs[j->pair_cnt++] = name_number(hosts, 999);
}

static uint64_t name_label(uint64_t name, const struct judged_level *level, const uint8_t *frame)
{
	return level->version == 6 ? name_number(name, get32(frame + level->l3) & 0xfffff) : name;
}

/* ---- tunnels, as parse.h says which are entered ---- */

/* If unfinished checksums are accepted, all tunnels are entered, to hand on the inner checksum as unfinished. */
static bool entered(const struct gro_config *config, uint32_t bit)
{
	return config->merge & bit || config->accept_unfinished;
}

static bool passes(const struct gro_config *config, const uint8_t *ports)
{
	for (uint32_t i = 0; i < GRO_PASS_PORTS; i++)
		if (config->pass_ports[i] &&
		    (config->pass_ports[i] == get16(ports) || config->pass_ports[i] == get16(ports + 2)))
			return true;
	return false;
}

static uint16_t port_or(uint16_t port, uint16_t usual) { return port ? port : usual; }

/* Ethertype of the payload of GENEVE and GRE to what it begins with: 0 Ethernet, 4, 6; -1 other. */
static int carried(uint32_t type) { return type == 0x6558 ? 0 : type == 0x0800 ? 4 : type == 0x86dd ? 6 : -1; }

struct inside {
	uint8_t tunnel;
	uint32_t off; /* of what is carried */
	int what;     /* as carried() */
};

static struct inside inside_udp(const struct judged_level *o, const uint8_t *frame, const struct gro_config *config)
{
	const uint8_t *h = frame + o->payload;
	uint32_t port = get16(frame + o->l4 + 2), len = o->end - o->payload, off;

	if (passes(config, frame + o->l4))
		return (struct inside){ PARSE_NO_TUNNEL, 0, -1 };
	if (entered(config, GRO_MERGE_VXLAN) && port == port_or(config->vxlan_port, 4789)) {
		/* RFC 7348's I bit; beside it, only the label of VXLAN-GBP. */
		if (len >= 8 && (get32(h) & 0x7fb70000) == 0x08000000)
			return (struct inside){ PARSE_VXLAN, o->payload + 8u, 0 };
	} else if (entered(config, GRO_MERGE_GENEVE) && port == port_or(config->geneve_port, 6081)) {
		off = 8u + (len >= 8 ? (h[0] & 63u) * 4 : 0);
		/* What carries neither frames nor IP is a datagram like others, and may merge as such (parse.h). */
		if (len >= 8 && off <= len && !(h[0] >> 6) && !(h[1] & 0x80) && carried(get16(h + 2)) >= 0)
			return (struct inside){ PARSE_GENEVE, o->payload + off, carried(get16(h + 2)) };
	}
	return (struct inside){ PARSE_NO_TUNNEL, 0, -1 };
}

static struct inside inside_gre(const struct judged_level *o, const uint8_t *frame)
{
	const uint8_t *h = frame + o->l4;
	uint32_t len = o->end - o->l4, off = 4;

	/* Checksum and key may be there; routing, sequence numbers, other bits and versions not. */
	if (len < 4 || get16(h) & 0x5fff)
		return (struct inside){ PARSE_NO_TUNNEL, 0, -1 };
	off += h[0] & 0x80 ? 4 : 0;
	off += h[0] & 0x20 ? 4 : 0;
	if (off > len)
		return (struct inside){ PARSE_NO_TUNNEL, 0, -1 };
	return (struct inside){ PARSE_GRE, o->l4 + off, carried(get16(h + 2)) };
}

static struct inside inside_of(const struct judged_level *o, const uint8_t *frame, const struct gro_config *config)
{
	switch (o->protocol) {
	case WIRE_UDP: return inside_udp(o, frame, config);
	case WIRE_GRE:
		if (entered(config, GRO_MERGE_GRE))
			return inside_gre(o, frame);
		break;
	case WIRE_IPIP4:
	case WIRE_IPIP6:
		if (entered(config, GRO_MERGE_IPIP))
			return (struct inside){ PARSE_IPIP, o->l4, o->protocol == WIRE_IPIP4 ? 4 : 6 };
	}
	return (struct inside){ PARSE_NO_TUNNEL, 0, -1 };
}

/* The ethertype behind any tags, as an IP version; *off is moved behind it. -1: none. */
static int behind_ethernet(const uint8_t *frame, uint32_t *off, uint32_t len)
{
	uint32_t at = *off + 12, type;

	if (at + 2 > len)
		return -1;
	while ((type = get16(frame + at)) == 0x8100 || type == 0x88a8) {
		at += 4;
		if (at + 2 > len)
			return -1;
	}
	*off = at + 2;
	return type == 0x0800 ? 4 : type == 0x86dd ? 6 : -1;
}

/* ---- a packet ---- */

static void note_sums(struct judged *j, const struct judged_level *level, const uint8_t *frame, uint32_t len)
{
	struct judged_level whole = *level;
	int state;

	/* Also behind IPv4 options: such a packet passes, and may be unfinished. */
	if (level->end > len || level->end < level->l4 || !whole_l4(&whole, frame))
		return;
	state = l4_sum_state(&whole, frame);
	j->l4_wrong = state != 0;
	j->unfinished = state == 2;
}

static bool fragment(const struct judged_level *level, const uint8_t *frame)
{
	return level->version == 4 && get16(frame + level->l3 + 6) & 0xbfff;
}

/* Judges the level that carries TCP or UDP. begin: the name of everything in front of it. */
static void judge_l4(struct judged *j, enum walk walk, const uint8_t *frame, uint32_t len, uint64_t begin,
		     bool accept_unfinished)
{
	struct judged_level *level = &j->level;

	j->kind = KIND_UNKNOWN;
	if (level->protocol != WIRE_TCP && level->protocol != WIRE_UDP) {
		j->kind = level->protocol ? KIND_OTHER : KIND_UNKNOWN;
		return;
	}
	if (walk == WALK_WHOLE || (level->version == 4 && !fragment(level, frame) && (frame[level->l3] & 15) >= 5))
		note_sums(j, level, frame, len);
	j->ip_wrong = level->version == 4 && (frame[level->l3] & 15) >= 5 && level->l4 <= len &&
		      !ip_sum_right(level, frame);
	j->whole = walk == WALK_WHOLE && whole_l4(level, frame);
	if (!j->whole || j->ip_wrong || (j->l4_wrong && !(j->unfinished && accept_unfinished)))
		return;
	j->kind = KIND_FLOW;
	begin = name_hosts(name_label(begin, level, frame), level, frame);
	j->flow = name_number(name_bytes(begin, frame + level->l4, 4), level->protocol);
}

static bool outer_right(const struct judged_level *o, const uint8_t *frame)
{
	struct judged_level whole = *o;

	if (!ip_sum_right(o, frame))
		return false;
	if (o->protocol == WIRE_UDP)
		return whole_l4(&whole, frame) && l4_sum_state(&whole, frame) == 0;
	if (o->protocol == WIRE_GRE && frame[o->l4] & 0x80)
		return wire_sum(frame + o->l4, o->end - o->l4, 0) == 0xffff;
	return true;
}

/* Only one checksum of a packet can be handed on as unfinished: here it is the tunnel's. */
static bool outer_unfinished(const struct judged_level *o, const uint8_t *frame)
{
	uint32_t field = o->protocol == WIRE_UDP ? get16(frame + o->l4 + 6) : 0;

	return field && field == wire_pseudo(frame + o->l3, o->version, WIRE_UDP, o->end - o->l4);
}

/* Judges the packet inside a tunnel whose own headers are valid. */
static void judge_inside(struct judged *j, struct inside in, const uint8_t *frame, uint64_t hosts, uint64_t link,
			 const struct gro_config *config)
{
	uint32_t off = in.off;
	int version = in.what ? in.what : behind_ethernet(frame, &off, j->outer.end);
	uint64_t begin = name_number(link, j->outer.protocol);
	enum walk walk;

	j->tunnel = in.tunnel;
	walk = version < 0 ? WALK_NOT_IP : walk_ip(&j->level, frame, off, j->outer.end, (unsigned int)version);
	if (walk == WALK_NOT_IP) {
		j->kind = KIND_OTHER;
		return;
	}
	add_pair(j, name_hosts(name_number(hosts, j->outer.protocol), &j->level, frame), j->level.protocol);
	j->hosts = name_hosts(0, &j->level, frame);
	if (j->level.end != j->outer.end)
		walk = WALK_UNKNOWN;
	/* The tunnel's header, and an Ethernet header in it; IP in IP has neither. GRE's checksum is of
	 * the packet, not of the flow. */
	begin = name_label(begin, &j->outer, frame);
	if (in.tunnel == PARSE_GRE && frame[j->outer.l4] & 0x80) {
		begin = name_bytes(begin, frame + j->outer.l4, 4);
		begin = name_bytes(begin, frame + j->outer.l4 + 6, off - j->outer.l4 - 6u);
	} else if (in.tunnel == PARSE_GRE) {
		begin = name_bytes(begin, frame + j->outer.l4, off - j->outer.l4);
	} else if (in.tunnel != PARSE_IPIP) {
		begin = name_bytes(begin, frame + j->outer.l4, 4);
		begin = name_bytes(begin, frame + j->outer.payload, off - j->outer.payload);
	}
	judge_l4(j, walk, frame, j->outer.end, begin, config->accept_unfinished);
}

/* Whether config merges packets like it, if they are right. */
static bool is_merged(const struct judged *j, const struct gro_config *config)
{
	static const uint32_t tunnels[] = { [PARSE_VXLAN] = GRO_MERGE_VXLAN,
					    [PARSE_GENEVE] = GRO_MERGE_GENEVE,
					    [PARSE_GRE] = GRO_MERGE_GRE,
					    [PARSE_IPIP] = GRO_MERGE_IPIP };
	uint32_t bits = j->tunnel ? tunnels[j->tunnel] : 0;

	if (j->level.protocol == WIRE_UDP)
		bits |= GRO_MERGE_UDP;
	else if (!bits)
		bits = GRO_MERGE_TCP;
	return (config->merge & bits) == bits;
}

/* The checksum of a packet that config does not merge is not looked at. */
static struct judged of_no_interest(struct judged j, const struct gro_config *config)
{
	if (j.kind == KIND_UNKNOWN && j.whole && !is_merged(&j, config))
		j.kind = KIND_OTHER;
	return j;
}

struct judged judge(const uint8_t *frame, uint32_t len, const struct gro_config *config)
{
	struct judged j = { .kind = KIND_OTHER, .level.end = len };
	uint32_t off = 0;
	int version = behind_ethernet(frame, &off, len);
	struct inside in = { PARSE_NO_TUNNEL, 0, -1 };
	uint64_t link, hosts;
	enum walk walk;

	if (version < 0)
		return j;
	walk = walk_ip(&j.level, frame, off, len, (unsigned int)version);
	if (walk == WALK_NOT_IP) {
		j.level = (struct judged_level){ .end = len };
		return j;
	}
	hosts = name_hosts(0, &j.level, frame);
	link = name_bytes(hosts, frame, off);
	j.hosts = j.outer_hosts = hosts;
	add_pair(&j, hosts, j.level.protocol);
	if (walk == WALK_WHOLE && (j.level.protocol != WIRE_UDP || whole_l4(&j.level, frame)))
		in = inside_of(&j.level, frame, config);
	if (in.tunnel != PARSE_NO_TUNNEL && config->accept_unfinished && outer_unfinished(&j.level, frame)) {
		note_sums(&j, &j.level, frame, len);
		j.kind = KIND_UNKNOWN;
		return j;
	}
	if (in.tunnel == PARSE_NO_TUNNEL) {
		judge_l4(&j, walk, frame, len, link, config->accept_unfinished);
		return of_no_interest(j, config);
	}
	j.outer = j.level;
	j.level = (struct judged_level){ .end = j.outer.end };
	judge_inside(&j, in, frame, hosts, link, config);
	/* As outside tunnels, a packet of another protocol is of no flow, right or wrong. */
	if (j.kind != KIND_OTHER && !outer_right(&j.outer, frame)) {
		j.kind = KIND_UNKNOWN;
		j.unknown_pair = 0;
		j.ip_wrong = true;
	}
	return of_no_interest(j, config);
}

bool judged_exempt(const struct judged *j, const uint8_t *frame, const struct gro_config *config)
{
	if (j->level.end - j->level.payload < config->min_payload)
		return true;
	return passes(config, frame + j->level.l4);
}
