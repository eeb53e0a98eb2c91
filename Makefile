# Everything a person types. Each target sets up what it needs and says in one line what is missing.
#
#   make demo    set up, train a 2-D VAE on the bundled MNIST with the live dashboard, open the viewer
#   make test    set up and check everything: format, lint, types, import contracts, tests
#   make look    take the README's pictures of both faces from a real run (needs tmux and Xvfb)
#   make faults  every fault as often as docs/reliability.md says; long (ONLY=name for one, SHARE=0.1 for a tenth)
#   make bench   measurements side by side, never part of the tests (ONLY=training for one); see docs/performance.md
#   make clean   remove the environment and what tools left behind

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test setup setup-test format lint types contracts look faults bench clean \
	test-trainers test-runs test-faces test-dashboard test-viewer test-journeys test-architecture

demo: setup
	@$(BIN)/genexplorer demo

setup: $(VENV)/.installed

setup-test: $(VENV)/.installed-test

$(VENV)/bin/python:
	@.ci/make-venv "$(PYTHON)" "$(VENV)"

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@.ci/system-libraries
	@echo "Installing genexplorer and its pinned dependencies into $(VENV) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[video]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing the test tools into $(VENV) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

# Separate pytest processes: an abort inside Qt then costs one suite, and no suite inherits another's threads.
test: lint types contracts test-architecture test-trainers test-runs test-faces test-dashboard test-viewer test-journeys
	@echo "All checks passed."

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

test-faces: setup-test
	@$(PYTEST) tests/genexplorer/session tests/genexplorer/explore tests/genexplorer/cli tests/genexplorer/test_api.py

test-dashboard: setup-test
	@$(PYTEST) tests/genexplorer/dashboard

test-viewer: setup-test
	@$(PYTEST) tests/genexplorer/viewer

test-journeys: setup-test
	@$(PYTEST) tests/journeys

format: setup-test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

look: setup-test
	@$(BIN)/python -m tests.screenshots

faults: setup-test
	@$(BIN)/python -m tests.fault_injection $(if $(ONLY),--only $(ONLY)) $(if $(SHARE),--share $(SHARE))

bench: setup
	@$(BIN)/python -m benchmarks $(ONLY)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
