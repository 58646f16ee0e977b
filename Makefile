# `make help` lists what there is. Everything runs in .venv, made on first use from the pinned requirements.
PYTHON ?= python3
PROFILE ?=
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: help setup repro test test-slow lint ui
.DEFAULT_GOAL := help

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.txt requirements-dev.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name one with make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements.txt -r requirements-dev.txt -c constraints.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

setup: $(READY)  ## Make the virtual environment

repro: $(READY)  ## Rebuild what is out of date, then show the scoreboard (PROFILE=tiny|sample|file|cfpb|canonical)
	@if [ -n "$(PROFILE)" ]; then complaints profile $(PROFILE); fi
	@complaints check
	@dvc repro
	@complaints track
	@complaints show

test: $(READY)  ## Run the tests that take seconds
	@python -m pytest -m "not slow"

test-slow: $(READY)  ## Run the others: whole pipelines, trainings that are killed, servers
	@python -m pytest -m slow

lint: $(READY)  ## Check style and types
	@ruff check .
	@ruff format --check .
	@mypy

ui: $(READY)  ## Open MLflow's page on the logged runs, at http://127.0.0.1:5000
	@complaints ui
