/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Segmentation by the book: a second implementation, written from the rules alone, with plain byte loops, every
 * checksum from scratch and offsets from the packet builder. It shares nothing with the engine. Tests of cutting
 * compare with it byte for byte.
 */
#ifndef TESTS_GSO_BOOK_H
#define TESTS_GSO_BOOK_H

#include "engine/gso.h"
#include "fixtures/exact.h"
#include "fixtures/packet_builder.h"

#define WIRE_MAX 65600u /* a frame_max that no segment exceeds */

/* The superpacket of a test. */
struct super {
	struct packet p;
	struct packet_tunnel tunnel; /* with at.outer_l4_off */
	struct packet_layout at;
	struct gso_request request;
	uint8_t *data; /* exactly len bytes, for AddressSanitizer */
	uint32_t len;
};

/* A superpacket as a sender makes it. Without needs_csum its checksum field holds a wrong value, which must not be
 * used (V4, S5); so does a tunnel's, unless it is 0 (S7). */
void super_build(struct super *s, const struct packet *p, uint16_t mss, bool needs_csum);
void super_build_in(struct super *s, const struct packet_tunnel *tunnel, const struct packet *p, uint16_t mss,
		    bool needs_csum);
void super_free(struct super *s);

/* Number of segments. */
uint32_t book_count(const struct super *s);

/* Segment i of s as a whole frame; partial: with an unfinished checksum. Returns its length. */
uint32_t book_segment(const struct super *s, uint32_t i, bool partial, uint8_t *out);

/* The sum of the pseudo-header of the packet at ip, built byte by byte (RFC 9293 section 3.1, RFC 8200 section
 * 8.1). */
uint64_t book_pseudo(const uint8_t *ip, uint8_t protocol, uint32_t l4_len);

/* Compares all segments, cut both ways (gso_next(), gso_next_built()), with the book: in all modes, or in one. */
void check_super(const struct super *s, const char *what);
void check_mode(const struct super *s, enum header_checksum mode, const char *what);

/* The superpacket of p and mss, with every kind of input checksum that its protocol may have. */
void check_packet(const struct packet *p, uint16_t mss, const char *what);
void check_packet_in(const struct packet_tunnel *tunnel, const struct packet *p, uint16_t mss, const char *what);

/* Asserts that segment i is as it should be. */
void same(const uint8_t *got, const uint8_t *want, uint32_t len, const char *what, uint32_t i);

/* A slot with a guard in front of it. What it contains before must not matter. */
struct slot {
	uint8_t before[64], bytes[HEADER_SLOT_LEN + 64];
};

void slot_fill(struct slot *slot);
void slot_check(const struct slot *slot, uint32_t hdr_len);

/* gso_next() into a filled slot, around which nothing may be written. */
struct gso_slice next_checked(struct gso *gso, struct slot *slot);

/* An ordinary packet and a superpacket of one segment (V2), with unfinished checksums, at all levels where tunnel
 * is not NULL: gso_complete() makes the packet that the builder makes. */
void check_complete(const struct packet_tunnel *tunnel, const struct packet *p, const char *what);

/* Does what a NIC does with a checksum that is left to it. */
void nic_finishes(uint8_t *frame, uint32_t len, struct gso_left left);

/* Takes all segments of any superpacket, and checks their number, order and lengths. */
void drain(struct gso *gso, uint32_t len, uint32_t frame_max, bool built);

/* Big-endian numbers of 1 to 4 bytes. */
uint32_t get(const uint8_t *p, int bytes);
void put(uint8_t *p, int bytes, uint32_t v);

uint32_t random_next(uint64_t *state);

extern const uint8_t nop_options[40];

/* A good packet: TCP over IPv4, over IPv6, UDP over IPv4, over IPv6, by which modulo 4. */
struct packet packet_of(uint32_t which);

/* Up to two VLAN tags; up to two IPv4 options of 20 bytes, or IPv6 extension headers. */
void add_vlans(struct packet *p, unsigned int cnt);
void add_ip_extras(struct packet *p, unsigned int extras);

#endif
