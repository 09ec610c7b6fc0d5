# Set-up, run and checks. Needs make and Python 3.11 or newer with venv and pip; everything else goes into .venv.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
WHAT_TO_INSTALL := pyproject.toml constraints.txt requirements.txt requirements-dev.txt $(wildcard plugins/*/pyproject.toml)
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile
EXAMPLES ?= 10000
HOURS ?= 6

.PHONY: help run test check coverage faults soak model lint format bench clean

help:
	@echo 'make run         embedded server, worker, status server and the sample documents; Ctrl-C stops all'
	@echo 'make run ONCE=1  the same, ends by itself when every sample document is embedded'
	@echo 'make test        unit, integration and end-to-end tests, and a smoke of faults'
	@echo 'make check       lint, types and every test: the one gate before a change goes in'
	@echo 'make coverage    the tests of jobframe/core, which must run every line and branch of it'
	@echo 'make faults      the tests of tests/faults with their full load; wants a quiet machine'
	@echo 'make soak        hours of load with a fault each half minute: HOURS=6, or 0.05 to try it; a line a minute'
	@echo 'make model       many more sequences of calls against the model of the queues: EXAMPLES=10000, SEED=1'
	@echo 'make lint        only lint, types and import contracts'
	@echo 'make format      format the code and mend what can be mended without asking'
	@echo 'make bench       measure everything (some twenty minutes) and write the pages of docs that show it'
	@echo 'make clean       remove .venv; the next command builds it again'

run: .venv/.for-use
	@exec $(BIN)/jobframe up$(if $(filter-out 0,$(ONCE)), --once)

test: .venv/.for-development
	$(PYTEST) -m 'not slow'

check: lint coverage
	$(PYTEST) --ignore=tests/core

coverage: .venv/.for-development
	$(BIN)/coverage run -m pytest -q tests/core
	$(BIN)/coverage report

# One after the other: what is measured here must not wait for a neighbour.
faults: .venv/.for-development
	FAULTS=full $(BIN)/python -m pytest -q -rP tests/faults

soak: .venv/.for-development
	SOAK_HOURS=$(HOURS) $(BIN)/python -m pytest -q -s tests/faults/test_32_soak.py

# On both servers at once, each on a core of its own.
model: .venv/.for-development
	MODEL_EXAMPLES=$(EXAMPLES) MODEL_SEED=$(SEED) $(BIN)/python -m pytest -q -n 2 --dist load -k many_sequences tests/conformance/test_model.py

lint: .venv/.for-development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.for-development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.for-development
	@$(PIP) -e '.[bench]'
	$(BIN)/python -m bench --write

clean:
	rm -rf .venv

.venv/bin/python:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 or newer found: install one, or say make PYTHON=/path/to/python' >&2; exit 1; }
	@echo 'Making .venv with $(PYTHON)'
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; echo 'On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }

# A stamp is as new as the last installation. What is installed for development can be used as well.
.venv/.for-use: $(WHAT_TO_INSTALL) | .venv/bin/python
	@if test -e .venv/.for-development; then $(MAKE) --no-print-directory .venv/.for-development; \
	else echo 'Installing into .venv (a minute or so the first time)'; $(PIP) -r requirements.txt; fi
	@touch $@

.venv/.for-development: $(WHAT_TO_INSTALL) | .venv/bin/python
	@echo 'Installing into .venv, with the tools of development (a minute or so the first time)'
	@$(PIP) -r requirements-dev.txt
	@touch $@
