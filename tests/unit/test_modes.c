// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "nic/modes.h"

/* A letter for each variant, in order: Z S B for zero copy (slices, built with multi-buffer, built), c s b for copy
 * mode (built with multi-buffer, slices, built). */
static const char letters[MODES_CNT + 1] = "ZSBcsb";

struct device_case {
	const char *what;
	struct modes_facts facts; /* fill_in() sets those that are 0 */
	const char *tried;
	enum modes_variant of; /* the variant whose reason is compared */
	const char *why;       /* a part of that reason */
};

static struct modes_facts fill_in(struct modes_facts facts)
{
	if (!facts.driver)
		facts.driver = "ice";
	if (!facts.kernel)
		facts.kernel = MODES_KERNEL(6, 18);
	if (!facts.frame_len)
		facts.frame_len = 1522;
	if (!facts.chunk_len)
		facts.chunk_len = 4096;
	facts.rx_headroom = 256;
	return facts;
}

#define PROMISES(segs) .told = true, .zerocopy = true, .zc_max_segs = segs
#define NO_ZEROCOPY .told = true

/* clang-format off: a row a line, or two */
static const struct device_case cases[] = {
	{ "a driver with everything",
	  { PROMISES(8) },
	  "ZBcb",
	  MODES_ZEROCOPY_SLICES,
	  "its driver sends header and slices from where they are" },
	{ "just enough descriptors for slices", { PROMISES(3) }, "ZBcb", MODES_ZEROCOPY_SLICES, "from where they are" },
	{ "one too few",
	  { PROMISES(2) },
	  "Bcb",
	  MODES_ZEROCOPY_SLICES,
	  "takes 2 descriptors a packet in zero copy, slices need 3" },
	{ "zero copy without multi-buffer: most drivers",
	  { PROMISES(1) },
	  "Bcb",
	  MODES_ZEROCOPY_SLICES,
	  "takes one descriptor a packet" },
	{ "zero copy is promised, its descriptors are not told (before 6.6)",
	  { PROMISES(0) },
	  "Bcb",
	  MODES_ZEROCOPY_SLICES,
	  "this kernel cannot tell" },
	{ "nothing was told at all: binding tells",
	  { .told = false },
	  "Bcb",
	  MODES_ZEROCOPY_BUILT,
	  "its driver takes zero-copy sockets" },
	{ "a driver without zero copy", { NO_ZEROCOPY }, "cb", MODES_ZEROCOPY_BUILT, "its driver has no zero copy" },
	{ "slices in copy mode are slower",
	  { NO_ZEROCOPY },
	  "cb",
	  MODES_COPY_SLICES,
	  "built frames are faster where the kernel copies" },

	{ "generic mode",
	  { PROMISES(8), .generic = true },
	  "cb",
	  MODES_ZEROCOPY_SLICES,
	  "in generic mode the kernel copies" },
	{ "generic mode, slices asked for",
	  { PROMISES(8), .generic = true, .transmit = MODES_TRANSMIT_SLICES },
	  "s",
	  MODES_COPY_BUILT,
	  "--transmit asks for slices" },

	{ "zero copy pinned",
	  { PROMISES(8), .pin = MODES_PIN_ZEROCOPY },
	  "ZB",
	  MODES_COPY_BUILT_SG,
	  "--xdp-mode rules copies out" },
	{ "zero copy pinned, which the driver does not have",
	  { NO_ZEROCOPY, .pin = MODES_PIN_ZEROCOPY },
	  "",
	  MODES_ZEROCOPY_BUILT,
	  "no zero copy" },
	{ "copies pinned",
	  { PROMISES(8), .pin = MODES_PIN_COPY },
	  "cb",
	  MODES_ZEROCOPY_SLICES,
	  "--xdp-mode rules zero copy out" },

	{ "slices asked for",
	  { PROMISES(8), .transmit = MODES_TRANSMIT_SLICES },
	  "Zs",
	  MODES_ZEROCOPY_BUILT,
	  "--transmit asks for slices" },
	{ "slices asked for of a driver without",
	  { PROMISES(1), .transmit = MODES_TRANSMIT_SLICES },
	  "s",
	  MODES_COPY_SLICES,
	  "--transmit asks for slices" },
	{ "slices in zero copy, which cannot be",
	  { PROMISES(1), .transmit = MODES_TRANSMIT_SLICES, .pin = MODES_PIN_ZEROCOPY },
	  "",
	  MODES_ZEROCOPY_SLICES,
	  "one descriptor" },
	{ "built frames asked for",
	  { PROMISES(8), .transmit = MODES_TRANSMIT_BUILT },
	  "SBcb",
	  MODES_ZEROCOPY_SLICES,
	  "--transmit asks for built frames" },
	{ "built frames are not told from slices by a socket",
	  { PROMISES(8) },
	  "ZBcb",
	  MODES_ZEROCOPY_BUILT_SG,
	  "the same" },

	{ "the longest frame of one chunk",
	  { PROMISES(1), .frame_len = 3840 },
	  "Bcb",
	  MODES_ZEROCOPY_BUILT,
	  "takes zero-copy sockets" },
	{ "longer: zero copy in one descriptor is out",
	  { PROMISES(1), .frame_len = 3841 },
	  "cb",
	  MODES_ZEROCOPY_BUILT,
	  "frames of 3841 bytes do not fit a chunk, which has room for 3840" },
	{ "jumbo in zero copy, enough for it",
	  { PROMISES(8), .frame_len = 9022 },
	  "Zcb",
	  MODES_ZEROCOPY_SLICES,
	  "from where they are" },
	{ "jumbo, one descriptor too few",
	  { PROMISES(4), .frame_len = 9022 },
	  "cb",
	  MODES_ZEROCOPY_SLICES,
	  "takes 4 descriptors a packet in zero copy, slices need 5" },
	{ "jumbo, zero copy pinned, no way",
	  { PROMISES(1), .frame_len = 9022, .pin = MODES_PIN_ZEROCOPY },
	  "",
	  MODES_ZEROCOPY_BUILT,
	  "do not fit" },

	{ "virtio_net that does not send",
	  { PROMISES(1), .driver = "virtio_net", .kernel = MODES_KERNEL(6, 12) },
	  "cb",
	  MODES_ZEROCOPY_BUILT,
	  "virtio_net before Linux 6.13" },
	{ "virtio_net that does",
	  { PROMISES(1), .driver = "virtio_net", .kernel = MODES_KERNEL(6, 13) },
	  "Bcb",
	  MODES_ZEROCOPY_BUILT,
	  "takes zero-copy sockets" },
	{ "igb with chunks of 2048",
	  { PROMISES(1), .driver = "igb", .chunk_len = 2048 },
	  "cb",
	  MODES_ZEROCOPY_BUILT,
	  "igb in zero copy breaks frames" },
	{ "igb with chunks of 4096",
	  { PROMISES(1), .driver = "igb" },
	  "Bcb",
	  MODES_ZEROCOPY_BUILT,
	  "takes zero-copy sockets" },
};
/* clang-format on */

static struct modes_plan plan_of(const struct modes_facts *facts)
{
	const struct modes_facts filled = fill_in(*facts);
	struct modes_plan plan;

	modes_decide(&plan, &filled);
	return plan;
}

Test(modes, what_is_tried_in_which_order_and_why)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct device_case *c = &cases[i];
		const struct modes_plan plan = plan_of(&c->facts);
		char tried[MODES_CNT + 1] = "";

		for (int v = 0, n = 0; v < MODES_CNT; v++) {
			if (plan.variants[v].tried)
				tried[n++] = letters[v];
			cr_expect_neq(plan.variants[v].why[0], '\0', "%s: no reason for %c", c->what, letters[v]);
			cr_expect_lt(strlen(plan.variants[v].why), MODES_WHY_LEN - 1, "%s: cut off", c->what);
		}
		cr_expect_str_eq(tried, c->tried, "%s: '%s' instead of '%s'", c->what, tried, c->tried);
		cr_expect(strstr(plan.variants[c->of].why, c->why), "%s: '%s'", c->what, plan.variants[c->of].why);
		cr_expect_eq(modes_possible(&plan), c->tried[0] != '\0', "%s", c->what);
		cr_expect_eq(plan.zc_chain_max, c->facts.zc_max_segs, "%s", c->what);
	}
}

/* If the kernel's version is unknown, no driver is known to have faults. */
Test(modes, no_driver_is_wrong_on_an_unknown_kernel)
{
	struct modes_facts facts = fill_in((struct modes_facts){ PROMISES(1), .driver = "virtio_net" });
	struct modes_plan plan;

	facts.kernel = 0;
	modes_decide(&plan, &facts);
	cr_expect(plan.variants[MODES_ZEROCOPY_BUILT].tried);
}

/* The most descriptors of a frame: a header, and slices of which the first begins at the last byte of a chunk. */
Test(modes, descriptors_of_a_frame)
{
	cr_expect_eq(modes_segs_needed(60, 4096), 3);
	cr_expect_eq(modes_segs_needed(1522, 4096), 3);
	cr_expect_eq(modes_segs_needed(4095, 4096), 3);
	cr_expect_eq(modes_segs_needed(9022, 4096), 5);
	cr_expect_eq(modes_segs_needed(65543, 4096), 19, "more than the 18 that copy mode has, by one byte");
}

static void expect_text(const char *text, const char *expected)
{
	cr_expect_str_eq(text, expected, "'%s' instead of '%s'", text, expected);
}

Test(modes, what_came_of_it_in_words)
{
	const struct modes_facts facts = { PROMISES(1) };
	const struct modes_plan plan = plan_of(&facts);
	int outcomes[MODES_CNT] = { MODES_UNTRIED, MODES_UNTRIED, -EINVAL, 0, MODES_UNTRIED, MODES_UNTRIED };
	char text[512];

	modes_explain(&plan, outcomes, MODES_COPY_BUILT_SG, text, sizeof text);
	expect_text(text, "its driver takes one descriptor a packet in zero copy; zero copy was refused: "
			  "Invalid argument; built frames are faster where the kernel copies");
	modes_outcome(&plan, outcomes, MODES_ZEROCOPY_SLICES, text, sizeof text);
	expect_text(text, "not tried: its driver takes one descriptor a packet in zero copy");
	modes_outcome(&plan, outcomes, MODES_ZEROCOPY_BUILT, text, sizeof text);
	expect_text(text, "refused: Invalid argument");
	modes_outcome(&plan, outcomes, MODES_COPY_BUILT_SG, text, sizeof text);
	expect_text(text, "in force: built frames are faster where the kernel copies");
	modes_outcome(&plan, outcomes, MODES_COPY_BUILT, text, sizeof text);
	expect_text(text, "not tried: a better variant is in force");

	outcomes[MODES_ZEROCOPY_BUILT] = 0;
	modes_explain(&plan, outcomes, MODES_ZEROCOPY_BUILT, text, sizeof text);
	expect_text(text, "its driver takes one descriptor a packet in zero copy; its driver takes zero-copy sockets");
}

Test(modes, what_binds_and_does_not_send_in_words)
{
	const struct modes_facts facts = { PROMISES(8) };
	const struct modes_plan plan = plan_of(&facts);
	int outcomes[MODES_CNT] = { MODES_SILENT, MODES_UNTRIED, MODES_INVALID,
				    MODES_BOUND,  MODES_UNTRIED, MODES_UNTRIED };
	char text[512];

	modes_outcome(&plan, outcomes, MODES_ZEROCOPY_SLICES, text, sizeof text);
	expect_text(text, "not proved: a test frame was not sent");
	modes_outcome(&plan, outcomes, MODES_ZEROCOPY_BUILT, text, sizeof text);
	expect_text(text, "not proved: the descriptors of a test frame were refused");
	modes_explain(&plan, outcomes, MODES_COPY_BUILT_SG, text, sizeof text);
	expect_text(text, "zero copy, slices, multi-buffer: a test frame was not sent; the socket for slices is the "
			  "same; zero copy, built frames: the descriptors of a test frame were refused; built "
			  "frames are faster where the kernel copies");
}

/* For a driver without zero copy, three variants have the same reason, which is given once. */
Test(modes, a_reason_is_said_once)
{
	const struct modes_facts facts = { NO_ZEROCOPY, .pin = MODES_PIN_ZEROCOPY };
	const struct modes_plan plan = plan_of(&facts);
	int outcomes[MODES_CNT];
	char text[512], shorter[24];

	for (int v = 0; v < MODES_CNT; v++)
		outcomes[v] = MODES_UNTRIED;
	modes_explain(&plan, outcomes, MODES_CNT, text, sizeof text);
	expect_text(text, "its driver has no zero copy; --xdp-mode rules copies out");
	modes_explain(&plan, outcomes, MODES_CNT, shorter, sizeof shorter);
	expect_text(shorter, "its driver has no zero ");
}
