# Everything a person or CI runs. Each target does all its own set-up: it needs Python >= 3.11 with pip, and make.
SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
UV := .uv/bin/uv
BIN := .venv/bin
# Where the system keeps certificates uv trusts them, as pip does: some networks have an authority of their own.
CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem)
# The interpreter that was named; where that is one of a virtual environment, perhaps our own, the one it was made from.
INTERPRETER = $(PYTHON) -c 'import sys; print(sys._base_executable)'
unexport VIRTUAL_ENV

.PHONY: help demo test test-unit check format docs bench clean

help: ## what there is to run
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# --target asks nothing of Python but pip: no venv module, and no right to change an environment that the system manages.
# Where even pip is missing, an environment of its own may have one.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Prismlane needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "setting up: uv, into .uv"
	@python=$$($(INTERPRETER)); \
	"$$python" -m pip --version >/dev/null 2>&1 || { "$$python" -m venv .uv/pip >/dev/null 2>&1 && python=.uv/pip/bin/python; } \
		|| { echo "$$python has no pip, which sets all else up. Install it (Debian, Ubuntu: apt install python3-pip), or name another Python: make PYTHON=... $(MAKECMDGOALS)" >&2; exit 2; }; \
	"$$python" -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade --target .uv 'uv>=0.13,<1'

# The interpreter is the one that was named, not one that uv would choose or download.
.venv/.synced: pyproject.toml uv.lock $(UV)
	@echo "setting up: Python packages, into .venv"
	@UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --all-extras --quiet $(if $(CERTIFICATES),--system-certs) --python "$$($(INTERPRETER))"
	@touch $@

demo: .venv/.synced ## profile real data and write a report
	$(BIN)/prismlane demo $(ARGS)

# Left out of `make test`: in one process with its fork servers, the suite of plain services at times blocks for ever (see
# CHANGELOG, known faults). By itself:  make test ARGS=tests/contract/test_worker_services.py
SERVICES := tests/contract/test_worker_services.py

test: .venv/.synced ## all tests (some of them: ARGS="-k words")
	$(BIN)/pytest $(or $(ARGS),tests/unit tests/contract tests/docs tests/ray tests/http tests/faults --ignore=$(SERVICES))

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
