# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What of libsuperpacket is not seen from within: symbols, installation, headers, examples."""

import os
import re
import tempfile

from installed import PREFIX, WARNINGS, Tree, declared, exported_by_map, run, symbols, version
from lab import BUILD, ROOT, temporary_prefix

# All that the library may want of others. The weak ones are the C run time's own.
MEMORY_FUNCTIONS = {"memcpy", "memset", "memmove", "memcmp", "bcmp"}
# libgcc's, and linked in: which vector instructions there are.
CPU_FEATURES = {"__cpu_model", "__cpu_indicator_init"}
# The one variable: which version of the checksum this CPU runs, set while the library is loaded.
VARIABLES = {"chosen"}


def test_symbol_map_and_headers_name_the_same_functions():
    """The symbol map and the headers name the same functions."""
    functions, _ = declared()
    assert len(functions) > 20, f"only {len(functions)} functions were found in the headers"
    assert functions == exported_by_map(), f"in one only: {sorted(functions ^ exported_by_map())}"


def test_shared_library_shows_nothing_else():
    """The shared library exports the functions of the map and nothing else."""
    shown = {name for kind, name in symbols(f"{BUILD}/libsuperpacket.so", "-D", "--defined-only")
             if kind != "A"}
    assert shown == exported_by_map(), f"not in map and library both: {sorted(shown ^ exported_by_map())}"


def test_shared_library_wants_nothing_but_memory_functions():
    """The shared library needs nothing but memory functions of the C library."""
    wanted = {name for kind, name in symbols(f"{BUILD}/libsuperpacket.so", "-D", "--undefined-only")
              if kind == "U"}
    assert "memcpy" in wanted, f"nm shows {wanted}: that is no library of ours"
    assert wanted <= MEMORY_FUNCTIONS, f"it wants {sorted(wanted - MEMORY_FUNCTIONS)}"
    needed = run("readelf", "-d", f"{BUILD}/libsuperpacket.so").stdout
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", needed) == ["libc.so.6"], f"libraries: {needed}"
    assert "[libsuperpacket.so.0]" in re.search(r"\(SONAME\).*", needed)[0], f"no SONAME: {needed}"


def test_no_instruction_enters_the_kernel_or_reads_a_clock(tree):
    """The library has no instruction that enters the kernel or reads a clock."""
    code = run("objdump", "-d", "--no-show-raw-insn", f"{tree.lib}/libsuperpacket.a").stdout
    mnemonics = set(re.findall(r"^\s+[0-9a-f]+:\t(\w+)", code, re.M))
    assert len(mnemonics) > 30, f"objdump was not understood: {sorted(mnemonics)}"
    found = mnemonics & {"syscall", "sysenter", "int", "rdtsc", "rdtscp", "svc"}
    assert not found, f"there is {sorted(found)}"


def test_installed_archive_keeps_the_engine_to_itself(tree):
    """The installed archive exports the functions of the map and nothing of the engine."""
    archive = f"{tree.lib}/libsuperpacket.a"
    shown = {name for kind, name in symbols(archive, "-g", "--defined-only")}
    assert shown == exported_by_map(), f"not in map and archive both: {sorted(shown ^ exported_by_map())}"
    wanted = {name for kind, name in symbols(archive, "--undefined-only") if kind == "U"}
    wanted -= MEMORY_FUNCTIONS | CPU_FEATURES | {"_GLOBAL_OFFSET_TABLE_"}
    assert not wanted, f"it wants {sorted(wanted)}"


def test_library_has_no_variables_but_the_choice_of_vector_code(tree):
    """The library has no variables but the choice of vector code."""
    table = run("objdump", "-t", f"{tree.lib}/libsuperpacket.a").stdout
    variables = re.findall(r"^\S+ .{7} (?:\.bss|\.data|\.tbss|\.tdata)\S*\s+[0-9a-f]+ +(?:\.hidden )?(\S+)$",
                           table, re.M)
    variables = {name for name in variables if not name.startswith(".")}
    constants = re.findall(r"\.data\.rel\.ro\S*\s+[0-9a-f]+ +(?:\.hidden )?(\S+)$", table, re.M)
    assert "gro_reason_names" in constants, f"objdump was not understood: {constants}"
    assert variables - set(constants) == VARIABLES, f"variables are {sorted(variables - set(constants))}"


def test_installed_tree_is_complete(tree):
    """`make install` installs every file of the library and the manual pages."""
    v = version()
    lib = {"lib/" + name for name in ("libsuperpacket.a", "libsuperpacket.so", "libsuperpacket.so.0",
                                      f"libsuperpacket.so.{v}", "pkgconfig/superpacket.pc")}
    wanted = lib | {"include/superpacket/gro.h", "include/superpacket/gso.h",
                    "share/man/man3/superpacket.3", "share/man/man3/sp_gro.3", "share/man/man3/sp_gso.3",
                    "share/man/man1/superpacket.1", "share/man/man1/superpacket-replay.1",
                    "share/man/man8/superpacketd.8"}
    missing = wanted - set(tree.files())
    assert not missing, f"missing: {sorted(missing)}; there are: {tree.files()}"
    assert os.readlink(f"{tree.lib}/libsuperpacket.so") == "libsuperpacket.so.0", "link of developers"
    assert os.readlink(f"{tree.lib}/libsuperpacket.so.0") == f"libsuperpacket.so.{v}", "link of programs"
    assert tree.pkg_config("--modversion") == [v], f"pkg-config: {tree.pkg_config('--modversion')}"
    with open(f"{tree.lib}/pkgconfig/superpacket.pc") as file:
        text = file.read()
    assert "@" not in text and f"prefix={PREFIX}\n" in text, f"superpacket.pc: {text}"


def test_other_directories_are_honoured():
    """`make install` honours LIBDIR, INCLUDEDIR, PKGCONFIGDIR and MANDIR."""
    with tempfile.TemporaryDirectory(prefix=temporary_prefix()) as root:
        directories = {"LIBDIR": "/l/multiarch", "INCLUDEDIR": "/i", "PKGCONFIGDIR": "/p", "MANDIR": "/m"}
        run("make", "--no-print-directory", f"B={os.path.relpath(BUILD, ROOT)}", f"DESTDIR={root}",
            *(f"{k}={v}" for k, v in directories.items()), "install-library", cwd=ROOT)
        for path in ("l/multiarch/libsuperpacket.so", "i/superpacket/gro.h", "p/superpacket.pc",
                     "m/man3/superpacket.3"):
            assert os.path.exists(os.path.join(root, path)), f"{path} was not installed"
        flags = run("pkg-config", "--cflags", "--libs", "superpacket",
                    env={"PKG_CONFIG_PATH": root + "/p"}).stdout.split()
        assert flags == ["-I/i", "-L/l/multiarch", "-lsuperpacket"], f"pkg-config says {flags}"


def test_plain_example_compiles_against_the_installed_library(tree):
    """The plain example compiles against the installed library."""
    source = f"{ROOT}/tools/examples/plain.c"
    with open(source) as file:
        assert len(file.readlines()) <= 60, "plain.c is longer than 60 lines"
    for compiler in ("gcc", "clang"):
        program = tree.compile(source, f"plain-{compiler}", compiler=compiler)
        needed = run("readelf", "-d", program).stdout
        assert "[libsuperpacket.so.0]" in needed, f"{compiler}: it does not need the shared library: {needed}"
        said = run(program, env=tree.env).stdout
        assert "4 packets, one superpacket" in said and "4 of 4 as they came" in said, f"it said: {said!r}"


def test_plain_example_compiles_against_the_archive(tree):
    """The plain example compiles against the archive."""
    program = os.path.join(tree.root, "plain-static")
    run("gcc", *WARNINGS, f"{ROOT}/tools/examples/plain.c", *tree.pkg_config("--cflags"),
        f"{tree.lib}/libsuperpacket.a", "-o", program)
    assert "libsuperpacket" not in run("readelf", "-d", program).stdout, "it needs the shared library"
    assert "4 of 4 as they came" in run(program).stdout, "it does not work"


def test_forwarder_example_compiles_against_the_installed_library(tree):
    """The forwarder example compiles against the installed library."""
    flags = run("pkg-config", "--cflags", "--libs", "libxdp", "libbpf").stdout.split()
    program = tree.compile(f"{ROOT}/tools/examples/forward.c", "forward", *flags)
    done = run(program, env=tree.env, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr, f"it said: {done.stderr!r}"


def test_headers_are_usable_from_c_and_cxx_of_every_age(tree):
    """The headers are usable from C99 to C17 and from C++98 to C++20."""
    here = f"{ROOT}/tests/library"
    for compiler, language, standards in (("gcc", "c", ("c99", "c11", "gnu17")),
                                          ("clang", "c", ("c99", "c17")),
                                          ("g++", "cc", ("c++98", "c++11", "c++20"))):
        for standard in standards:
            program = tree.compile(f"{here}/headers.{language}", f"headers-{standard}", f"-std={standard}",
                                   compiler=compiler)
            assert run(program, env=tree.env).stdout == "0 held\n", f"{compiler} {standard}: it does not work"
    for header in ("gro.h", "gso.h"):
        lone = os.path.join(tree.root, "lone.c")
        with open(lone, "w") as file:
            file.write(f"#include <superpacket/{header}>\nint main(void) {{ return 0; }}\n")
        tree.compile(lone, "lone", "-std=c99")


def test_uninstall_leaves_nothing():
    """`make uninstall` removes all that was installed, and nothing else."""
    with Tree() as tree:
        uninstall(tree)


def uninstall(tree):
    stranger = f"{tree.lib}/libstranger.so"
    with open(stranger, "w"):
        pass
    tree.make("uninstall")
    assert tree.files() == ["lib/libstranger.so"], f"left: {tree.files()}"
    for directory in ("include/superpacket", "lib/superpacket"):
        assert not os.path.exists(f"{tree.root}{PREFIX}/{directory}"), f"{directory} is still there"
