// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The reader of captures: any file gives packets, an end, or a sentence; and ends.
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
		holds(reader.error[0], "who refuses says why");
		return 0;
	}
	while ((result = capture_next(&reader, &packet)) == CAPTURE_PACKET) {
		holds(packet.captured_len <= CAPTURE_PACKET_MAX, "no packet is longer than packets are");
		for (uint32_t i = 0; i < packet.captured_len; i++)
			sum += packet.data[i];
		holds(++cnt <= size, "no more packets than bytes");
		holds(capture_position(&reader) <= size, "no more is read than there is");
	}
	holds(result == CAPTURE_END || reader.error[0], "who finds damage says which");
	capture_close(&reader);
	return sum == UINT64_MAX; /* the bytes were looked at */
}
