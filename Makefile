# `make demo` and `make test` do all the set-up themselves: git, make and Python 3.11+ are enough.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, ensurepip, sqlite3; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.acorn-installed
JOBS ?= 3
TESTS ?=

.PHONY: setup demo test lint mutants bench lock schemas clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (set PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(TESTS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What decides a write, changed in small ways: `mutmut results` lists what no test has noticed, `mutmut show NAME` how.
mutants: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-mutants.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/mutmut run --max-children $(JOBS)
	$(BIN)/mutmut results

schemas: setup
	$(BIN)/acorn schema schemas

bench: setup
	$(BIN)/python -m benchmarks.run

# uv writes hashes and no host names; the lock holds everything that CI installs.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-annotate --no-header --all-extras --group dev \
	  --no-emit-package acorn-gitops pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-annotate --no-header --group mutants \
	  --constraint requirements.lock -o requirements-mutants.lock

clean:
	rm -rf $(VENV) .acorn mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
