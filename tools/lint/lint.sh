#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Reads the tracked files with tools that find mistakes, as many at a time as there are processors:
#
#   tools/lint/lint.sh BUILD [TOOL]...    all tools, or clang-format, clang-tidy, cppcheck, shellcheck, flake8
#
# Every finding is a line "tool: file:line: what", and the exit code is 1 if there is one. The whole output of a tool
# is in BUILD/lint. What each looks for, and why a check is left out, is in .clang-format, .clang-tidy and below.
# "make lint" makes what they need before: the skeletons of the BPF programs and compile_commands.json.
#
# Functions are called by the names of tools, and programs of awk and sh stand in single quotes.
# shellcheck disable=SC2016,SC2317
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The version that the tree is formatted by; others differ in details.
FORMAT_VERSION=14

build=${1:?a build directory}
shift
if [ $# = 0 ]; then
	set -- clang-format cppcheck shellcheck flake8 clang-tidy
fi
out=$build/lint
mkdir -p "$out"

# Tracked files whose first line calls an interpreter, and those that end as its files do.
scripts()
{
	local interpreter=$1 ending=$2

	{
		git ls-files | xargs awk -v wanted="^#!.*[/ ]($interpreter)\$" \
			'FNR == 1 { if ($0 ~ wanted) print FILENAME; nextfile }'
		git ls-files "*.$ending"
	} | sort --unique
}

lint_clang-format()
{
	if ! clang-format --version | grep -q "version $FORMAT_VERSION\\."; then
		echo "The tree is formatted by clang-format $FORMAT_VERSION, this is $(clang-format --version)"
	fi
	# Of a file its first place: "make format" mends all.
	git ls-files '*.c' '*.h' '*.cc' | xargs clang-format --dry-run --Werror |&
		sed -nE 's/^([^:]+):([0-9]+):[0-9]+: error: code should be clang-formatted.*/\1 \2/p' |
		awk '!cnt[$1]++ { first[$1] = $2 }
		     END { for (file in cnt) printf "%s:%u: error: %u lines are not as .clang-format wants them\n",
						    file, first[file], cnt[file] }'
}

# A process and an output for each file: outputs of several at a time would be mixed, and clang-tidy 14, given several
# files, misses va_start() in all but the first.
lint_clang-tidy()
{
	local files=$out/clang-tidy.files status=0

	rm -rf "$files" && mkdir "$files"
	# It ends with 1 when it has found something. 255 ends xargs.
	sed -n 's/^\t\t"file": "\(.*\)",$/\1/p' compile_commands.json | xargs --max-args=1 --max-procs="$(nproc)" sh -c \
		'clang-tidy --quiet -p . "$1" >"$0/$(echo "$1" | tr / -)" 2>&1; test $? -le 1 || exit 255' "$files" ||
		status=$?
	cat "$files"/* | sed "s,^$PWD/,,"
	return "$status"
}

# Left out: formats, which gcc checks, and arithmetic with void pointers, which gcc and clang define. What cppcheck
# knows of POSIX functions (--library=posix) is not loaded, because it takes mmap(-1) and sendto(NULL) for mistakes.
lint_cppcheck()
{
	mkdir -p "$out/cppcheck.state"
	git ls-files '*.c' | xargs cppcheck -j "$(nproc)" --quiet --std=c11 --language=c --platform=unix64 \
		--enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--library=tools/lint/cppcheck.cfg --cppcheck-build-dir="$out/cppcheck.state" \
		--suppress=invalidPrintfArgType_uint --suppress=invalidPrintfArgType_sint \
		--suppress=arithOperationsOnVoidPointer --suppress=missingIncludeSystem \
		-D_GNU_SOURCE= -D__x86_64__ -D__LITTLE_ENDIAN__ -DSUPERPACKET_VERSION='""' \
		-Iinclude -Iuser -Itools -Itests -I"$build" \
		--template='{file}:{line}: {severity}: {message} [{id}]' --template-location= 2>&1
}

lint_shellcheck()
{
	scripts 'sh|bash' sh | xargs shellcheck --format=gcc
}

# What pyflakes finds, except where "noqa" says why not, syntax, and lines that are too long.
lint_flake8()
{
	scripts python3 py | xargs /usr/bin/python3 -m flake8 --isolated --select=E501,E9,F,W605 --max-line-length=120 |&
		sed -E 's/^([^:]+:[0-9]+:[0-9]+): /\1: error: /'
}

# The lines that name a file and a line. Only shellcheck has findings that are notes; what clang-tidy notes belongs to
# a finding. The skeletons are bpftool's.
findings()
{
	local tool=$1 kinds='error|warning|performance|portability|style'

	if [ "$tool" = shellcheck ]; then
		kinds="$kinds|note"
	fi
	grep -E "^[^ :]+:[0-9]+(:[0-9]+)?: ($kinds): " "$out/$tool" | grep -v "^$build/" | sort --unique
}

status=0
for tool; do
	began=$SECONDS
	broken=""
	"lint_$tool" >"$out/$tool" || broken="; it failed, see $out/$tool"
	found=$(findings "$tool" || :)
	cnt=$(grep -c . <<<"$found" || :)
	if [ -n "$found" ]; then
		printf '%s\n' "$found" | awk -v tool="$tool" '{ print tool ": " $0 }'
		broken=""
		status=1
	elif [ -n "$broken" ]; then
		status=1
	fi
	echo "$tool: $cnt findings in $((SECONDS - began)) s$broken"
done
exit $status
