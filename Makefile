# The two commands: `make run` and `make test`. The rest serves development.
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# PostgreSQL's driver is installed only where it is asked for.
LOCK := requirements/run.lock $(if $(filter postgres%,$(DATABASE_URL)),requirements/postgres.lock)

.PHONY: help run test lint lock demo clean
help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run-$(if $(filter postgres%,$(DATABASE_URL)),postgres,sqlite) ## start everything: database, Redis, web, workers, a demo
	@exec $(PY) manage.py start --end-with-parent

test: $(VENV)/.dev ## every test (with DATABASE_URL: on that database)
	@$(PY) -m pytest -n 2 --dist loadgroup $(ARGS)

lint: $(VENV)/.dev ## ruff
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

demo: $(VENV)/.run-$(if $(filter postgres%,$(DATABASE_URL)),postgres,sqlite) ## make the demo project again
	@$(PY) manage.py demo

lock: $(VENV)/.dev ## write the lock files anew from pyproject.toml
	@$(PY) -m pip install -q uv
	@$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements/run.lock
	@$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra postgres pyproject.toml -c requirements/run.lock -o requirements/postgres.lock
	@$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra postgres --group dev pyproject.toml -c requirements/run.lock -o requirements/dev.lock

clean: ## remove the environment (never the data in var/)
	@rm -rf $(VENV)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ALAMBIC needs Python 3.11 or newer: name one with PYTHON=python3.12 make run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv is missing: on Debian and Ubuntu, apt install python3-venv"; exit 1; }

$(VENV)/.run-%: requirements/run.lock requirements/postgres.lock | $(PY)
	@echo "Installing what ALAMBIC needs into $(VENV) (once; a minute or two) ..."
	@$(PY) -m pip install -q --require-hashes $(addprefix -r ,$(LOCK))
	@touch $@

$(VENV)/.dev: requirements/dev.lock | $(PY)
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PY) -m pip install -q --require-hashes -r requirements/dev.lock
	@touch $@
