#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The first process of the guest: mounts, modules, then the tests that /wanted names, one a line. What is reported of
them goes to the second serial line, a JSON object each; this console gets everything else. The machine is off at the
end, however that came.
"""

import ctypes
import os
import sys
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
RB_POWER_OFF = 0x4321FEDC
SYS_FINIT_MODULE = 313
RESULTS = "/dev/ttyS1"
SECOND_PROCESSOR = "/sys/devices/system/cpu/cpu1/online"
MOUNTS = (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/dev/shm"),
          ("tmpfs", "/run"), ("tmpfs", "/tmp"), ("bpf", "/sys/fs/bpf"))


def checked(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount_all():
    for kind, where in MOUNTS:
        os.makedirs(where, exist_ok=True)
        # nothing is in the file systems yet: the limits are ours to choose
        options = b"size=90%" if kind == "tmpfs" else None
        checked(libc.mount(kind.encode(), where.encode(), kind.encode(), 0, options), where)


def second_processor():
    with open(SECOND_PROCESSOR, "w") as file:
        file.write("1")


def load_modules():
    with open("/modules/order") as file:
        for name in file.read().split():
            fd = os.open(f"/modules/{name}.ko", os.O_RDONLY)
            checked(libc.syscall(SYS_FINIT_MODULE, fd, b"", 0), name)
            os.close(fd)


def wait_for_nics(deadline=10):
    end = time.monotonic() + deadline
    while not all(os.path.exists(f"/sys/class/net/{nic}") for nic in ("eth0", "eth1")):
        if time.monotonic() > end:
            raise OSError("eth0 and eth1 have not come")
        time.sleep(0.01)


def run_tests():
    root = "/superpacket/tests"
    sys.path[:0] = [f"{root}/zerocopy", f"{root}/net"]
    import guest
    with open("/wanted") as file:
        guest.run(file.read().split("\n"), RESULTS)


def main():
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/", LC_ALL="C.UTF-8")
    try:
        mount_all()
        console = os.open("/dev/console", os.O_RDWR)
        for fd in range(3):
            os.dup2(console, fd)
        second_processor()
        load_modules()
        wait_for_nics()
        run_tests()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os.sync()
    libc.reboot(RB_POWER_OFF)


if __name__ == "__main__":
    main()
