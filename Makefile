# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# make help      lists the targets
# make CC=clang B=build/clang    another compiler, another tree
# make SAN=1 B=build/asan        AddressSanitizer and UndefinedBehaviorSanitizer
# make SAN=thread B=build/tsan   ThreadSanitizer

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
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DOCDIR     ?= $(PREFIX)/share/doc/superpacket

B      ?= build
CC     := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG  ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

# Warnings are errors; WERROR= turns that off for other compilers.
WERROR ?= -Werror
CFLAGS ?= -O2 -g
comma := ,
san_1 := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
san_thread := -fsanitize=thread -fno-omit-frame-pointer
# FUZZ: what libFuzzer goes by; for tests/fuzz. COVERAGE: what llvm-cov goes by.
SANFLAGS := $(if $(COVERAGE),-fprofile-instr-generate -fcoverage-mapping) $(if $(FUZZ),-fsanitize=fuzzer-no-link) $(if $(SAN),$(or $(san_$(SAN)),$(error SAN is 1 or thread)))
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE= $(CFLAGS) -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes $(WERROR) \
              $(SANFLAGS) -DSUPERPACKET_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(B) -MMD -MP
# The engine includes its own headers and two of user/base (bytes.h, vnet_header.h), nothing else. One set of
# objects serves the daemon and both libraries: with hidden symbols, position-independent code costs nothing.
ENGINE_CFLAGS := $(filter-out -I$(B),$(ALL_CFLAGS)) -fPIC -fvisibility=hidden
ALL_LDFLAGS := $(SANFLAGS) $(LDFLAGS)
DAEMON_LIBS := -lxdp -lbpf -lmnl -ljansson -lsystemd -lseccomp -lpthread

engine_obj := $(patsubst %.c,$(B)/%.o,$(wildcard user/engine/*.c))
daemon_obj := $(patsubst %.c,$(B)/%.o,$(foreach floor,base nic frontend datapath daemon,$(wildcard user/$(floor)/*.c)))
replay_obj := $(patsubst %.c,$(B)/%.o,$(wildcard tools/replay/*.c))
command_obj := $(patsubst %.c,$(B)/%.o,$(wildcard tools/command/*.c))

bpf_obj  := $(patsubst bpf/%.bpf.c,$(B)/%.bpf.o,$(wildcard bpf/*.bpf.c))
bpf_skel := $(bpf_obj:.bpf.o=.skel.h)

programs := $(B)/superpacketd $(B)/superpacket
examples := $(patsubst tools/examples/%.c,$(B)/examples/%,$(wildcard tools/examples/*.c))

# What is done to which file; V=1 shows the commands themselves.
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $@ && )

# All processors build, unless the caller has said how many.
SUBMAKE = +$(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

all:                                        ## build everything that is installed

demo:                                       ## install what is needed, build, show it on real traffic
	@tools/deps.sh demo
	$(SUBMAKE) all
	tools/demo.py $(B)

test: deps-tests                            ## install, build, run what every change must pass; T=REGEX: these
	$(SUBMAKE) all tests
	@$(PYTEST) -m 'not more' tests $(test_programs)

test-more: deps-tests                       ## the rest: clang, sanitizers, fuzzing, coverage, more of zero copy
	$(SUBMAKE) all tests
	$(SUBMAKE) CC=clang B=$(B)/clang all tests
	$(SUBMAKE) SAN=1 B=$(B)/asan unit-tests asan-daemon
	$(SUBMAKE) SAN=thread B=$(B)/tsan tsan-tests
	$(SUBMAKE) CC=clang SAN=1 FUZZ=1 B=$(B)/fuzz fuzz-tests
	$(SUBMAKE) CC=clang COVERAGE=1 B=$(B)/coverage covering-tests
	@$(PYTEST) -m more tests $(more_programs)

deps:                                       ## install what building and running need (Debian packages)
	@tools/deps.sh

deps-tests:                                 ## the same, and what the tests need
	@tools/deps.sh tests

man1 := $(wildcard tools/man/*.1)
man8 := $(wildcard tools/man/*.8)
# STRIP= leaves the debugging symbols in what is installed.
STRIP ?= strip
# How much: the archive keeps the names that linking needs.
stripped = $(if $(STRIP),$(STRIP) $(1),@:)
licences := $(wildcard LICENSE*)
# Where systemd looks for users by itself, at the next start of the machine; the user shall be there now.
system_wide := $(if $(DESTDIR),,$(filter /usr /usr/local,$(PREFIX)))
# The unit names the daemon's path, so it is made here, for the PREFIX in force now.
install: all install-library                ## install into PREFIX (DESTDIR is honoured; STRIP= keeps symbols)
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(BPFDIR) $(UNITDIR) $(SYSUSERSDIR) $(MANDIR)/man1 $(MANDIR)/man8 $(DOCDIR)/examples)
	install -m 755 $(B)/superpacketd $(DESTDIR)$(SBINDIR)/superpacketd
	install -m 755 $(B)/superpacket $(DESTDIR)$(BINDIR)/superpacket
	$(call stripped,$(DESTDIR)$(SBINDIR)/superpacketd $(DESTDIR)$(BINDIR)/superpacket)
	install -m 644 $(B)/steer.bpf.o $(DESTDIR)$(BPFDIR)/steer.bpf.o
	sed 's,@SBINDIR@,$(SBINDIR),g' tools/superpacketd@.service > $(DESTDIR)$(UNITDIR)/superpacketd@.service
	chmod 644 $(DESTDIR)$(UNITDIR)/superpacketd@.service
	install -m 644 tools/superpacket.sysusers $(DESTDIR)$(SYSUSERSDIR)/superpacket.conf
	$(if $(system_wide),if command -v systemd-sysusers >/dev/null; then systemd-sysusers $(SYSUSERSDIR)/superpacket.conf; fi)
	install -m 644 $(man1) $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(man8) $(DESTDIR)$(MANDIR)/man8
	install -m 644 $(licences) README.md $(DESTDIR)$(DOCDIR)
	install -m 644 $(wildcard tools/examples/*.c) $(DESTDIR)$(DOCDIR)/examples

uninstall: uninstall-library                ## remove what install has put there; the user superpacket stays
	rm -f $(DESTDIR)$(SBINDIR)/superpacketd $(DESTDIR)$(BINDIR)/superpacket \
	      $(DESTDIR)$(BPFDIR)/steer.bpf.o $(DESTDIR)$(UNITDIR)/superpacketd@.service \
	      $(DESTDIR)$(SYSUSERSDIR)/superpacket.conf \
	      $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(man1))) \
	      $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(man8))) \
	      $(addprefix $(DESTDIR)$(DOCDIR)/,$(licences) README.md) \
	      $(addprefix $(DESTDIR)$(DOCDIR)/examples/,$(notdir $(wildcard tools/examples/*.c)))
	-rmdir $(DESTDIR)$(BPFDIR) $(DESTDIR)$(DOCDIR)/examples $(DESTDIR)$(DOCDIR) 2>/dev/null

clean:                                      ## remove everything that was built
	rm -rf $(B)

help:                                       ## this list
	@echo "superpacket $(VERSION): driver-level reassembly and segmentation over AF_XDP"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(filter %Makefile %.mk,$(MAKEFILE_LIST)) | expand -t 22

# ---- the engine and the library ----

# gcc gathers the fields that an append changes into vectors, only to store them: 10 % at 4096 flows.
$(filter $(B)/user/engine/gro%.o,$(engine_obj)): ENGINE_CFLAGS += -fno-tree-slp-vectorize

$(B)/user/engine/%.o: user/engine/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ENGINE_CFLAGS) -c $< -o $@

include user/library/library.mk

all: $(programs) $(libraries) $(bpf_obj)

# ---- the daemon ----

# The skeletons are made before anything includes them.
$(B)/user/%.o: user/%.c | $(bpf_skel)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -c $< -o $@

define compile_bpf
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) -O2 -g -target bpf -Wall -Wextra $(WERROR) -Iinclude -I/usr/include/$(shell uname -m)-linux-gnu \
		-MMD -MP -c $< -o $@
endef

$(B)/%.bpf.o: bpf/%.bpf.c
	$(compile_bpf)

# The section .xdp_run_config is for libxdp's dispatcher; libbpf does not know it and warns about it.
$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL){ $(BPFTOOL) gen skeleton $< name $*_bpf > $@ 2> $@.err; status=$$?; \
		grep -v 'skipping unrecognized data section.*[.]xdp_run_config' $@.err >&2; \
		rm -f $@.err; exit $$status; }

# Everything of the daemon but its main().
$(B)/libsuperpacketd.a: $(filter-out $(B)/user/daemon/main.o,$(daemon_obj))
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

$(B)/superpacketd: $(B)/user/daemon/main.o $(B)/libsuperpacketd.a $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ $(DAEMON_LIBS) -o $@

# ---- the command, replay, examples ----

$(B)/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Itools $(TOOL_CFLAGS) -c $< -o $@

$(B)/libreplay.a: $(replay_obj) $(B)/tools/command/say.o
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

# It cleans up behind a dead daemon by the daemon's own functions.
$(B)/superpacket: $(command_obj) $(B)/libreplay.a $(B)/libsuperpacketd.a $(B)/libsuperpacket.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $^ -ljansson -lpcap -lxdp -lbpf -lmnl -lpthread -o $@

$(B)/examples/%: tools/examples/%.c $(B)/libsuperpacket.so
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(filter-out -Iuser -I$(B),$(ALL_CFLAGS)) $(ALL_LDFLAGS) $< -L$(B) -lsuperpacket \
		-Wl,-rpath,'$$ORIGIN/..' $(if $(filter %forward,$@),-lxdp -lbpf) -o $@

include tools/bench/bench.mk
include tests/tests.mk
include tools/lint/lint.mk

-include $(shell find $(B) -maxdepth 4 -name '*.d' 2>/dev/null)

.PHONY: all demo test test-more deps deps-tests install uninstall clean help
