# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# libsuperpacket: the engine (user/engine) behind its public functions (user/library, include/superpacket).
# Included by the Makefile at the top.

library_obj := $(engine_obj) $(patsubst %.c,$(B)/%.o,$(wildcard user/library/*.c))
libraries := $(B)/libsuperpacket.so $(B)/static/libsuperpacket.a

$(B)/user/library/%.o: user/library/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ENGINE_CFLAGS) -c $< -o $@

# For the daemon and the tests: every symbol of the engine is visible to them.
$(B)/libsuperpacket.a: $(library_obj)
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

# The shared library exports what the symbol map names. It needs nothing but memcpy() and the like; with
# sanitizers it needs their run time too, which the program that loads it brings along.
$(B)/libsuperpacket.so.$(VERSION): $(library_obj) user/library/libsuperpacket.map
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libsuperpacket.so.$(SOVERSION) \
		-Wl,--version-script=user/library/libsuperpacket.map $(if $(SAN),,-Wl,-z$(comma)defs) \
		$(library_obj) -o $@

$(B)/libsuperpacket.so: $(B)/libsuperpacket.so.$(VERSION)
	@ln -sf $(<F) $(B)/libsuperpacket.so.$(SOVERSION)
	$(call say,LN)ln -sf libsuperpacket.so.$(SOVERSION) $@

# The archive that is installed is one object whose other symbols are local, so that the engine's names
# (flow_init, gso_open) do not collide with those of the program that links it.
$(B)/static/libsuperpacket.a: $(library_obj)
	@mkdir -p $(@D) && rm -f $@
	@ld -r $^ -o $(@D)/superpacket.o && objcopy --localize-hidden $(@D)/superpacket.o
	$(call say,AR)ar rcs $@ $(@D)/superpacket.o

# Every function has a manual page of its own name, which includes the page that describes it.
man3 := $(wildcard tools/man/*.3)
man3_links := $(shell sed -n 's/^\t\(sp_[a-z_]*\);$$/\1/p' user/library/libsuperpacket.map) sp_gro_config_init
public_headers := $(wildcard include/superpacket/*.h)
# So that the loader finds the library in LIBDIR. An installation into DESTDIR, or by a user, cannot do this.
LDCONFIG = @[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || PATH="$$PATH:/sbin:/usr/sbin" ldconfig

install-library: $(libraries)
	install -d $(addprefix $(DESTDIR),$(LIBDIR) $(PKGCONFIGDIR) $(INCLUDEDIR)/superpacket $(MANDIR)/man3)
	install -m 644 $(public_headers) $(DESTDIR)$(INCLUDEDIR)/superpacket
	install -m 644 $(B)/static/libsuperpacket.a $(DESTDIR)$(LIBDIR)/libsuperpacket.a
	install -m 755 $(B)/libsuperpacket.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libsuperpacket.so.$(VERSION)
	$(call stripped,--strip-unneeded $(DESTDIR)$(LIBDIR)/libsuperpacket.so.$(VERSION))
	$(call stripped,--strip-debug $(DESTDIR)$(LIBDIR)/libsuperpacket.a)
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

.PHONY: install-library uninstall-library
