# Everything a person or CI runs. Each target does all its own set-up: it needs Python >= 3.11 with pip, and make.
SHELL := /bin/bash
PYTHON ?= python3
UV := .uv/bin/uv
RUN := $(UV) run --frozen --all-extras

.PHONY: demo test test-unit check format bench clean help

help: ## what there is to run
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Prismlane needs Python 3.11 or newer; set PYTHON=python3.x" >&2; exit 2; }
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

.venv/.synced: pyproject.toml uv.lock $(UV)
	$(UV) sync --frozen --all-extras --quiet
	@touch $@

demo: .venv/.synced ## profile real data and write a report
	$(RUN) prismlane demo

test: .venv/.synced ## all tests
	$(RUN) pytest

test-unit: .venv/.synced ## the fast tests alone
	$(RUN) pytest tests/unit tests/contract

check: .venv/.synced ## format, lint, types, imports
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

format: .venv/.synced ## mend format and what the linter can mend
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

bench: .venv/.synced ## benchmarks beside their peers (minutes)
	$(RUN) python -m bench

clean: ## remove what the targets above made
	rm -rf .venv .uv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
