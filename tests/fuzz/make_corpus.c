// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Writes the committed corpora: a few inputs of each kind for each target, from which libFuzzer finds all
 * others.
 *
 *      make fuzz-corpus
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/vnet.h"
#include "fixtures/packet_builder.h"
#include "prop/wire.h"

static const char *directory;

static void save(const char *target, const char *name, const void *data, size_t len)
{
	char path[500];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, target);
	mkdir(path, 0777);
	snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
	file = fopen(path, "wb");
	if (!file || fwrite(data, 1, len, file) != len || fclose(file)) {
		perror(path);
		exit(1);
	}
}

/* Builds a packet of this kind; returns its length, 0 for kinds beyond the last. */
static size_t packet_of(unsigned int kind, size_t payload_len, uint8_t *buf, size_t room, struct packet_layout *at,
			const char **name)
{
	static const char *const names[] = { "tcp4",     "tcp6",  "udp4",   "udp6", "vlan", "extension",
					     "fragment", "vxlan", "geneve", "gre",  "ipip", "vxlan6" };
	static uint8_t options[12];
	struct packet p = kind % 2 ? packet_tcp6() : packet_tcp4();
	struct packet_tunnel tunnel;

	if (kind >= sizeof names / sizeof *names)
		return 0;
	*name = names[kind];
	p.payload_len = payload_len;
	packet_timestamp(&p, options, 1, 2);
	if (kind == 2 || kind == 3)
		p.l4 = PACKET_L4_UDP;
	if (kind == 4)
		packet_push_vlan(&p, 0x88a8, 3), packet_push_vlan(&p, 0x8100, 4);
	if (kind == 5)
		packet_push_ext(&p, PACKET_EXT_HOPOPTS, 8), packet_push_ext(&p, PACKET_EXT_DSTOPTS, 16);
	if (kind == 6)
		p.mf = true;
	if (kind < 7)
		return packet_build(&p, buf, room, at);
	tunnel = packet_tunnel(kind == 11 ? PACKET_VXLAN : PACKET_VXLAN + kind - 7,
			       kind == 11 ? PACKET_L3_IPV6 : PACKET_L3_IPV4);
	tunnel.options_len = kind == 8 ? 8 : 0;
	tunnel.key = true;
	return packet_build_in(&tunnel, &p, buf, room, at);
}

static void make_parse(void)
{
	uint8_t input[1000] = { 0 };
	struct packet_layout at;
	const char *name;
	size_t len;

	for (unsigned int kind = 0; (len = packet_of(kind, 20, input + 4, sizeof input - 4, &at, &name)); kind++) {
		input[2] = (uint8_t)at.l3_off;
		save("parse", name, input, len + 4);
	}
}

static void make_gso(void)
{
	uint8_t input[4000];
	struct packet_layout at;
	const char *name;
	size_t len;

	for (unsigned int kind = 0; kind < 12; kind++) {
		struct gso_request request = { .needs_csum = true, .size = 100, .csum_offset = 16 };
		struct vnet_header hdr;

		memset(input, 0, sizeof input);
		len = packet_of(kind, 730, input + 31, sizeof input - 31, &at, &name);
		request.type = kind == 2 || kind == 3 ? GSO_UDP : kind % 2 ? GSO_TCPV6 : GSO_TCPV4;
		if (request.type == GSO_UDP)
			request.csum_offset = 6;
		request.csum_start = (uint16_t)at.l4_off;
		if (kind == 7 || kind == 8 || kind == 11) {
			request.inner_l3_off = (uint16_t)at.l3_off;
			request.outer_l4_off = (uint16_t)at.outer_l4_off;
			request.outer_version = kind == 11 ? 6 : 4;
			request.outer_csum = true;
		}
		vnet_write(&hdr, &request);
		memcpy(input, &hdr, sizeof hdr);
		memcpy(input + 24, "\xea\x05\x00\x04\x01\x40\x00", 7); /* 1515 bytes, full sums, head 260, pieces 64 */
		save("gso", name, input, len + 31);
	}
}

static void make_gro(void)
{
	/* A run of packets for each connection: unchanged, changed, in fragments, with time passing. */
	for (unsigned int kind = 0; kind < 12; kind++) {
		uint8_t input[120] = { 0, 3, 100, 30, 0, 0, 0, 0 }, at = 8;
		char name[20];

		for (unsigned int i = 0; i < 6; i++) {
			static const uint8_t ops[] = { 0, 0, 4, 1, 2, 0 };

			input[at++] = kind < 6 ? 0 : ops[i];
			input[at++] = (uint8_t)kind;
			input[at++] = 0;
			input[at++] = i == 5 ? 40 : 60;
			for (unsigned int k = 0; k < 3; k++)
				if (input[at - 4] > k % 4 && kind >= 6)
					input[at++] = 8;
		}
		input[at++] = 5, input[at++] = 200, input[at++] = 0;
		input[at++] = 7;
		snprintf(name, sizeof name, "connection%u", kind);
		save("gro", name, input, at);
	}
}

static void put32(uint8_t **at, uint32_t v)
{
	memcpy(*at, &v, 4);
	*at += 4;
}

static void make_replay(void)
{
	uint8_t packet[200], file[1000], *at = file;
	uint32_t len = (uint32_t)packet_build(&(struct packet){ .ethertype = 0x88b5, .payload_len = 50 }, packet,
					      sizeof packet, NULL);

	put32(&at, 0xa1b2c3d4), put32(&at, 2 | 4 << 16), put32(&at, 0), put32(&at, 0), put32(&at, 65535), put32(&at, 1);
	for (uint32_t i = 0; i < 2; i++) {
		put32(&at, 1), put32(&at, i), put32(&at, len), put32(&at, len);
		memcpy(at, packet, len), at += len;
	}
	save("replay", "pcap", file, (size_t)(at - file));
	save("replay", "pcap_cut", file, (size_t)(at - file) - 9);

	at = file;
	put32(&at, 0x0a0d0d0a), put32(&at, 28), put32(&at, 0x1a2b3c4d), put32(&at, 1), put32(&at, ~0u), put32(&at, ~0u);
	put32(&at, 28);
	put32(&at, 1), put32(&at, 20), put32(&at, 1), put32(&at, 65535), put32(&at, 20);
	put32(&at, 6), put32(&at, 32 + 64), put32(&at, 0), put32(&at, 0), put32(&at, 9), put32(&at, 64), put32(&at, 64);
	memcpy(at, packet, 64), at += 64;
	put32(&at, 32 + 64);
	save("replay", "pcapng", file, (size_t)(at - file));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	directory = argv[1];
	mkdir(directory, 0777);
	make_parse();
	make_gso();
	make_gro();
	make_replay();
	return 0;
}
