#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Installs Debian packages.
#
#   tools/deps.sh          what building and running need
#   tools/deps.sh demo     the same, and what the demo needs
#   tools/deps.sh tests    the same, and what the tests need
#   tools/deps.sh lint     the same, and what make lint needs
#   tools/deps.sh bench    what building needs, and DPDK to compare with and gnuplot (optional: without
#                          them our own figures are printed)
#   tools/deps.sh zerocopy DIRECTORY
#                          installs nothing: unpacks QEMU and a newer kernel into DIRECTORY, for the guest
#                          of tests/zerocopy (which does this itself where it was not done before)
#
# When everything is there, this asks dpkg only: no network, no root, some milliseconds.
#
# Lists of packages are split into words on purpose.
# shellcheck disable=SC2086
set -eu

# libc6-dev is only recommended by gcc, and we install without recommendations.
building="
	gcc libc6-dev make pkg-config clang llvm bpftool
	libbpf-dev libxdp-dev libmnl-dev libjansson-dev libsystemd-dev libseccomp-dev libpcap-dev
	xdp-tools iproute2 ethtool
"
demo="nftables iperf3 tcpdump python3 coreutils util-linux"
# libclang-rt-dev: the sanitizers' run time for clang.
tests="
	g++ libclang-rt-dev libcriterion-dev mandoc man-db
	systemd strace python3-pytest python3-pytest-timeout python3-pytest-xdist python3-scapy
"
lint="clang-format clang-tidy cppcheck flake8 shellcheck"

packages=$building
optional=""
if [ "${1:-}" = zerocopy ]; then
	exec "$(dirname "$0")/../tests/zerocopy/packages.py" "${2:?a directory}"
fi
case "${1:-}" in
"") ;;
demo) packages="$building $demo" ;;
tests) packages="$building $demo $tests" ;;
lint) packages="$building $demo $tests $lint" ;;
bench) optional="libdpdk-dev gnuplot-nox" ;;
*)
	echo "deps: '$1' is none of demo, tests, lint, bench, zerocopy" >&2
	exit 2
	;;
esac

die()
{
	echo "deps: $*" >&2
	exit 1
}

# Prints those of its arguments that are not installed.
missing()
{
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p') || :
	for package in "$@"; do
		case "
$installed
" in
		*"
$package
"*) ;;
		*) echo "$package" ;;
		esac
	done
}

apt()
{
	# Another apt may be at work on a machine that has just come up: wait for it.
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
		-o Dpkg::Use-Pty=0 "$@" </dev/null
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	die "this is not a Debian system with apt; install the equivalents of:" $packages
fi

need=$(missing $packages)
want=""
if [ -n "$optional" ]; then
	want=$(missing $optional)
fi
if [ -z "$need$want" ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	if [ -z "$need" ]; then
		echo "deps: going on without" $want "(optional; root could install it)" >&2
		exit 0
	fi
	die "these packages are missing and only root can install them: apt-get install" $need
fi

echo "deps: installing" $need $want
updated=yes
apt update || updated=no

for package in $need; do
	apt-cache show "$package" >/dev/null 2>&1 && continue
	if [ $updated = no ]; then
		die "package $package cannot be had: apt-get update failed (see above)"
	fi
	die "package $package cannot be had from the configured apt sources"
done
if [ -n "$need" ]; then
	apt install --no-install-recommends $need ||
		die "apt-get install failed (see above) for:" $need
	need=$(missing $need)
	if [ -n "$need" ]; then
		die "still not installed after apt-get install:" $need
	fi
fi
for package in $want; do
	apt install --no-install-recommends "$package" ||
		echo "deps: going on without $package (optional), which cannot be had" >&2
done
