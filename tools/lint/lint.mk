# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Reading the source with tools. Included by the Makefile at the top.

lint: deps-lint $(bpf_skel) compile_commands.json ## clang-format, clang-tidy, cppcheck, shellcheck, flake8; TOOL=NAME: that one
	@tools/lint/lint.sh $(B) $(TOOL)

format:                                     ## lay out the C files as .clang-format says
	git ls-files '*.c' '*.h' '*.cc' | xargs clang-format -i

# What is compiled, and how, for clang-tidy and for editors (clangd).
compiled := all tests fuzz-tests $(B)/bench-engine $(B)/make_corpus
compile_commands.json:                      ## write compile_commands.json, for clangd
	@$(MAKE) --no-print-directory --always-make --dry-run V=1 $(compiled) | tools/lint/compile_commands.py > $@.new
	@mv $@.new $@

deps-lint:
	@tools/deps.sh lint

.PHONY: lint format compile_commands.json deps-lint
