# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The guest: an emulated machine (no KVM is asked for) with two virtio NICs on one wire.

    eth0 == wire == eth1        eth0 can do zero copy both ways; the wire is

    hub    inside QEMU: no privilege, but only one queue; a third NIC may be on it
    tap    a bridge with two TAPs in a network namespace that goes with QEMU: as many as we like

eth0 needs iommu_platform: the kernel maps the UMEM through a DMA device, which virtio has only then.
Whatever makes the device write several packets as one (guest_*) is off, as XDP wants it.

The module virtio_net has the header of its zero-copy transmissions in its own, vmalloc()ed, memory, and
hands the device an address that is only right for the kernel's direct map. A hub ignores that header. For
a TAP the address has to be one beyond the memory of the machine, where zeros are read: hence no KASLR and
less than 1 GiB.
"""

import ctypes
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass

MEMORY_MIB = 768
BOOT_DEADLINE = 240  # seconds; most of it for a machine that is busy with others
# An emulated boot may stop before there is a first process, or crash: the kernel rewrites its own code
# while the other processor runs it. So the other one comes later (init.py).
BOOTS = 3
MACS = ("02:00:00:00:0a:01", "02:00:00:00:0a:02", "02:00:00:00:0a:03")
OFF = "guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off"

TAPS = """
set -e
ip link add wire type bridge stp_state 0 mcast_snooping 0
ip tuntap add dev tap0 mode tap vnet_hdr $1
ip tuntap add dev tap1 mode tap vnet_hdr
for device in tap0 tap1 wire; do
	echo 1 > /proc/sys/net/ipv6/conf/$device/disable_ipv6
	[ $device = wire ] || ip link set dev $device master wire
	ip link set dev $device up
done
shift
exec "$@"
"""


@dataclass
class Setup:
    """One way to set the machine up."""
    wire: str = "hub"
    queues: int = 1
    standby: bool = False   # a third NIC, on a hub, is the standby of a failover pair whose primary has not come
    late_us: int = 0        # the device reads its transmit ring so long after it was told to
    deadline: int = 2400    # seconds, for all of its tests, on a machine that is busy with others


LATE_US = 20_000
# By the names that tests give: @pytest.mark.machine(name).
SETUPS = {
    "one queue": Setup(),
    "standby": Setup(standby=True, deadline=3600),
    "late": Setup(late_us=LATE_US),
    "two queues": Setup(wire="tap", queues=2),
}


class Broken(Exception):
    """The machine did not do what a machine does; the text says what."""


def nic(number, *options):
    return ["-device", ",".join([f"virtio-net-pci,netdev=net{number}", f"mac={MACS[number]}", "romfile=",
                                 "disable-legacy=on", OFF, *options])]


def wire(setup):
    """QEMU's options for the NICs."""
    third = []
    options = ["iommu_platform=on"]
    if setup.wire == "hub":
        nets = [f"hubport,hubid=0,id=net{number}" for number in range(2 + setup.standby)]
        third = nic(2, "failover=on") if setup.standby else []
    else:
        nets = [f"tap,id=net{number},ifname=tap{number},script=no,downscript=no,vhost=off"
                for number in range(2)]
        nets[0] += f",queues={setup.queues}"
        options += ["mq=on", f"vectors={2 * setup.queues + 2}"]
    if setup.late_us:
        options += ["tx=timer", f"x-txtimer={setup.late_us * 1000}"]
    return [part for net in nets for part in ("-netdev", net)] + nic(0, *options) + nic(1) + third


def command(packages, setup, initramfs, results):
    qemu, firmware, environment = packages.qemu()
    argv = [qemu, *(part for path in firmware for part in ("-L", path)),
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot",
            "-serial", "stdio", "-serial", f"file:{results}",
            "-kernel", packages.kernel, "-initrd", initramfs,
            "-append", " ".join(("console=ttyS0 quiet panic=-1 nokaslr net.ifnames=0 maxcpus=1",
                                 "no_timer_check")),  # it is judged by how fast this machine is just now
            *wire(setup)]
    if setup.wire == "tap":
        multi = "multi_queue" if setup.queues > 1 else ""
        argv = ["unshare", "--net", "sh", "-c", TAPS, "sh", multi, *argv]
        if os.geteuid() != 0:
            argv.insert(1, "--map-root-user")
    return argv, environment


def end_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Machine:
    """A machine that runs."""

    def __init__(self, packages, setup, initramfs, directory):
        self.results_path = os.path.join(directory, "results")
        self.console_path = os.path.join(directory, "console")
        open(self.results_path, "w").close()
        argv, environment = command(packages, setup, initramfs, self.results_path)
        with open(self.console_path, "wb") as console:
            self.process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=console,
                                            stderr=console, start_new_session=True,
                                            preexec_fn=end_with_parent)

    def off(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def console(self):
        with open(self.console_path, errors="replace") as file:
            return file.read().replace("\r", "")

    def results(self):
        """What the guest has reported so far, whole lines only."""
        with open(self.results_path, errors="replace") as file:
            lines = file.read().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait(self, done, seconds):
        """Until done(), or the machine is off, or the time is over; returns the value of done()."""
        end = time.monotonic() + seconds
        while not (value := done()):
            if self.process.poll() is not None or time.monotonic() > end:
                return done()
            time.sleep(0.05)
        return value


class Guest:
    """A machine that has come up and runs tests; close() switches it off."""

    def __init__(self, packages, setup, initramfs, directory):
        self.said = ""
        for boot in range(1, BOOTS + 1):
            self.machine = Machine(packages, setup, initramfs, directory)
            if self.machine.wait(self.machine.results, BOOT_DEADLINE):
                self.end = time.monotonic() + setup.deadline
                return
            code = self.machine.process.poll()
            self.close()
            self.said += (f"boot {boot} of {BOOTS}: "
                          + (f"ended with {code}" if code is not None else f"not up within {BOOT_DEADLINE} s")
                          + f"; it said: {self.machine.console().strip()[-1500:] or 'nothing'}\n")
        raise Broken(f"the machine has come up in none of {BOOTS} boots:\n{self.said}")

    def close(self):
        self.machine.off()

    def reports(self, nodeid):
        """Of one test, as pytest in the guest has made them; the last one is that of its teardown."""
        def own():
            found = [result["report"] for result in self.machine.results() if result.get("nodeid") == nodeid]
            return found if found and found[-1]["when"] == "teardown" else None

        found = self.machine.wait(own, self.end - time.monotonic())
        if not found:
            raise Broken("the machine was off, or its time over, before this test was; it said: "
                         + self.machine.console().strip()[-3000:])
        return found
