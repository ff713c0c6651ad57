# Every target makes what it needs. PYTHON chooses the interpreter, VENV the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One more than there are processors: many tests wait.
SIDE_BY_SIDE = --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile
CASES ?= 100000
SECONDS ?= 1800
MINUTES ?= 5
SEED ?=
FREE_THREADED := $(VENV)-free-threaded
ENVIRONMENTS := $(VENV) $(FREE_THREADED)

SOURCES := $(wildcard csrc/*.[ch] $(addprefix src/paltabrain_fast/_native/*.,c h pxd pyx))

.PHONY: demo help test test-quick test-interpreter test-interpreters test-free-threaded test-sanitized fuzz fuzz-coverage fuzz-corpus soak stress bench bench-outages bench-instructions bench-instructions-update lint clean

demo: $(VENV)/.collector  ## The main job, on this machine: service, collector, tables
	@$(BIN)/python examples/demo.py

help:  ## The targets, and what each is for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-28s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: $(VENV)/.test  ## All tests, those in C included
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# Quick ones of each room; those that start processes, or wait, are left to `make test`.
QUICK_TESTS := tests/encoding tests/engine/test_engine.py tests/engine/test_engine_services.py tests/golden \
	tests/schema/test_form.py $(addprefix tests/collector/test_,authority.py bundle.py decode.py layout.py warehouse.py) \
	tests/cli/test_config_archive.py $(addprefix tests/test_,batches.py constructor.py context_argument.py \
	conventions.py copying.py hosts.py locks.py masking.py options.py outcomes.py requests.py retries.py sdk.py \
	sessions.py track_method.py utils.py) \
	$(addprefix tests/delivery/test_,ledger.py outage.py outage_walk.py schedule.py states.py)

test-quick: $(VENV)/.test  ## A part of them that takes less than 30 seconds
	$(BIN)/python -m pytest --quiet --ignore=tests/encoding/test_encode.py $(QUICK_TESTS)

# What may go another way in another CPython: the private parts of it that the extension reads, what
# it compiles a user's module to, and what it does with threads at a fork and at the end.
INTERPRETER_TESTS := tests/encoding tests/engine tests/golden tests/process tests/delivery/test_interruption.py \
	tests/ends/test_sigterm.py $(addprefix tests/test_,exit.py fork.py memory.py python_engine.py track_method.py track_threads.py unnoticed_fork.py)

test-interpreter: $(VENV)/.interpreter  ## The tests that depend on the interpreter
	PALTABRAIN_FUZZ_CASES=300 $(BIN)/python -m pytest --quiet $(SIDE_BY_SIDE) $(INTERPRETER_TESTS)

VERSIONS := 3.11 3.12 3.13 3.14 3.15
PYENV := $(or $(PYENV_ROOT),$(HOME)/.pyenv)

# The path of an interpreter that can build and run the extension; a command on PATH may run none.
find_python = $(firstword $(foreach python,python$(1) $(wildcard $(PYENV)/versions/$(1).*/bin/python),\
	$(shell $(python) -c 'import ensurepip, os, sys, sysconfig; \
		os.stat(sysconfig.get_path("include") + "/Python.h"); print(sys.executable)' 2>/dev/null)))

test-interpreters: $(VERSIONS:%=test-interpreter-%)  ## The same on each other one, on PATH or of pyenv

$(VERSIONS:%=test-interpreter-%): test-interpreter-%: $(VENV)/.installed
	$(if $(shell $(BIN)/python -c 'import sys; sys.version.startswith("$*.") and print("this one")'),,\
		$(if $(call find_python,$*),\
			$(MAKE) test-interpreter PYTHON=$(call find_python,$*) VENV=$(VENV)-$*,\
			@echo "NOT TESTED: Python $*, since none is on PATH or in $(PYENV)"))

test-free-threaded: $(VENV)/.test $(FREE_THREADED)/.test  ## All tests of the Python side, without the GIL
	env -u PYTHON_GIL $(FREE_THREADED)/bin/python -c \
		'import sys, paltabrain_fast; assert not sys._is_gil_enabled()'
	PYTHON_GIL=0 TRUSTME_PYTHON=$(abspath $(BIN)/python) PALTABRAIN_FUZZ_CASES=300 \
		$(FREE_THREADED)/bin/python -m pytest $(SIDE_BY_SIDE) --ignore=tests/csrc

SANITIZED := build/sanitized
SANITIZED_TESTS := tests/test_track_threads.py $(addprefix tests/encoding/test_,encode.py encode_hostile.py \
	context_cache.py recognition.py)

test-sanitized: $(VENV)/.test  ## Tests of encoding, the extension under AddressSanitizer and UBSan
	$(BIN)/pip install --quiet --group build
	PALTABRAIN_BUILD_SANITIZE=1 $(BIN)/python setup.py --quiet build --build-lib $(SANITIZED) \
		--build-temp $(SANITIZED)-objects
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 PYTHONMALLOC=malloc \
		PYTHONPATH=$(SANITIZED) $(BIN)/python -m pytest -o timeout=600 \
		--deselect tests/test_track_threads.py::test_tracking_text_integers_and_flags_allocates_nothing \
		$(SANITIZED_TESTS)

fuzz: $(VENV)/.test  ## 100,000 random events and contexts, of random schemas, against protobuf
	PALTABRAIN_FUZZ_CASES=$(CASES) $(BIN)/python -m pytest tests/encoding/test_encode.py -o timeout=0 -s

# atheris brings libFuzzer and the run time of AddressSanitizer along; clang builds what they watch.
# Cython's own code adds 0 to NULL, which pointer-overflow would take for a fault.
FUZZED := build/fuzzed
FUZZER = LD_PRELOAD="$$($(BIN)/python -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so \
		$$(gcc -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 PYTHONMALLOC=malloc \
	PYTHONPATH=$(FUZZED):. $(BIN)/python tests/fuzz/fuzz_encode.py

fuzz-coverage: $(FUZZED)/.built  ## SECONDS of events and contexts that seek new ways through the encoder
	mkdir -p $(FUZZED)/corpus
	$(FUZZER) $(FUZZED)/corpus tests/fuzz/corpus -max_total_time=$(SECONDS) -max_len=512 -timeout=60 \
		-artifact_prefix=$(FUZZED)/ -print_final_stats=1

fuzz-corpus: $(FUZZED)/.built  ## Keep the fewest of the inputs found that go all ways found
	rm -rf $(FUZZED)/merged
	mkdir -p $(FUZZED)/corpus $(FUZZED)/merged
	$(FUZZER) -set_cover_merge=1 -max_len=512 $(FUZZED)/merged tests/fuzz/corpus $(FUZZED)/corpus
	test -n "$$(ls $(FUZZED)/merged)"
	rm -rf tests/fuzz/corpus
	mv $(FUZZED)/merged tests/fuzz/corpus

soak: $(VENV)/.test  ## Random faults, forks, threads and ends for MINUTES, on both transports
	for transport in default curl; do \
		$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
			--transport $$transport || exit 1; \
	done

stress: $(FREE_THREADED)/.test  ## Threads that do all at once to one SDK, for MINUTES, without the GIL
	env -u PYTHON_GIL $(FREE_THREADED)/bin/python -m tests.soak.stress --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/.test  ## Speed: native beside reference and other packages
	$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' -o timeout=600 \
		--benchmark-sort=name --benchmark-columns=min,median,iqr,rounds

bench-outages: $(VENV)/.test  ## Outages of 2, 5 and 60 seconds at 1,000 events/s: what they cost
	for sign in reset 503 silent; do $(BIN)/python -m benchmarks.outages 2 5 60 --sign $$sign || exit 1; done

bench-instructions: $(VENV)/.test  ## Instructions of one track() under valgrind, beside those kept
	$(BIN)/python -m benchmarks.instructions

bench-instructions-update: $(VENV)/.test  ## Keep the instructions that are counted now
	$(BIN)/python -m benchmarks.instructions --update

lint: $(VENV)/.lint $(VENV)/.test  ## Style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PATH="$(BIN):$$PATH" cython-lint --max-line-length 100 src/paltabrain_fast/_native
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --concise --ignore-missing-stub --ignore-disjoint-bases \
		--allowlist tools/stubtest_allowlist.txt paltabrain_fast._native

clean:  ## Remove the environments and all that was built
	rm -rf $(ENVIRONMENTS) $(VERSIONS:%=$(VENV)-%) build dist src/*.egg-info src/paltabrain_fast/_native/*.so

$(ENVIRONMENTS:%=%/.installed): %/.installed: pyproject.toml setup.py $(SOURCES)
	@tools/make_environment.sh $* $(PYTHON)
	@echo "Building paltabrain_fast in $*, which takes a minute or two, once ..."
	@$*/bin/pip install --quiet --upgrade 'pip>=25.1'
	@$*/bin/pip install --quiet --editable .
	@touch $@

$(FREE_THREADED)/.installed: PYTHON = $$(tools/free_threaded_python.sh)
$(FREE_THREADED)/.installed: tools/free_threaded_python.sh

$(VENV)/.collector: $(VENV)/.installed
	@echo "Installing what the local collector and the commands need ..."
	@$(BIN)/pip install --quiet 'paltabrain-fast[collector]'
	@touch $@

# Not everything that the SDK is tested beside can be had for every interpreter. What cannot is named
# here, and at the end of the tests with those that are not run for the want of it.
$(ENVIRONMENTS:%=%/.test): %/.test: %/.installed tools/install_peers.py tools/browser.sh
	$*/bin/pip install --quiet --only-binary=:all: --group unit
	$*/bin/python tools/install_peers.py
	-tools/browser.sh
	touch $@

$(VENV)/.interpreter: $(VENV)/.installed
	$(BIN)/pip install --quiet --only-binary=:all: --group interpreter
	touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(BIN)/pip install --quiet --group lint
	touch $@

$(VENV)/.fuzz: $(VENV)/.test
	command -v clang || { echo "fuzz-coverage needs clang, with which it builds the extension" >&2; exit 1; }
	$(BIN)/pip install --quiet --only-binary=atheris --group fuzz || \
		{ echo "fuzz-coverage needs a wheel of atheris, and there is none for this interpreter:" \
			"choose another, as in PYTHON=python3.11 VENV=.venv-3.11" >&2; exit 1; }
	touch $@

$(FUZZED)/.built: Makefile $(VENV)/.fuzz $(shell find src -name '*.py')
	CC=clang CFLAGS="-g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize=pointer-overflow" \
		$(BIN)/python setup.py --quiet build --force --build-lib $(FUZZED) --build-temp $(FUZZED)-objects
	touch $@
