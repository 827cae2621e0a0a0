# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What `make install` puts into a directory, and the commands that look at it."""

import glob
import os
import re
import shutil
import subprocess
import tempfile

from lab import BUILD, ROOT, Failed, temporary_prefix

PREFIX = "/opt/packets"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

# What a make above us, or the user's shell, has set for another purpose.
NOT_INHERITED = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DESTDIR", "PREFIX", "SBINDIR", "BINDIR", "LIBDIR", "BPFDIR",
                 "UNITDIR", "SYSUSERSDIR", "INCLUDEDIR", "PKGCONFIGDIR", "MANDIR", "PKG_CONFIG_PATH",
                 "PKG_CONFIG_SYSROOT_DIR"}


def run(*argv, env=None, check=True, cwd=None):
    environment = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              env={**environment, "LC_ALL": "C.UTF-8", **(env or {})}, cwd=cwd)
    except FileNotFoundError:
        raise Failed(f"{argv[0]} is missing: run make test") from None
    if check and done.returncode:
        raise Failed(f"`{' '.join(argv)}` ended with {done.returncode}: {(done.stderr + done.stdout)[-2000:]}")
    return done


def exported_by_map():
    with open(os.path.join(ROOT, "user/library/libsuperpacket.map")) as file:
        return set(re.findall(r"^\t(\w+);$", file.read().split("local:")[0], re.M))


def declared():
    """Functions of the public headers; those that are inline apart."""
    functions, inline = set(), set()
    for path in glob.glob(os.path.join(ROOT, "include/superpacket/*.h")):
        with open(path) as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        for line in re.findall(r"^(?!#|\s)(.*\bsp_\w+\(.*)$", text, re.M):
            name = re.search(r"\b(sp_\w+)\(", line)[1]
            (inline if line.startswith("static") else functions).add(name)
    return functions, inline


def version():
    with open(os.path.join(ROOT, "Makefile")) as file:
        return re.search(r"^VERSION := (\S+)", file.read(), re.M)[1]


def symbols(path, *options):
    """[(type, name without version)]"""
    found = re.findall(r"^(?:[0-9a-f]{16})? *(\w) (\S+?)(?:@.*)?$", run("nm", *options, path).stdout, re.M)
    assert found, f"nm says nothing of {path}"
    return found


class Tree:
    """An installation in a directory of its own."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix=temporary_prefix())
        self.make("install")
        self.lib = self.root + PREFIX + "/lib"
        self.env = {"PKG_CONFIG_PATH": self.lib + "/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": self.root,
                    "LD_LIBRARY_PATH": self.lib}

    def make(self, target):
        run("make", "--no-print-directory", f"B={os.path.relpath(BUILD, ROOT)}", f"DESTDIR={self.root}",
            f"PREFIX={PREFIX}", target, cwd=ROOT)

    def pkg_config(self, *options):
        return run("pkg-config", *options, "superpacket", env=self.env).stdout.split()

    def compile(self, source, name, *options, compiler="gcc"):
        path = os.path.join(self.root, name)
        run(compiler, *WARNINGS, source, *self.pkg_config("--cflags", "--libs"), *options, "-o", path)
        return path

    def files(self):
        return sorted(os.path.relpath(os.path.join(directory, name), self.root + PREFIX)
                      for directory, _, names in os.walk(self.root + PREFIX) for name in names)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        shutil.rmtree(self.root, ignore_errors=True)
