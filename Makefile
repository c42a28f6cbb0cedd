# Everything a person or CI runs. Each target does all its own set-up: it needs Python >= 3.11 with pip, and make.
SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
UV := .uv/bin/uv
RUN := $(UV) run --no-sync

# The interpreter is the one that was named, not one that uv would choose or download.
export UV_PYTHON := $(shell command -v $(PYTHON))
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV

.PHONY: help demo test test-unit check format docs bench clean

help: ## what there is to run
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# --target asks nothing of Python but pip: no venv module, and no right to change an environment that the system manages.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Prismlane needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target .uv 'uv>=0.13,<1'

.venv/.synced: pyproject.toml uv.lock $(UV)
	$(UV) sync --frozen --all-extras --quiet
	@touch $@

demo: .venv/.synced ## profile real data and write a report
	$(RUN) prismlane demo $(ARGS)

test: .venv/.synced ## all tests (some of them: ARGS="-k words")
	$(RUN) pytest $(ARGS)

test-unit: .venv/.synced ## the fast tests alone
	$(RUN) pytest tests/unit tests/contract $(ARGS)

check: .venv/.synced ## format, lint, types, imports
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

format: .venv/.synced ## mend format and what the linter can mend
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

docs: .venv/.synced ## write the generated pages of docs/ again
	$(RUN) python docs/generate.py

bench: .venv/.synced ## benchmarks beside their peers (minutes; ARGS="engine_noop --quick")
	$(RUN) python -m bench $(ARGS)

clean: ## remove what the targets above made
	rm -rf .venv .uv dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
