/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Properties of a worker's socket and memory, which are decided when they are opened, at start and in a rebuild. The
 * worker publishes a copy each time; other threads read that copy and never the socket itself.
 */
#ifndef SUPERPACKET_FACTS_H
#define SUPERPACKET_FACTS_H

#include <string.h>

#include "base/seqlock.h"
#include "nic/xsk.h"

struct worker_facts {
	struct xsk_choice choice;         /* the bind mode, what became of the others, and who finishes checksums */
	bool zerocopy, slices, unaligned; /* as in struct xsk */
	bool huge_pages;                  /* the memory is on huge pages */
	uint32_t tx_budget;               /* as in struct xsk */
};

#define FACTS_WORDS ((sizeof(struct worker_facts) + sizeof(uint64_t) - 1) / sizeof(uint64_t))

struct facts_page {
	uint32_t sequence;
	uint64_t words[FACTS_WORDS];
};

static inline void facts_publish(struct facts_page *page, const struct xsk *xsk, const struct umem *umem)
{
	const struct worker_facts facts = {
		.choice = xsk->choice,
		.zerocopy = xsk->zerocopy,
		.slices = xsk->slices,
		.unaligned = xsk->unaligned,
		.huge_pages = umem->huge_pages,
		.tx_budget = xsk->tx_budget,
	};
	uint64_t words[FACTS_WORDS] = { 0 };

	memcpy(words, &facts, sizeof facts);
	seqlock_write(&page->sequence, page->words, words, FACTS_WORDS);
}

static inline struct worker_facts facts_read(const struct facts_page *page)
{
	uint64_t words[FACTS_WORDS];
	struct worker_facts facts;

	seqlock_read(&page->sequence, words, page->words, FACTS_WORDS);
	memcpy(&facts, words, sizeof facts);
	return facts;
}

#endif
