# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# make help      lists the targets
# make CC=clang B=build/clang    another compiler, another tree
# make SAN=1 B=build/asan        AddressSanitizer and UndefinedBehaviorSanitizer

VERSION := 0.1.0
# Of the shared library; counts changes that break programs linked with it.
SOVERSION := 0

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
MANDIR     ?= $(PREFIX)/share/man
BPFDIR     ?= $(LIBDIR)/superpacket
UNITDIR    ?= $(LIBDIR)/systemd/system

B      ?= build
CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG  ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

# Warnings are errors; WERROR= turns that off for other compilers.
WERROR ?= -Werror
CFLAGS ?= -O2 -g
comma := ,
# FUZZ: what libFuzzer goes by; for tests/fuzz. COVERAGE: what llvm-cov goes by.
SANFLAGS := $(if $(COVERAGE),-fprofile-instr-generate -fcoverage-mapping) $(if $(FUZZ),-fsanitize=fuzzer-no-link) $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE= $(CFLAGS) -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes $(WERROR) \
              $(SANFLAGS) -DSUPERPACKET_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(B) -MMD -MP
# The engine sees no kernel and no libraries: nothing but its own headers. One set of objects serves the
# daemon and both libraries: hidden symbols make position-independent code cost nothing (it is the very
# code that gcc makes for the daemon, a position-independent executable, without these two).
ENGINE_CFLAGS := $(filter-out -I$(B),$(ALL_CFLAGS)) -fPIC -fvisibility=hidden
ALL_LDFLAGS := $(SANFLAGS) $(LDFLAGS)
DAEMON_LIBS := -lxdp -lbpf -lmnl -ljansson -lsystemd -lpthread

engine_src := $(wildcard user/engine/*.c)
daemon_src := $(addprefix user/,log.c fault.c quantity.c) \
              $(wildcard user/nic/*.c user/frontend/*.c user/datapath/*.c user/daemon/*.c)
engine_obj := $(engine_src:%.c=$(B)/%.o)
library_obj := $(engine_obj) $(patsubst %.c,$(B)/%.o,$(wildcard user/library/*.c))
daemon_obj := $(daemon_src:%.c=$(B)/%.o)
# Everything of the daemon but its main(), for tests of the edges.
edges_obj  := $(filter-out $(B)/user/daemon/main.o,$(daemon_obj))

# The same daemon with faults on command (user/fault.h), for tests/net.
faults_obj := $(daemon_src:%.c=$(B)/faults/%.o)

bpf_obj  := $(patsubst bpf/%.bpf.c,$(B)/%.bpf.o,$(wildcard bpf/*.bpf.c))
bpf_skel := $(bpf_obj:.bpf.o=.skel.h)

unit_tests := $(patsubst tests/unit/test_%.c,$(B)/tests/unit_%,$(wildcard tests/unit/test_*.c))
bpf_tests  := $(patsubst tests/bpf/test_%.c,$(B)/tests/bpf_%,$(wildcard tests/bpf/test_*.c))
nic_tests  := $(patsubst tests/nic/test_%.c,$(B)/tests/nic_%,$(wildcard tests/nic/test_*.c))

prop_tests := $(B)/tests/prop_engine
fuzz_tests := $(patsubst tests/fuzz/fuzz_%.c,$(B)/tests/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))
# For the guest that has a zero-copy NIC (tests/zerocopy).
zerocopy_tests := $(B)/fault/superpacketd $(B)/faults/superpacketd $(B)/tests/zerocopy/beside.bpf.o

programs := $(B)/superpacketd $(B)/superpacket
libraries := $(B)/libsuperpacket.so $(B)/static/libsuperpacket.a
examples := $(patsubst tools/examples/%.c,$(B)/examples/%,$(wildcard tools/examples/*.c))

# What is done to which file; V=1 shows the commands themselves.
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $@ && )

# All processors build, unless the caller has said how many.
SUBMAKE = +$(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

all: $(programs) $(libraries) $(bpf_obj)    ## build everything that is installed

demo: deps                                  ## install what is needed, build, show it on real traffic
	$(SUBMAKE) all
	tools/demo.py $(B)

test: deps                                  ## install, build (gcc, clang, sanitizers), run all tests
	$(SUBMAKE) all tests
	$(SUBMAKE) CC=clang B=$(B)/clang all tests
	$(SUBMAKE) SAN=1 B=$(B)/asan unit-tests
	$(SUBMAKE) CC=clang SAN=1 FUZZ=1 B=$(B)/fuzz fuzz-tests
	$(SUBMAKE) CC=clang COVERAGE=1 B=$(B)/coverage covering-tests
	tests/run $(B)

test-zerocopy: deps                         ## the daemon in real zero copy, in an emulated machine
	$(SUBMAKE) all $(zerocopy_tests)
	tests/run $(B) --only zerocopy

bench-quick:                                ## the engine beside DPDK's libraries, first figures
	@tools/deps.sh bench
	$(SUBMAKE) $(B)/bench-engine
	$(B)/bench-engine --processes 1

bench-engine:                               ## the same at length: spread, JSON, a plot
	@tools/deps.sh bench
	$(SUBMAKE) $(B)/bench-engine
	$(B)/bench-engine --json $(B)/bench-engine.json
	tools/bench_plot.py $(B)/bench-engine.json $(B)/bench-engine.svg

# A failure prints its fewest packets; FIRST=seed begins there.
MINUTES ?= 10
soak: $(B)/tests/prop_engine                ## random streams through the engine for MINUTES=10
	$< --seconds=$(if $(filter command line,$(origin SECONDS)),$(SECONDS),$$(($(MINUTES) * 60))) --first=$(if $(FIRST),$(FIRST),$$(date +%s)000000)

SECONDS ?= 60
fuzz: deps                                  ## fuzz the engine's inputs for SECONDS=60 each; TARGET=gro
	$(SUBMAKE) CC=clang SAN=1 FUZZ=1 B=$(B)/fuzz fuzz-tests
	tests/fuzz/run --seconds=$(SECONDS) $(if $(TARGET),--target=$(TARGET)) $(B)/fuzz

# The engine's tests, and those of the library that is made of it.
covering_tests := $(addprefix $(B)/tests/unit_,$(filter checksum flips flow flow_attack gro% gso% habit header parse% vnet library%,\
                    $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c)))) $(B)/tests/prop_engine
covering-tests: $(covering_tests)
coverage: deps                              ## of the engine by its tests; MISSING=1: what is missed
	$(SUBMAKE) CC=clang COVERAGE=1 B=$(B)/coverage covering-tests
	tests/coverage $(if $(MISSING),--missing) $(B)/coverage

bench-latency: deps                         ## request/response of the kernel and the daemon, in turns
	$(SUBMAKE) all $(B)/latency
	tools/bench_latency.py $(B)

deps:                                       ## install what is needed (Debian packages)
	@tools/deps.sh

tests: $(unit_tests) $(prop_tests) $(bpf_tests) $(nic_tests) $(zerocopy_tests) $(B)/mangler $(B)/latency $(B)/fewer_channels.so $(B)/broken_tap.so $(examples) ## build all tests; tests/run runs what is built
unit-tests: $(unit_tests) $(prop_tests)     ## build those that need neither root nor namespaces

fuzz-tests: $(fuzz_tests)

man1 := $(wildcard tools/man/*.1)
man8 := $(wildcard tools/man/*.8)
# The unit names the daemon's path, so it is made here, for the PREFIX in force now.
install: all install-library                ## install into PREFIX (DESTDIR is honoured)
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(BPFDIR) $(UNITDIR) $(MANDIR)/man1 $(MANDIR)/man8)
	install -m 755 $(B)/superpacketd $(DESTDIR)$(SBINDIR)/superpacketd
	install -m 755 $(B)/superpacket $(DESTDIR)$(BINDIR)/superpacket
	install -m 644 $(B)/steer.bpf.o $(DESTDIR)$(BPFDIR)/steer.bpf.o
	sed 's,@SBINDIR@,$(SBINDIR),g' tools/superpacketd@.service > $(DESTDIR)$(UNITDIR)/superpacketd@.service
	chmod 644 $(DESTDIR)$(UNITDIR)/superpacketd@.service
	install -m 644 $(man1) $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(man8) $(DESTDIR)$(MANDIR)/man8

uninstall: uninstall-library                ## remove what install has put there
	rm -f $(DESTDIR)$(SBINDIR)/superpacketd $(DESTDIR)$(BINDIR)/superpacket \
	      $(DESTDIR)$(BPFDIR)/steer.bpf.o $(DESTDIR)$(UNITDIR)/superpacketd@.service \
	      $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(man1))) \
	      $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(man8)))
	-rmdir $(DESTDIR)$(BPFDIR) 2>/dev/null

clean:                                      ## remove everything that was built
	rm -rf $(B)

help:                                       ## this list
	@echo "superpacket $(VERSION): driver-level reassembly and segmentation over AF_XDP"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

# The engine is an archive of its own, and its tests link that archive alone.
$(B)/libsuperpacket.a: $(library_obj)
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

# gcc gathers the fields that an append changes into vectors, only to store them: 10 % at 4096 flows.
$(filter $(B)/user/engine/gro%.o,$(engine_obj)): ENGINE_CFLAGS += -fno-tree-slp-vectorize

$(B)/user/engine/%.o: user/engine/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ENGINE_CFLAGS) -c $< -o $@

$(B)/user/library/%.o: user/library/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ENGINE_CFLAGS) -c $< -o $@

# The shared library shows what the symbol map names, and needs nothing but memcpy() and its like: what
# else the sanitizers bring in, the program that loads it has.
$(B)/libsuperpacket.so.$(VERSION): $(library_obj) user/library/libsuperpacket.map
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libsuperpacket.so.$(SOVERSION) \
		-Wl,--version-script=user/library/libsuperpacket.map $(if $(SAN),,-Wl,-z$(comma)defs) \
		$(library_obj) -o $@

$(B)/libsuperpacket.so: $(B)/libsuperpacket.so.$(VERSION)
	@ln -sf $(<F) $(B)/libsuperpacket.so.$(SOVERSION)
	$(call say,LN)ln -sf libsuperpacket.so.$(SOVERSION) $@

# The archive that is installed is one object whose other symbols are local: the engine's names
# (flow_init, gso_open) do not meet those of the program that links it.
$(B)/static/libsuperpacket.a: $(library_obj)
	@mkdir -p $(@D) && rm -f $@
	@ld -r $^ -o $(@D)/superpacket.o && objcopy --localize-hidden $(@D)/superpacket.o
	$(call say,AR)ar rcs $@ $(@D)/superpacket.o

# Every function has a page of its own name, which is the one it is described in.
man3 := $(wildcard tools/man/*.3)
man3_links := $(shell sed -n 's/^\t\(sp_[a-z_]*\);$$/\1/p' user/library/libsuperpacket.map) sp_gro_config_init
public_headers := $(wildcard include/superpacket/*.h)
# So that the loader finds the library in LIBDIR. Who installs elsewhere, or as a user, sees to that himself.
LDCONFIG = @[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || PATH="$$PATH:/sbin:/usr/sbin" ldconfig

install-library: all
	install -d $(addprefix $(DESTDIR),$(LIBDIR) $(PKGCONFIGDIR) $(INCLUDEDIR)/superpacket $(MANDIR)/man3)
	install -m 644 $(public_headers) $(DESTDIR)$(INCLUDEDIR)/superpacket
	install -m 644 $(B)/static/libsuperpacket.a $(DESTDIR)$(LIBDIR)/libsuperpacket.a
	install -m 755 $(B)/libsuperpacket.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libsuperpacket.so.$(VERSION)
	ln -sf libsuperpacket.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libsuperpacket.so.$(SOVERSION)
	ln -sf libsuperpacket.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libsuperpacket.so
	sed 's,@PREFIX@,$(PREFIX),g; s,@LIBDIR@,$(LIBDIR),g; s,@INCLUDEDIR@,$(INCLUDEDIR),g; s,@VERSION@,$(VERSION),g' \
		tools/superpacket.pc.in > $(DESTDIR)$(PKGCONFIGDIR)/superpacket.pc
	chmod 644 $(DESTDIR)$(PKGCONFIGDIR)/superpacket.pc
	install -m 644 $(man3) $(DESTDIR)$(MANDIR)/man3
	for f in $(man3_links); do \
		echo ".so man3/$$(echo $$f | cut -c1-6).3" > $(DESTDIR)$(MANDIR)/man3/$$f.3 && \
		chmod 644 $(DESTDIR)$(MANDIR)/man3/$$f.3 || exit; \
	done
	$(LDCONFIG)

uninstall-library:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/libsuperpacket.,a so so.$(SOVERSION) so.$(VERSION)) \
	      $(DESTDIR)$(PKGCONFIGDIR)/superpacket.pc \
	      $(addprefix $(DESTDIR)$(INCLUDEDIR)/superpacket/,$(notdir $(public_headers))) \
	      $(addprefix $(DESTDIR)$(MANDIR)/man3/,$(notdir $(man3)) $(addsuffix .3,$(man3_links)))
	-rmdir $(DESTDIR)$(INCLUDEDIR)/superpacket 2>/dev/null
	$(LDCONFIG)

# The skeletons are made before anything includes them.
$(B)/user/%.o: user/%.c | $(bpf_skel)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/faults/user/%.o: user/%.c | $(bpf_skel)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -DSUPERPACKET_FAULTS -c $< -o $@

$(B)/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(TOOL_CFLAGS) -c $< -o $@

$(B)/tests/%.o: tests/%.c | $(bpf_skel)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Itests -c $< -o $@

$(B)/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) -O2 -g -target bpf -Wall -Wextra $(WERROR) -Iinclude -I/usr/include/$(shell uname -m)-linux-gnu \
		-MMD -MP -c $< -o $@

$(B)/tests/%.bpf.o: tests/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) -O2 -g -target bpf -Wall -Wextra $(WERROR) -I/usr/include/$(shell uname -m)-linux-gnu \
		-MMD -MP -c $< -o $@

# The section .xdp_run_config is for libxdp's dispatcher; that libbpf does not know it is no news.
$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL){ $(BPFTOOL) gen skeleton $< name $*_bpf > $@ 2> $@.err; status=$$?; \
		grep -v 'skipping unrecognized data section.*[.]xdp_run_config' $@.err >&2; \
		rm -f $@.err; exit $$status; }

$(B)/superpacketd: $(daemon_obj) $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(DAEMON_LIBS) -o $@

$(B)/faults/superpacketd: $(faults_obj) $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(DAEMON_LIBS) -o $@

# A daemon that is broken on purpose: the test that must notice it has to fail.
$(B)/fault/superpacketd: $(filter-out %/datapath/transmit.o,$(daemon_obj)) $(B)/fault/transmit.o $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(DAEMON_LIBS) -o $@

$(B)/fault/transmit.o: user/datapath/transmit.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -DFAULT_EARLY_REUSE=1 -c $< -o $@

# What it has of the daemon's own, to clean up behind it.
clean_obj := $(patsubst %,$(B)/user/nic/%.o,features restore steer_leftovers steer_look)
$(B)/superpacket: $(patsubst %.c,$(B)/%.o,$(wildcard tools/superpacket*.c tools/replay*.c)) $(clean_obj) \
		$(B)/user/quantity.o $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -ljansson -lpcap -lxdp -lbpf -o $@

$(B)/mangler $(B)/latency: $(B)/%: $(B)/tools/%.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

$(B)/fewer_channels.so $(B)/broken_tap.so: $(B)/%.so: tools/%.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(filter-out -fsanitize=%,$(ALL_CFLAGS)) -shared -fPIC $< -o $@

# DPDK is the rival of the benchmark only; without it our own figures are printed.
dpdk := $(shell pkg-config --exists libdpdk 2>/dev/null && echo yes)
$(B)/tools/bench_%.o: TOOL_CFLAGS = $(if $(dpdk),-DHAVE_DPDK $(shell pkg-config --cflags libdpdk))
$(B)/bench-engine: $(patsubst %.c,$(B)/%.o,$(wildcard tools/bench_*.c)) $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(if $(dpdk),$(shell pkg-config --libs libdpdk)) -o $@

# A unit test of a module outside the engine names the objects it needs.
$(B)/tests/unit_adjust: $(B)/user/nic/adjust.o $(B)/user/nic/features.o
$(B)/tests/unit_restore: $(B)/user/nic/restore.o $(B)/user/nic/features.o
$(B)/tests/unit_modes: $(B)/user/nic/modes.o
$(B)/tests/unit_tx_checksum: $(B)/user/nic/tx_checksum.o $(B)/user/nic/tx_checksum_prove.o $(B)/user/nic/umem.o \
                             $(B)/user/log.o
$(B)/tests/unit_umem: $(B)/user/nic/umem.o $(B)/user/log.o
$(B)/tests/unit_transmit: $(B)/user/datapath/transmit.o $(B)/user/nic/umem.o $(B)/user/log.o
$(B)/tests/unit_receive: $(B)/user/datapath/receive.o $(B)/user/nic/umem.o $(B)/user/log.o
$(B)/tests/unit_deliver: $(B)/user/datapath/deliver.o
$(B)/tests/unit_frontend: $(patsubst %,$(B)/user/datapath/%.o,worker deliver receive transmit watchdog) \
                          $(B)/user/nic/umem.o $(B)/user/log.o
$(B)/tests/unit_watchdog: $(B)/user/datapath/watchdog.o
$(B)/tests/unit_config: $(B)/user/daemon/config.o $(B)/user/daemon/cpus.o $(B)/user/log.o $(B)/user/quantity.o
$(B)/tests/unit_quantity: $(B)/user/quantity.o
$(B)/tests/unit_cpus: $(B)/user/daemon/cpus.o
$(B)/tests/unit_stats: $(B)/user/frontend/frontend.o $(patsubst %,$(B)/user/daemon/%.o,stats config cpus) $(B)/user/log.o $(B)/user/quantity.o
# The proofs (tests/prop/scenario.h), of which some are unit tests.
proof_obj := $(patsubst %.c,$(B)/%.o,$(filter-out tests/prop/prop.c,$(wildcard tests/prop/*.c)))
$(B)/tests/unit_flips: $(proof_obj)
$(B)/tests/unit_replay: $(patsubst %,$(B)/tools/replay_%.o,roundtrip order engine files capture report) \
                        $(B)/tools/superpacket_say.o
$(B)/tests/prop_engine: $(B)/tests/prop/prop.o $(proof_obj) $(B)/tests/packet_builder.o $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@
# What several test files of a module share is an object of their own.
gro_tests := $(filter-out %_unfinished,$(filter $(B)/tests/unit_gro%,$(unit_tests)))
$(gro_tests): $(B)/tests/unit/gro_bench.o
$(filter $(B)/tests/unit_gso%,$(unit_tests)): $(B)/tests/unit/gso_book.o
$(B)/tests/unit_%: $(B)/tests/unit/test_%.o $(B)/tests/packet_builder.o $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(B)/libsuperpacket.a -lcriterion $(if $(filter %stats %replay,$@),-ljansson) $(if $(filter %replay,$@),-lpcap) -o $@

# What a stranger has: the public headers and the shared library.
$(filter $(B)/tests/unit_library%,$(unit_tests)): $(B)/tests/unit_%: $(B)/tests/unit/test_%.o \
		$(B)/tests/unit/library_run.o $(B)/tests/packet_builder.o $(B)/libsuperpacket.so
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $(filter %.o,$^) -L$(B) -lsuperpacket -Wl,-rpath,'$$ORIGIN/..' -lcriterion -o $@

$(B)/examples/%: tools/examples/%.c $(B)/libsuperpacket.so
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(filter-out -Iuser -I$(B),$(ALL_CFLAGS)) $(ALL_LDFLAGS) $< -L$(B) -lsuperpacket \
		-Wl,-rpath,'$$ORIGIN/..' $(if $(filter %forward,$@),-lxdp -lbpf) -o $@

$(B)/make_corpus: $(B)/tests/fuzz/make_corpus.o $(B)/tests/packet_builder.o $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -o $@

fuzz-corpus: $(B)/make_corpus               ## write tests/fuzz/corpus anew
	$< tests/fuzz/corpus

$(B)/tests/fuzz_replay: $(B)/tools/replay_capture.o
$(B)/tests/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(proof_obj) $(B)/tests/packet_builder.o $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $(filter %.o,$^) $(B)/libsuperpacket.a $(if $(filter %replay,$@),-lpcap) -o $@

$(B)/tests/bpf_%: $(B)/tests/bpf/test_%.o $(B)/tests/packet_builder.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -lcriterion -lxdp -lbpf -o $@

$(B)/tests/nic_device $(B)/tests/nic_nic $(B)/tests/nic_prove $(B)/tests/nic_steer $(B)/tests/nic_superpackets: $(B)/tests/nic/nic_bed.o
$(B)/tests/nic_%: $(B)/tests/nic/test_%.o $(B)/tests/packet_builder.o $(edges_obj) $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -lcriterion $(DAEMON_LIBS) -o $@

-include $(shell find $(B) -maxdepth 4 -name '*.d' 2>/dev/null)

.PHONY: all demo test test-zerocopy soak fuzz fuzz-tests fuzz-corpus coverage covering-tests bench-quick bench-engine \
        bench-latency deps tests unit-tests install uninstall install-library uninstall-library clean help
