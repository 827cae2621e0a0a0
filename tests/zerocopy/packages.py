#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""QEMU, and a kernel whose virtio_net can do zero copy, as Debian packages.

    tests/zerocopy/packages.py DIRECTORY        (which is what tools/deps.sh zerocopy does)

Nothing is installed: the packages are unpacked into DIRECTORY, apt's lists and archives live there
too, and the machine's own are only read. apt verifies signatures and checksums as it always does.
They come from the mirror that this machine's apt is set up for: QEMU of the machine's own release, the
kernel of what is newest for the stable one. A second call finds everything and asks nobody.

    DIRECTORY/qemu/     the root that QEMU was unpacked into, with the libraries that were missing
    DIRECTORY/kernel/   the same of the kernel: vmlinuz, modules
    DIRECTORY/release   the kernel's release; written last, so that its being there means complete
"""

import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.parse

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
KERNEL_SUITES = ("stable-backports", "testing")  # the first whose kernel is new enough
KERNEL = "linux-image-cloud-amd64"               # without most drivers: a third of the size
OLDEST_KERNEL = (6, 13)                          # virtio_net transmits in zero copy from here on
DOWNLOAD_DEADLINE = 300


class Unavailable(Exception):
    """They cannot be had here; the text says why."""


class Packages:
    """What has been fetched."""

    def __init__(self, directory):
        self.directory = directory
        self.qemu_root = os.path.join(directory, "qemu")
        self.kernel_root = os.path.join(directory, "kernel")
        with open(os.path.join(directory, "release")) as file:
            self.release = file.read().strip()

    @property
    def kernel(self):
        for path in (f"usr/lib/modules/{self.release}/vmlinuz", f"boot/vmlinuz-{self.release}"):
            path = os.path.join(self.kernel_root, path)
            if os.path.exists(path):
                return path
        raise Unavailable(f"there is no vmlinuz in the packages of {self.release}")

    @property
    def modules(self):
        return next(path for path in (os.path.join(self.kernel_root, usr, "lib/modules", self.release)
                                      for usr in ("usr", "")) if os.path.isdir(path))

    def qemu(self):
        """The command, the directories of its firmware, the environment to run it in."""
        libraries = [os.path.join(self.qemu_root, part, "lib/x86_64-linux-gnu") for part in ("usr", "")]
        firmware = [os.path.join(self.qemu_root, "usr/share", part) for part in ("qemu", "seabios")]
        return (os.path.join(self.qemu_root, "usr/bin/qemu-system-x86_64"), firmware,
                {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)})


class Apt:
    """apt with lists, archives and sources of its own."""

    def __init__(self, directory, status, sources):
        self.directory = directory
        self.archives = os.path.join(directory, "archives")
        for part in ("lists/partial", "archives/partial", "parts"):
            os.makedirs(os.path.join(directory, part), exist_ok=True)
        with open(os.path.join(directory, "sources.list"), "w") as file:
            file.writelines(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n"
                            for mirror, suite in sources)
        settings = {
            "Dir::Etc::sourcelist": os.path.join(directory, "sources.list"),
            "Dir::Etc::sourceparts": os.path.join(directory, "parts"),
            "Dir::Etc::preferencesparts": os.path.join(directory, "parts"),
            "Dir::State": directory,
            "Dir::State::lists": os.path.join(directory, "lists"),
            "Dir::State::status": status,
            "Dir::Cache": directory,
            "Dir::Cache::archives": self.archives,
            "Dir::Log": directory,
            "Acquire::Languages": "none",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
            "Acquire::Retries": "2",
        }
        self.options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        self.run("apt-get", "update")

    def run(self, command, *argv, cwd=None):
        return run([command, "-q", *self.options, *argv], cwd)


def run(argv, cwd=None):
    try:
        done = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DOWNLOAD_DEADLINE, env={**os.environ, "LC_ALL": "C.UTF-8"})
    except FileNotFoundError:
        raise Unavailable(f"{argv[0]} is missing: this is not a Debian system with apt") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{argv[0]} had not ended after {DOWNLOAD_DEADLINE} s") from None
    if done.returncode != 0:
        errors = re.findall(r"^(?:E|W): (.*)", done.stderr, re.M) or [done.stderr.strip()[-300:]]
        raise Unavailable(f"{argv[0]}: {errors[0]}")
    return done.stdout


def own_mirror():
    """URI and codename of the Debian archive that this machine installs from."""
    targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    for uri in targets.split():
        if urllib.parse.urlsplit(uri).path.rstrip("/").endswith("/debian"):
            return uri, platform.freedesktop_os_release()["VERSION_CODENAME"]
    raise Unavailable("apt is set up for no Debian archive")


def unpack(archives, root):
    for package in sorted(glob.glob(os.path.join(archives, "*.deb"))):
        run(["dpkg-deb", "--extract", package, root])


def fetch_qemu(directory, mirror, codename):
    """With those of its libraries that this machine has not installed."""
    apt = Apt(os.path.join(directory, "apt-qemu"), "/var/lib/dpkg/status", [(mirror, codename)])
    apt.run("apt-get", "install", "--yes", "--download-only", "--reinstall", "qemu-system-x86",
            "qemu-system-common", "qemu-system-data", "seabios")
    unpack(apt.archives, os.path.join(directory, "qemu"))


def kernel_packages(apt):
    """The packages behind the one that always names the newest kernel."""
    found, wanted = set(), {KERNEL}
    while wanted:
        package = wanted.pop()
        found.add(package)
        depends = apt.run("apt-cache", "depends", "--important", package)
        wanted |= set(re.findall(r"Depends: (linux-\S+-cloud-amd64)$", depends, re.M)) - found
    return sorted(found - {KERNEL})


def fetch_kernel(directory, mirror):
    """Returns its release. Its dependencies (initramfs-tools and so on) are not for us."""
    tried = []
    nothing = os.path.join(directory, "nothing-installed")
    open(nothing, "w").close()
    for suite in KERNEL_SUITES:
        try:
            apt = Apt(os.path.join(directory, f"apt-{suite}"), nothing, [(mirror, suite)])
            packages = kernel_packages(apt)
            release = max(re.findall(r"^linux-image-(\d\S*)$", "\n".join(packages), re.M))
        except (Unavailable, ValueError) as error:
            tried.append(f"{suite}: {error or 'no kernel'}")
            continue
        if tuple(map(int, re.findall(r"\d+", release)[:2])) >= OLDEST_KERNEL:
            apt.run("apt-get", "download", *packages, cwd=apt.archives)
            unpack(apt.archives, os.path.join(directory, "kernel"))
            return release
        tried.append(f"{suite}: {release} is too old")
    raise Unavailable("no kernel that can do zero copy on virtio_net: " + "; ".join(tried))


def fetch(directory):
    """Returns Packages, or raises Unavailable."""
    if os.path.exists(os.path.join(directory, "release")):
        return Packages(directory)
    if platform.machine() != "x86_64":
        raise Unavailable(f"the guest is for x86_64, this machine is {platform.machine()}")
    shutil.rmtree(directory, ignore_errors=True)  # what a run that was ended has left
    os.makedirs(directory)
    mirror, codename = own_mirror()
    release = fetch_kernel(directory, mirror)
    fetch_qemu(directory, mirror, codename)
    for leftover in glob.glob(os.path.join(directory, "apt-*")):
        shutil.rmtree(leftover)
    os.unlink(os.path.join(directory, "nothing-installed"))
    with open(os.path.join(directory, "release"), "w") as file:
        file.write(release + "\n")
    return Packages(directory)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        packages = fetch(os.path.abspath(sys.argv[1]))
    except Unavailable as why:
        sys.exit(f"zerocopy: {why}")
    print(f"kernel {packages.release} and QEMU are in {packages.directory}")


if __name__ == "__main__":
    main()
