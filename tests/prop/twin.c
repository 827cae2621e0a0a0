// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "twin.h"

#include "long_way.h"

/* Where the second engine's copy of a byte is. */
static uint8_t *at_twin(const struct run *r, const uint8_t *data) { return r->twin.work + (data - r->work); }

void twin_prepare(struct run *r)
{
	struct twin *t = &r->twin;

	t->memory = run_grown(t->memory, &t->memory_size, gro_memory_size(&r->s->config));
	t->work = run_grown(t->work, &t->work_size, r->work_cnt);
	for (uint32_t i = 0; i < r->fragment_cnt; i++)
		memcpy(at_twin(r, r->fragments[i].data), r->fragments[i].data, r->fragments[i].len);
	holds(gro_init(&t->gro, &r->s->config, t->memory) == 0, "the configuration is taken again");
}

void twin_offer(struct run *r, const struct gro_packet *packets, uint32_t cnt, uint32_t taken)
{
	static struct gro_packet copies[BURST_MAX + GRO_FRAGMENTS_MAX];

	for (uint32_t i = 0; i < cnt; i++) {
		copies[i] = packets[i];
		copies[i].data = at_twin(r, packets[i].data);
	}
	holds(long_way_offer(&r->twin.gro, copies, cnt, r->now_ns) == taken, "the long way takes as many packets");
}

static void check_deadline(const struct run *r)
{
	holds(gro_deadline(&r->twin.gro) == gro_deadline(&r->gro), "the long way has the same deadline");
}

void twin_burst_end(struct run *r)
{
	gro_burst_end(&r->twin.gro, r->now_ns);
	check_deadline(r);
}

void twin_flush(struct run *r, enum gro_reason reason)
{
	gro_flush(&r->twin.gro, reason);
	check_deadline(r);
}

/* What a caller reads of a delivery. */
static bool same_delivery(const struct gro_super *a, const struct gro_super *b)
{
	return a->len == b->len && a->packet_cnt == b->packet_cnt && a->fragment_cnt == b->fragment_cnt &&
	       a->csum == b->csum && !memcmp(&a->request, &b->request, sizeof a->request);
}

void twin_next(struct run *r, const struct gro_super *super, uint32_t place)
{
	struct gro_super *other = gro_next(&r->twin.gro);

	holds(!super == !other, "the long way delivers as often");
	if (!super)
		return;
	holds(super->reason == other->reason, "the long way delivers for the same reason");
	holds(same_delivery(super, other), "the long way delivers the same");
	r->twin.taken[place] = other;
}

/* Compares the headers of a superpacket. Payloads are compared by twin_finish(). */
static bool same_headers_written(const struct run *r, const struct gro_super *a, const struct iovec *iov)
{
	const uint8_t *data = iov[0].iov_base;

	return a->packet_cnt == 1 || !memcmp(data, at_twin(r, data), iov[0].iov_len);
}

void twin_describe(struct run *r, uint32_t place, bool unmerge, const struct iovec *iov, uint32_t iov_cnt)
{
	static struct iovec others[GRO_MAX_PACKETS];
	struct gro_super *super = r->twin.taken[place];
	uint32_t cnt = unmerge ? gro_unmerge(&r->twin.gro, super, others, NULL) :
				 gro_iovecs(&r->twin.gro, super, others);

	holds(cnt == iov_cnt, "the long way delivers in as many pieces");
	for (uint32_t i = 0; i < cnt; i++)
		holds(others[i].iov_base == at_twin(r, iov[i].iov_base) && others[i].iov_len == iov[i].iov_len,
		      "the long way delivers the same pieces");
	holds(same_headers_written(r, super, iov), "the long way delivers the same bytes");
}

void twin_release(struct run *r, uint32_t place, const uint64_t *cookies, uint32_t cnt)
{
	static uint64_t others[GRO_MAX_PACKETS];
	struct twin *t = &r->twin;

	holds(gro_release(&t->gro, t->taken[place], others) == cnt, "the long way delivers as many packets");
	holds(!memcmp(cookies, others, cnt * sizeof *others), "the long way delivers the same packets");
	t->taken[place] = t->taken[r->taken_cnt - 1];
}

void twin_finish(struct run *r)
{
	const struct gro *other = &r->twin.gro;

	holds(!gro_next(&r->twin.gro), "the long way delivers no more");
	holds(!memcmp(r->gro.flushes, other->flushes, sizeof other->flushes) &&
		      !memcmp(r->gro.singles, other->singles, sizeof other->singles) &&
		      r->gro.checksum_errors == other->checksum_errors,
	      "the long way counts the same");
	for (uint32_t i = 0; i < r->fragment_cnt; i++)
		holds(!memcmp(r->fragments[i].data, at_twin(r, r->fragments[i].data), r->fragments[i].len),
		      "the long way leaves the same bytes");
}
