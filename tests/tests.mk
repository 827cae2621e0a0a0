# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the tests are made of. Included by the Makefile at the top; pytest runs what is built (conftest.py).
#
#   unit_NAME    tests/unit/test_NAME.c, Criterion, without the kernel
#   bpf_NAME     tests/bpf/test_NAME.c, the BPF programs by BPF_PROG_TEST_RUN
#   nic_NAME     tests/nic/test_NAME.c, the edges on devices of its own
#   prop_engine  tests/prop: random streams through the engine
#   fuzz_NAME    tests/fuzz/fuzz_NAME.c, libFuzzer
#
# A test links the archives and takes from them what it names; what a unit test defines itself replaces that
# part of the daemon.

unit_tests := $(patsubst tests/unit/test_%.c,$(B)/tests/unit_%,$(wildcard tests/unit/test_*.c))
bpf_tests  := $(patsubst tests/bpf/test_%.c,$(B)/tests/bpf_%,$(wildcard tests/bpf/test_*.c))
nic_tests  := $(patsubst tests/nic/test_%.c,$(B)/tests/nic_%,$(wildcard tests/nic/test_*.c))
fuzz_tests := $(patsubst tests/fuzz/fuzz_%.c,$(B)/tests/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))
prop_tests := $(B)/tests/prop_engine
# The same daemon with faults on command (user/base/fault.h).
faulty     := $(B)/faulty/superpacketd
# Programs that the suites of tests/net and tests/zerocopy start.
helpers    := $(faulty) $(B)/tests/zerocopy/beside.bpf.o $(addprefix $(B)/tests/,mangler crowd hostile attack order) \
              $(addprefix $(B)/tools/,latency paced) \
              $(B)/tests/fewer_channels.so $(B)/tests/broken_tap.so
# Whose coverage counts: the engine's tests, and those of the library that is made of it.
covering_tests := $(prop_tests) $(filter $(addprefix $(B)/tests/unit_,checksum flips flow flow_attack gro% gso% habit \
                    parse% vnet library%),$(unit_tests))

# What make test and make test-more run of what is built here, and in the other trees.
test_programs := $(unit_tests) $(prop_tests) $(bpf_tests) $(nic_tests)
in_tree = $(patsubst $(B)/%,$(B)/$(1)/%,$(2))
more_programs := $(call in_tree,clang,$(unit_tests)) $(call in_tree,asan,$(unit_tests) $(prop_tests)) \
                 $(call in_tree,fuzz,$(fuzz_tests))
# Debian's Python, for which its pytest is. -B: nothing is written into the source tree.
PYTEST = SUPERPACKET_BUILD=$(abspath $(B)) /usr/bin/python3 -B -m pytest -c .pytest.ini -n auto $(if $(T),--only='$(T)')

tests: $(unit_tests) $(prop_tests) $(bpf_tests) $(nic_tests) $(helpers) $(examples) ## build all tests
unit-tests: $(unit_tests) $(prop_tests)     ## build those that need neither root nor namespaces
fuzz-tests: $(fuzz_tests)
covering-tests: $(covering_tests)

$(B)/tests/%.o: tests/%.c | $(bpf_skel)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Itests -Itools -c $< -o $@

$(B)/tests/%.bpf.o: tests/%.bpf.c
	$(compile_bpf)

# Criterion writes its totals; what several tests of a kind share is an archive.
TEST_LIBS = -lcriterion -ljansson -lpcap -lseccomp
fixtures_obj := $(B)/tests/fixtures/packet_builder.o
$(B)/tests/libshared.a: $(fixtures_obj) $(patsubst %.c,$(B)/%.o,$(wildcard tests/unit/*_book.c tests/unit/*_bench.c) \
                          $(filter-out tests/prop/prop.c,$(wildcard tests/prop/*.c)))
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

unit_archives := $(B)/tests/libshared.a $(B)/libreplay.a $(B)/libsuperpacketd.a $(B)/libsuperpacket.a
$(B)/tests/unit_%: $(B)/tests/unit/test_%.o $(unit_archives)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(TEST_LIBS) -o $@

# What a stranger has: the public headers and the shared library.
$(filter $(B)/tests/unit_library%,$(unit_tests)): $(B)/tests/unit_%: $(B)/tests/unit/test_%.o \
		$(B)/tests/unit/library_run.o $(fixtures_obj) $(B)/libsuperpacket.so
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $(filter %.o,$^) -L$(B) -lsuperpacket -Wl,-rpath,'$$ORIGIN/..' -lcriterion -o $@

$(B)/tests/bpf_%: $(B)/tests/bpf/test_%.o $(fixtures_obj)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -lcriterion -lxdp -lbpf -o $@

$(B)/tests/nic_%: $(B)/tests/nic/test_%.o $(B)/tests/nic/nic_bed.o $(fixtures_obj) $(B)/libsuperpacketd.a $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -lcriterion $(DAEMON_LIBS) -o $@

$(B)/tests/prop_engine: $(B)/tests/prop/prop.o $(B)/tests/libshared.a $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(B)/tests/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/libshared.a $(B)/libreplay.a $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ -lpcap -ljansson -o $@

$(B)/make_corpus: $(B)/tests/fuzz/make_corpus.o $(B)/tests/libshared.a $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(B)/tests/order: $(B)/tests/fixtures/order.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(B)/tests/mangler $(B)/tests/crowd: $(B)/tests/%: $(B)/tests/fixtures/%.o $(B)/user/base/quantity.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(B)/tests/hostile $(B)/tests/attack: $(B)/tests/%: $(B)/tests/fixtures/%.o $(fixtures_obj) $(B)/user/base/quantity.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(B)/tests/%.so: tests/fixtures/%.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(filter-out -fsanitize=%,$(ALL_CFLAGS)) -shared -fPIC $< -o $@

$(B)/faulty/user/%.o: user/%.c | $(bpf_skel)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -DSUPERPACKET_FAULTS -c $< -o $@

$(faulty): $(daemon_obj:$(B)/%=$(B)/faulty/%) $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(DAEMON_LIBS) -o $@

# For tests/net/test_threads.py: the daemon under ThreadSanitizer.
tsan-tests: $(B)/superpacketd $(faulty) ## build the daemon under ThreadSanitizer (SAN=thread B=build/tsan)

# For tests/drills/test_hostile.py: the daemon under AddressSanitizer.
asan-daemon: $(B)/superpacketd              ## build the daemon under sanitizers (SAN=1 B=build/asan)

# SCALE: of the numbers of events; D: only what matches. The table is written to $(B)/drills.
SCALE ?= 1
drills: deps-tests                          ## hundreds of crashes, changes and attacks: 20 minutes; SCALE=0.02 D=REGEX
	$(SUBMAKE) all tests
	$(SUBMAKE) SAN=1 B=$(B)/asan asan-daemon
	$(SUBMAKE) CC=clang SAN=1 FUZZ=1 B=$(B)/fuzz fuzz-tests
	@$(PYTEST) -n 0 -s --scale=$(SCALE) $(if $(D),--only='$(D)') tests/drills

# A failure prints its fewest packets; FIRST=seed begins there.
MINUTES ?= 10
soak: $(B)/tests/prop_engine                ## random streams through the engine for MINUTES=10
	$< --seconds=$(if $(filter command line,$(origin SECONDS)),$(SECONDS),$$(($(MINUTES) * 60))) --first=$(if $(FIRST),$(FIRST),$$(date +%s)000000)

SECONDS ?= 60
fuzz: deps-tests                            ## fuzz the engine's inputs for SECONDS=60 each; TARGET=gro
	$(SUBMAKE) CC=clang SAN=1 FUZZ=1 B=$(B)/fuzz fuzz-tests
	@$(PYTEST) --only='fuzz_$(TARGET)' --fuzz-seconds=$(SECONDS) tests $(call in_tree,fuzz,$(fuzz_tests))

fuzz-corpus: $(B)/make_corpus               ## write tests/fuzz/corpus anew
	$< tests/fuzz/corpus

coverage: deps-tests                        ## of the engine by its tests; MISSING=1: what is missed
	$(SUBMAKE) CC=clang COVERAGE=1 B=$(B)/coverage covering-tests
	tests/coverage $(if $(MISSING),--missing) $(B)/coverage

.PHONY: tests unit-tests fuzz-tests covering-tests tsan-tests asan-daemon drills soak fuzz fuzz-corpus coverage
