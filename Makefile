# Frontdesk's tasks; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup protos weights export demo up down status check test bench bench-call soak clean

PYTHON ?= python3
BIN := .venv/bin
DOMAIN ?= domains/shop
# A recording of your own for the demo's first spoken turn: make demo AUDIO=mine.wav
AUDIO ?=
MINUTES ?= 60
export FRONTDESK_DATA ?= ../shared/data
export FRONTDESK_API_KEY_FILE ?= build/run/api_key

REPOSITORY := build/model_repository
WEIGHTS := build/weights
DOMAIN_NAME = $(notdir $(abspath $(DOMAIN)))

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

# Everything that runs the suite; no torch.
.venv/runtime: pyproject.toml constraints.txt protos/generate.py $(shell find protos -name '*.proto')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { echo "Frontdesk needs Python 3.11 or 3.12; name one with: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { test "$$(id -u)" = 0 && apt-get install -y -q python3-venv; } || { echo "Python's venv is missing; install it, e.g. apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check 'uv~=0.13'
	@echo "Installing Frontdesk and what it needs…"
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[all]'
	@touch $@

# The tools of `make check` and the test libraries on top.
.venv/development: .venv/runtime
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@

setup: .venv/development ## Install everything into .venv

protos: .venv/development ## Generate the wire types into build/protos
	@$(BIN)/python protos/generate.py

weights: .venv/runtime ## Fetch the pretrained weights, verified by SHA-256
	@$(BIN)/python -m training.weights --cache $(WEIGHTS)

export: weights ## Make Triton's model repository, for DOMAIN=domains/shop
	@$(BIN)/python -m training.export --weights $(WEIGHTS) --repository $(REPOSITORY) --domain $(DOMAIN)

demo: export ## What customers say, type and show, all the way; answers in build/demo
	@test -f $(DOMAIN)/demo/demo.yaml || $(BIN)/frontdesk demo --domain $(DOMAIN) # says what is missing
	@mkdir -p build/demo
	@trap '$(BIN)/python -m services.local down --run-dir build/demo/run' EXIT; \
	$(BIN)/python -m services.local up --free-ports --run-dir build/demo/run --data build/demo/data --domain $(DOMAIN_NAME); \
	export FRONTDESK_API_KEY_FILE=build/demo/run/api_key FRONTDESK_ENDPOINT=$$($(BIN)/python -m services.local endpoint --run-dir build/demo/run); \
	$(BIN)/frontdesk domain publish $(DOMAIN); \
	$(BIN)/frontdesk demo --domain $(DOMAIN) --out build/demo $(if $(AUDIO),--audio '$(AUDIO)')

up: export ## Start the suite and leave it running
	@$(BIN)/python -m services.local up --domain $(DOMAIN_NAME)
	@$(BIN)/frontdesk domain publish $(DOMAIN)

down: ## Stop what `make up` started
	@test ! -x $(BIN)/python || $(BIN)/python -m services.local down

status: .venv/runtime ## Show the processes that `make up` started
	@$(BIN)/python -m services.local status

check: .venv/development ## Format, lint, types, protos, layers, the demo domain
	@$(BIN)/python protos/generate.py
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	@if git rev-parse -q --verify HEAD~1 >/dev/null 2>&1; then $(BIN)/buf breaking --against '.git#ref=HEAD~1'; fi
	PYTHONPATH=. $(BIN)/lint-imports --no-cache
	$(BIN)/frontdesk domain check domains/shop

test: check export ## check, then unit, contract and integration tests on a real Triton
	$(BIN)/pytest

bench: .venv/development export ## Speed, memory and quality, as JSON under build/bench and a table
	$(BIN)/python -m tests.load

bench-call: .venv/development export ## Live calls side by side with Pipecat: first audio, barge-in, capacity
	$(BIN)/python -m tests.load.call

soak: .venv/development export ## One call of MINUTES=60: memory stays flat
	$(BIN)/python -m tests.load.call.soak --minutes $(MINUTES)

clean: down ## Remove what was built, but for the downloaded weights
	@find build -mindepth 1 -maxdepth 1 ! -name weights -exec rm -rf {} + 2>/dev/null || true
	@rm -f .venv/runtime # the installation lacks its wire types now
