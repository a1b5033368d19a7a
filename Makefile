# Everything a newcomer needs: `make up` serves, `make test` tests. Both do all set-up themselves.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help up test lint bench clean

help:
	@echo "make up      start everything on this machine (Ctrl-C stops it); ARGS='--bind 127.0.0.1:9000' adds options"
	@echo "make test    all checks and tests"
	@echo "make lint    formatting, types, specs only"
	@echo "make bench   one table: each API beside its original; bench/README.md names the scripts behind it"
	@echo "make clean   remove what the others made"

up: $(VENV)/.installed
	@# Without them everything but the ecFlow API works, and `opsgate up` says what to install.
	@./scripts/debian-packages ecflow-server ecflow-client 2>/dev/null || true
	@exec $(BIN)/opsgate up $(ARGS)

test: $(VENV)/.tox-installed
	@./scripts/debian-packages chromium curl ecflow-server ecflow-client python3-ecflow
	$(BIN)/tox run $(TOX_ARGS)

lint: $(VENV)/.tox-installed
	$(BIN)/tox run -e lint,types,specs

bench: $(VENV)/.installed
	@./scripts/debian-packages wrk ecflow-server ecflow-client
	$(BIN)/python -m bench

$(VENV)/bin/python:
	@./scripts/python-ready $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements.lock
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable .
	@touch $@

$(VENV)/.tox-installed: $(VENV)/bin/python requirements.lock
	$(BIN)/python -m pip install --quiet --constraint requirements.lock tox
	@touch $@

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist node_modules
