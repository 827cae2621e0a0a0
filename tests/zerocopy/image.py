# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the guest boots into: an initramfs with this machine's own Python and network tools, the
modules of the guest's kernel, our programs and tests. The namespace tests' laboratory runs in it
as it runs here.
"""

import glob
import hashlib
import importlib.util
import lzma
import os
import py_compile
import re
import shutil
import stat
import subprocess
import tempfile

from packages import Unavailable

# What the laboratory of tests/net calls, and the shell to call it with.
PROGRAMS = ("python3", "sh", "ip", "tc", "ethtool", "nsenter", "mount", "umount", "env", "cat", "grep", "rm",
            "bpftool", "xdp-loader", "iperf3")
MODULES = ("virtio_net", "tun", "veth", "bonding", "sch_ingress", "cls_bpf",
           # what an operator may set up on the way out
           "cls_u32", "act_gact", "act_mirred", "sch_cake", "sch_codel", "sch_ets", "sch_fq", "sch_hfsc", "sch_htb",
           "sch_netem", "sch_prio", "sch_sfq", "sch_tbf",
           # of the kernel as oracle
           "bridge", "vxlan", "geneve", "ip_gre", "ip6_gre", "ipip", "ip6_tunnel", "sit",
           # other kinds of devices
           "8021q", "dummy", "ifb", "ipvlan", "ipvtap", "macsec", "macvlan", "macvtap", "team",
           "team_mode_roundrobin", "vrf", "wireguard")
# Of Python's library: what no test imports, a third of it.
WITHOUT = {"test", "idlelib", "lib2to3", "ensurepip", "distutils", "turtledemo", "tkinter", "pydoc_data",
           "dist-packages", "site-packages"}
# Debian's pytest, its timeouts, and what it imports.
PYTEST = ("pytest", "_pytest", "pytest_timeout.py", "pluggy", "iniconfig", "packaging", "attr", "py.py")
PYTHON_PACKAGES = "/usr/lib/python3/dist-packages"
# Where libxdp finds its dispatcher.
XDP_OBJECTS = "/usr/lib/x86_64-linux-gnu/bpf/xdp-dispatcher.o"
# The tree of the guest is like ours, so that the tests find each other and what was built.
GUEST_ROOT = "/superpacket"


class Image:
    """A cpio archive (newc) in the making."""

    def __init__(self):
        self.entries = {}  # path: (mode, content, device, mtime)

    def directory(self, path):
        path = path.strip("/")
        while path and path not in self.entries:
            self.entries[path] = (stat.S_IFDIR | 0o755, b"", (0, 0), 0)
            path = os.path.dirname(path)

    def add(self, path, content, mode=0o755, mtime=0):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFREG | mode, content, (0, 0), mtime)

    def link(self, path, target):
        self.entries[path.strip("/")] = (stat.S_IFLNK | 0o777, target.encode(), (0, 0), 0)

    def device(self, path, major, minor):
        self.directory(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFCHR | 0o600, b"", (major, minor), 0)

    def file(self, source, path=None):
        """A file of this machine, where it is here or at another path. Its time comes along: what
        Python has compiled counts only with that of its source."""
        path = path or os.path.join(os.path.realpath(os.path.dirname(source)), os.path.basename(source))
        status = os.stat(source)
        with open(source, "rb") as file:
            self.add(path, file.read(), stat.S_IMODE(status.st_mode) | 0o400, int(status.st_mtime))

    def tree(self, source, path=None, without=()):
        for directory, names, files in os.walk(source):
            names[:] = [name for name in names if name not in without and not name.startswith("config-")]
            for name in files:
                whole = os.path.join(directory, name)
                if os.path.exists(whole):  # no dangling link
                    inside = os.path.relpath(whole, source)
                    self.file(whole, os.path.join(path, inside) if path else whole)

    def write(self, path):
        # renamed when whole: whoever finds it can use it
        with open(path + ".part", "wb") as file:
            # directories come before what is in them
            for number, (name, entry) in enumerate(sorted(self.entries.items()), 1):
                write_entry(file, number, name, *entry)
            write_entry(file, 0, "TRAILER!!!", 0, b"", (0, 0), 0)
            file.write(b"\0" * (-file.tell() % 512))
        os.rename(path + ".part", path)


def write_entry(file, number, name, mode, content, device, mtime):
    name = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, mtime, len(content), 0, 0, *device, len(name), 0)
    file.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
    file.write(b"\0" * (-file.tell() % 4) + content)
    file.write(b"\0" * (-file.tell() % 4))


def libraries(paths):
    """The shared libraries that these files load, and the loader."""
    found = set()
    done = subprocess.run(["ldd", *paths], capture_output=True, text=True)
    found.update(re.findall(r"(/\S+) \(0x", done.stdout))
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, re.M)
    if missing:
        raise Unavailable(f"{', '.join(missing)} cannot be found for the guest")
    return found


def add_programs(image):
    programs = []
    for name in PROGRAMS:
        path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if not path:
            raise Unavailable(f"{name} is missing: run make deps")
        programs.append(path)
    # of the Python that is taken along, whichever this one is
    stdlib = subprocess.run(["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
                            capture_output=True, text=True, check=True).stdout.strip()
    image.tree(stdlib, without=WITHOUT)
    for name in PYTEST:
        path = os.path.join(PYTHON_PACKAGES, name)
        if os.path.isdir(path):
            image.tree(path)
        elif os.path.exists(path):
            add_module(image, path)
    extensions = glob.glob(os.path.join(stdlib, "lib-dynload", "*.so"))
    for path in [*programs, *libraries(programs + extensions)]:
        image.file(path)
    if os.path.exists(XDP_OBJECTS):
        image.file(XDP_OBJECTS)


def module_files(packages):
    """Paths by name; names with - and _ are the same to the kernel."""
    paths = glob.glob(os.path.join(packages.modules, "kernel/**/*.ko*"), recursive=True)
    return {os.path.basename(path).split(".")[0].replace("-", "_"): path for path in paths}


def read_module(path):
    with open(path, "rb") as file:
        content = file.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


def add_modules(image, packages):
    """And /modules, the order to load them in: what a module depends on comes first."""
    files, order = module_files(packages), []

    def add(name):
        if name in order or name not in files:  # there already, or built in
            return
        content = read_module(files[name])
        for dependency in re.search(rb"\0?depends=([^\0]*)\0", content)[1].decode().split(","):
            add(dependency.replace("-", "_"))
        order.append(name)
        image.add(f"/modules/{name}.ko", content)

    for name in MODULES:
        add(name)
    image.add("/modules/order", "\n".join(order).encode())


def base_name():
    """Another one when what it is made of, or how, has changed."""
    digest = hashlib.sha256()
    for path in (__file__, "/var/lib/dpkg/status"):
        with open(path, "rb") as file:
            digest.update(file.read())
    return f"base-{digest.hexdigest()[:16]}.cpio"


def base(packages):
    """All but what is ours: made once and kept beside the kernel."""
    path = os.path.join(packages.directory, base_name())
    if os.path.exists(path):
        return path
    for old in glob.glob(os.path.join(packages.directory, "base-*")):
        os.unlink(old)
    image = Image()
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            image.link(name, os.readlink(f"/{name}"))
    for name in ("dev", "proc", "sys", "run", "tmp"):
        image.directory(name)
    image.device("/dev/console", 5, 1)
    add_programs(image)
    add_modules(image, packages)
    image.write(path)
    return path


def add_module(image, source, path=None):
    """Compiled too: an emulated processor takes seconds for it, at every start."""
    path = path or source
    image.file(source, path)
    with tempfile.TemporaryDirectory() as directory:
        compiled = py_compile.compile(source, os.path.join(directory, "compiled"), doraise=True)
        image.file(compiled, importlib.util.cache_from_source(path))


def build(packages, root, build_directory, tests, path):
    """The whole initramfs at `path`, which asks for these tests: the kernel unpacks archives one behind the other."""
    image = Image()
    image.add("/wanted", "\n".join(tests).encode())
    programs = [os.path.join(build_directory, name)
                for name in ("superpacketd", "superpacket", "faulty/superpacketd")]
    for program in programs:
        image.file(program, os.path.join(GUEST_ROOT, "build", os.path.relpath(program, build_directory)))
    for library in libraries(programs):
        image.file(library)
    for name in ("steer.bpf.o", "tests/zerocopy/beside.bpf.o"):
        image.file(os.path.join(build_directory, name), os.path.join(GUEST_ROOT, "build", name))
    for suite in ("net", "zerocopy"):
        for module in glob.glob(os.path.join(root, "tests", suite, "*.py")):
            add_module(image, module, os.path.join(GUEST_ROOT, os.path.relpath(module, root)))
    image.file(os.path.join(root, ".pytest.ini"), f"{GUEST_ROOT}/.pytest.ini")
    image.file(os.path.join(root, "tests/zerocopy/init.py"), "/init")
    image.write(path + ".ours")
    with open(path, "wb") as whole:
        for part in (base(packages), path + ".ours"):
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole)
    os.unlink(path + ".ours")
