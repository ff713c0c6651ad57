# Every target makes what it needs. PYTHON chooses the interpreter, VENV the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

SOURCES := $(wildcard csrc/*.[ch] src/paltabrain_fast/_native/*.pyx src/paltabrain_fast/_native/*.pxd)

# What has no wheel for every free-threaded build; the tests that need it are then listed as not run.
SCARCE := duckdb

.PHONY: demo test test-free-threaded bench lint clean

demo: $(VENV)/.installed  ## The main job, on this machine: service, collector, tables
	$(BIN)/python examples/demo.py

test: $(VENV)/.test  ## All tests, those in C included
	$(BIN)/python -m pytest

test-free-threaded: $(VENV)/.free-threaded  ## All tests, without the GIL
	PYTHON_GIL= $(VENV)-free-threaded/bin/python -c 'import sys, paltabrain_fast; assert not sys._is_gil_enabled()'
	PYTHON_GIL=0 TRUSTME_PYTHON=$(abspath $(BIN)/python) $(VENV)-free-threaded/bin/python -m pytest $(TESTS)

bench: $(VENV)/.test  ## Speed: native beside reference and other packages
	$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' -o timeout=600 \
		--benchmark-sort=name --benchmark-columns=min,median,iqr,rounds

lint: $(VENV)/.lint $(VENV)/.test  ## Style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PATH="$(BIN):$$PATH" cython-lint --max-line-length 100 src/paltabrain_fast/_native
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist src/*.egg-info src/paltabrain_fast/_native/*.c src/paltabrain_fast/_native/*.so

$(VENV)/.installed: pyproject.toml setup.py $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --editable '.[collector]'
	touch $@

$(VENV)/.test: $(VENV)/.installed
	$(BIN)/pip install --quiet --group test
	touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(BIN)/pip install --quiet --group lint
	touch $@
