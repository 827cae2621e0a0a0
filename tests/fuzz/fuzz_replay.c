// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The reader of captures: any file gives packets, then an end or an error with a sentence, in finite time.
 *
 *      input: the file
 */
#include "fuzz.h"
#include "replay/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_reader reader;
	struct capture_packet packet;
	enum capture_result result;
	uint64_t sum = 0, cnt = 0;
	FILE *file;

	if (!size)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "rb");
	if (!file)
		return 0;
	if (!capture_open(&reader, file)) {
		holds(reader.error[0], "a refusal has a sentence");
		return 0;
	}
	while ((result = capture_next(&reader, &packet)) == CAPTURE_PACKET) {
		holds(packet.captured_len <= CAPTURE_PACKET_MAX, "no packet is longer than the limit");
		for (uint32_t i = 0; i < packet.captured_len; i++)
			sum += packet.data[i];
		holds(++cnt <= size, "no more packets than bytes");
		holds(capture_position(&reader) <= size, "no more is read than the file has");
	}
	holds(result == CAPTURE_END || reader.error[0], "damage has a sentence");
	capture_close(&reader);
	return sum == UINT64_MAX; /* the bytes were looked at */
}
