# SPDX-License-Identifier: MIT
#
# Makefile - a thin front: installs what is missing, then drives CMake
#
# `make help` lists the goals.  Everything that is made lies under build/.

PRESET  ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
PYTHON  ?= python3
RUNS    ?= 1000
CLANG_TIDY ?= $(firstword $(foreach name,clang-tidy clang-tidy-14, \
                $(if $(shell command -v $(name)),$(name))) clang-tidy)
JOBS    := $(shell nproc 2>/dev/null || echo 2)

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := build
.PHONY: build demo test soak load bench check format lint docs amalgamation install \
        clean help need-build need-demo need-test need-bench need-check \
        need-docs

# Ninja where there is one; a build tree keeps the generator it began with.
cmake     = if command -v ninja >/dev/null; \
            then CMAKE_GENERATOR=Ninja cmake $(1); else cmake $(1); fi
configure = $(call cmake,--preset $(1)) >build/configure-$(1).log 2>&1 || \
            { cat build/configure-$(1).log; exit 1; }
compile   = cmake --build --preset $(1) --parallel $(JOBS) $(2)

need-build need-demo need-test need-bench need-check need-docs: need-%:
	@sh tools/bootstrap $*
	@mkdir -p build

build: need-build ## everything, and the program build/belay (PRESET=release)
	@$(call configure,$(PRESET))
	@$(call compile,$(PRESET))
	@ln -sf $(PRESET)/cli/belay build/belay

demo: need-demo ## build and run the demonstration (ARGS="...")
	@$(call configure,release)
	@$(call compile,release,--target example_demo)
	@ln -sf release/examples/demo build/demo
	@build/demo $(ARGS)

test: need-test ## build and run everything (LEGS="release asan", V=1)
	@$(PYTHON) tools/run_tests $(LEGS)

soak: need-test ## the tests 1,000 times in a row, until one fails (RUNS=10)
	@$(PYTHON) tools/run_tests --repeat $(RUNS)

load: need-build need-check ## 20,000 idle connections, 1,000,000 opened and closed
	@$(call configure,release)
	@$(call compile,release)
	@$(PYTHON) tests/load/test_load.py --full

bench: need-bench ## measure Belay and its peers (ONLY=core)
	@$(call configure,release) >&2
	@$(call compile,release) >&2
	@$(PYTHON) bench/run.py $(if $(ONLY),--only $(ONLY))

check: need-check ## formatting, tidy, and the tests of the tools
	@$(PYTHON) tools/run_tests style

format: need-check ## lay out every C file
	@find include src tests examples bench cli -name '*.[ch]' -print0 | \
	    xargs -0 clang-format-14 -i

lint: need-test ## clang-tidy over the library (slow)
	@$(call configure,release-clang)
	@find src -name '*.c' ! -name 'ctx_*' -print0 | \
	    xargs -0 -P $(JOBS) -n 4 $(CLANG_TIDY) -quiet -p build/release-clang

docs: need-docs ## reference: HTML and man pages in build/docs
	@$(PYTHON) tools/apidoc.py --out build/docs

amalgamation: need-docs ## belay.c and belay.h in build/amalgamation
	@$(PYTHON) tools/amalgamate.py --out build/amalgamation

install: need-build docs ## install below PREFIX (DESTDIR is honoured)
	@$(call cmake,--preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)) >/dev/null
	@$(call compile,release,--target belay_installed)
	@DESTDIR=$(DESTDIR) cmake --install build/release

clean: ## remove everything that was made
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 21
