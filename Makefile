# Each target installs what it needs into .venv, and reports what is missing in one line.
#
#   make demo         train a 2-D VAE on the bundled MNIST, open the dashboard and the viewer
#   make test         format, lint, types, import contracts, all tests
#   make screenshots  screenshots of dashboard and viewer from real runs, into build/, and the README's (needs tmux, Xvfb)
#   make faults       fault injection, hours (ONLY=name for one row, SHARE=0.1 for a tenth); see docs/reliability.md
#   make bench        benchmarks, never part of the tests (ONLY=training for one); see docs/performance.md
#   make clean        remove the environment and caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test suites setup setup-test format lint types contracts screenshots faults bench clean \
	test-trainers test-runs test-session test-dashboard test-viewer test-journeys test-architecture

demo: setup
	@$(BIN)/genexplorer demo

setup: $(VENV)/.installed

setup-test: $(VENV)/.installed-test

$(VENV)/bin/python:
	@.ci/make-venv "$(PYTHON)" "$(VENV)"

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@.ci/system-libraries
	@echo "Installing genexplorer and its pinned dependencies into $(VENV) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[export,video]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing the test tools into $(VENV) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

# Separate pytest processes: an abort inside Qt then costs one suite, and no suite inherits another's threads. Two at a
# time, the longest first: a suite seldom uses more than one core.
test: lint types contracts
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target suites
	@echo "All checks passed."

suites: test-journeys test-trainers test-viewer test-session test-runs test-dashboard test-architecture

lint: setup-test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: setup-test
	@$(BIN)/mypy

contracts: setup-test
	@$(BIN)/lint-imports --no-cache

test-architecture: setup-test
	@$(PYTEST) tests/architecture tests/benchmarks

test-trainers: setup-test
	@$(PYTEST) tests/trainers

test-runs: setup-test
	@$(PYTEST) tests/genexplorer/runs tests/genexplorer/cores tests/genexplorer/workers tests/genexplorer/jobs tests/fault_injection

test-session: setup-test
	@$(PYTEST) tests/genexplorer/session tests/genexplorer/explore tests/genexplorer/export tests/genexplorer/share tests/genexplorer/cli tests/genexplorer/test_api.py

test-dashboard: setup-test
	@$(PYTEST) tests/genexplorer/dashboard

test-viewer: setup-test
	@$(PYTEST) tests/genexplorer/viewer

test-journeys: setup-test
	@$(PYTEST) tests/journeys

format: setup-test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

screenshots: setup-test
	@$(BIN)/python -m tests.screenshots

faults: setup-test
	@$(BIN)/python -m tests.fault_injection --write $(if $(ONLY),--only $(ONLY)) $(if $(SHARE),--share $(SHARE))

bench: setup
	@$(BIN)/python -m benchmarks $(ONLY)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
