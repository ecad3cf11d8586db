# Everything a developer or an operator types. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# python3, or the newest beside it when that is too old; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# More processes than this only queue up for the one database server.
TEST_PROCESSES_MAX ?= 8

##@ Use

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/runtime.stamp ## Make .venv with everything Leadline needs to run.
	@:

.PHONY: run
run: setup ## Start everything on one port, with demo data on a first start. ARGS="--no-demo"
	@exec $(BIN)/leadline up $(ARGS)

.PHONY: migrate
migrate: setup ## Bring the database to the newest schema.
	@$(BIN)/leadline migrate

##@ Develop

.PHONY: test
test: $(VENV)/development.stamp ## Run the whole test suite on servers of its own. ARGS="-k word"
	@$(BIN)/python -m pytest -n auto --dist loadfile --maxprocesses $(TEST_PROCESSES_MAX) $(ARGS)

.PHONY: check
check: $(VENV)/development.stamp ## Format, lint, types, dependencies between modules, house rules.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.lints

.PHONY: format
format: $(VENV)/development.stamp ## Format and fix what can be fixed.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/development.stamp ## Run the benchmarks; each prints the bar it is held to. ARGS="name"
	@$(BIN)/python -m bench $(ARGS)

.PHONY: openapi
openapi: $(VENV)/development.stamp ## Write the services' OpenAPI documents to docs/openapi/.
	@$(BIN)/python -m tools.openapi

.PHONY: lock
lock: $(VENV)/development.stamp ## Resolve the dependencies again, for every platform, with hashes.
	@$(PIP) install uv
	$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --no-header \
		--python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --no-header \
		--python-version 3.11 --extra dev -c requirements.lock pyproject.toml \
		-o requirements-dev.lock

# -- stamps: a target that is up to date costs nothing ---------------------------------------------

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Leadline needs Python 3.11 or later; found: $$(python3 --version 2>&1)." \
			"Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "python cannot make virtual environments; on Debian: apt install python3-venv" >&2; \
		exit 1; }

# Compiled here rather than on first import: where PYTHONDONTWRITEBYTECODE is set nothing else
# ever would be, and a service would take four times as long to start.
$(VENV)/runtime.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing what Leadline needs (half a minute)"
	@$(PIP) install --no-compile --require-hashes -r requirements.lock
	@$(PIP) install --no-compile --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib services migrations || true
	@touch $@

$(VENV)/development.stamp: requirements-dev.lock $(VENV)/runtime.stamp
	@echo "installing what development needs"
	@$(PIP) install --no-compile --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@
