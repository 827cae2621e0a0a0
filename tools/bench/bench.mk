# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Benchmarks. Included by the Makefile at the top.

# DPDK is used by the benchmark only; without it only our own results are printed.
dpdk := $(shell pkg-config --exists libdpdk 2>/dev/null && echo yes)
bench_engine_obj := $(patsubst %.c,$(B)/%.o,$(filter-out tools/bench/latency.c tools/bench/paced.c,$(wildcard tools/bench/*.c)))

$(B)/tools/bench/%.o: TOOL_CFLAGS = $(if $(dpdk),-DHAVE_DPDK $(shell pkg-config --cflags libdpdk))
$(B)/bench-engine: $(bench_engine_obj) $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(if $(dpdk),$(shell pkg-config --libs libdpdk)) -o $@

$(B)/tools/latency $(B)/tools/paced: $(B)/tools/%: $(B)/tools/bench/%.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

bench-quick:                                ## measure the engine beside DPDK's libraries, first results
	@tools/deps.sh bench
	$(SUBMAKE) $(B)/bench-engine
	$(B)/bench-engine --processes 1

bench-engine:                               ## the same in full: spread, JSON, a plot
	@tools/deps.sh bench
	$(SUBMAKE) $(B)/bench-engine
	$(B)/bench-engine --json $(B)/bench-engine.json
	tools/bench/plot.py $(B)/bench-engine.json $(B)/bench-engine.svg

bench-latency:                              ## measure request/response, kernel and daemon in turns
	@tools/deps.sh tests
	$(SUBMAKE) all $(B)/tools/latency
	tools/bench/latency.py $(B)

bench-worker:                               ## measure packets a second of one worker, merged and alone
	@tools/deps.sh tests
	$(SUBMAKE) all $(B)/tests/attack
	tools/bench/worker.py $(B)

.PHONY: bench-quick bench-engine bench-latency bench-worker
