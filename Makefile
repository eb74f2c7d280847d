# Everything sets itself up: `make run` and `make test` work in a fresh checkout with Python 3.11 or newer.

PY := .venv/bin/python
LOCAL := $(PY) -m deploy.local

# Without their bytecode kept, each of the many processes that are started here would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run demo test fuzz bench check fix revision migrate openapi clean

##@ Use it
run: .venv/run ## start PostgreSQL, migrate, and run the four services (Ctrl-C stops them)
	@exec $(LOCAL) --with-parent

demo: .venv/dev ## load a shop's real purchase history into what `make run` runs, and look at it
	@$(PY) -m deploy.demo $(ARGS)

##@ Work on it
setup: .venv/dev ## make .venv with everything for development
	@echo "ready: $(PY)"

test: .venv/dev ## run the tests (ARGS="tests/unit -k consent" for some of them)
	@$(PY) -m pytest $(ARGS)

check: .venv/dev ## lint, formatting, types, import rules, and that the docs are complete
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache
	@$(PY) -m pytest -q -n 0 tests/docs/test_docs.py

fix: .venv/dev ## format, and repair what the linter can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

fuzz: .venv/dev ## generated conditions and histories on and on: followed = SQL = from scratch (Ctrl-C ends it)
	@$(PY) -m pytest tests/fuzz/endless.py -n 0 -q $(ARGS)

bench: .venv/dev ## measure against limits taken in the same run (ARGS="ingest")
	@$(PY) -m bench $(ARGS)

##@ Database and API
migrate: .venv/run ## bring the local database to head (service=events for one)
	@$(LOCAL) exec -- $(PY) -m services migrate $(or $(service),all)

revision: .venv/dev ## write a migration: service=events message="add a column"
	@test -n "$(service)" && test -n "$(message)" || { echo 'usage: make revision service=events message="add a column"'; exit 2; }
	@$(LOCAL) exec -- $(PY) -m services revision $(service) "$(message)"

openapi: .venv/dev ## write docs/openapi/<service>.json
	@$(PY) -m services openapi

##@ Housekeeping
clean: ## remove .venv and caches; your data in .local stays
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# Stamps: deploy/setup.sh itself looks whether the lock is the one installed last.
.PHONY: .venv/run .venv/dev
.venv/run .venv/dev:
	@deploy/setup.sh $(notdir $@)
