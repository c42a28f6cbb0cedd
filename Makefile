# Everything a person or CI runs. Each target does all its own set-up: it needs Python >= 3.11 with pip, and make.
SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
UV := .uv/bin/uv
BIN := .venv/bin
unexport VIRTUAL_ENV

.PHONY: help demo test test-unit check format docs bench clean

help: ## what there is to run
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# --target asks nothing of Python but pip: no venv module, and no right to change an environment that the system manages.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Prismlane needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade --target .uv 'uv>=0.13,<1'

# The interpreter is the one that was named, not one that uv would choose or download.
.venv/.synced: pyproject.toml uv.lock $(UV)
	UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --all-extras --quiet --python "$$(command -v $(PYTHON))"
	@touch $@

demo: .venv/.synced ## profile real data and write a report
	$(BIN)/prismlane demo $(ARGS)

test: .venv/.synced ## all tests (some of them: ARGS="-k words")
	$(BIN)/pytest $(ARGS)

test-unit: .venv/.synced ## the fast tests alone
	$(BIN)/pytest tests/unit tests/contract $(ARGS)

check: .venv/.synced ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.synced ## mend format and what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/.synced ## write the generated pages of docs/ again
	$(BIN)/python docs/generate.py

bench: .venv/.synced ## benchmarks beside their peers (minutes; ARGS="engine_noop --quick")
	$(BIN)/python -m bench $(ARGS)

clean: ## remove what the targets above made
	rm -rf .venv .uv dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
