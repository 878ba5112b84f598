# The front door. Every rule that needs the environment makes it first.

PORT ?= 5000
EMODB_ZIP ?=
# Of make evaluate: a zip archive or a folder; a model_type; a file with more fields of /train.
CORPUS ?=
MODEL_TYPE ?=
REQUEST ?=
VENV := .venv
BIN := $(VENV)/bin
# Any of the Pythons that the project runs on.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
# What requests may reach locally: this folder, and the corpus that was named.
SER_ALLOWED_PATHS ?= $(CURDIR)$(if $(EMODB_ZIP),:$(abspath $(EMODB_ZIP)))
# A local stack may fetch from local servers; deployed functions may not.
SER_ALLOWED_HOSTS ?= localhost,127.0.0.1
export PORT EMODB_ZIP CORPUS MODEL_TYPE REQUEST SER_ALLOWED_PATHS SER_ALLOWED_HOSTS

.DEFAULT_GOAL := help
.PHONY: help init demo serve recipe evaluate bench test pytest lint format check lock update-env pip-freeze clean

help: ## Print every rule with what it does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

init: $(VENV)/installed ## Make the environment in .venv

$(VENV)/installed: tests/requirements.txt shared/pyproject.toml
	@test -n "$(PYTHON)" || { echo >&2 "No Python 3.11, 3.12 or 3.13 is found; name one: make PYTHON=..."; exit 1; }
	@echo "Making the environment in $(VENV) with $$($(PYTHON) --version); this takes some minutes." >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable shared
	@touch $@

demo: init ## Get a corpus, train and predict over HTTP, show the result
	$(BIN)/python infra/local/demo.py

serve: init ## Serve both functions behind the gateway on PORT (default 5000)
	$(BIN)/python infra/local/stack.py

recipe: init ## Print the model_type of our recipe
	@$(BIN)/python -c 'from ser.classifiers import RECIPE; print(RECIPE)'

evaluate: init ## Leave each speaker of CORPUS out once: figures and a report (MODEL_TYPE=, REQUEST=)
	@$(BIN)/python infra/local/evaluate.py

bench: init ## Measure predict beside the usual function, and trainings (RUNS=5, EMODB_ZIP=)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m benchmark

test: init ## Run the tests; those on the real corpus need EMODB_ZIP
	$(BIN)/pytest

pytest: test ## The same as test

lint: init ## Check format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: init ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check: lint test ## The one gate: lint and test

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest \
	--python-version 3.11 --custom-compile-command "make lock" $(LOCK_OPTIONS)

lock: init ## Renew the pinned requirements from shared/pyproject.toml and tests/requirements.in
	$(UV_COMPILE) shared/pyproject.toml --extra http --extra train --extra cluster tests/requirements.in -o tests/requirements.txt
	$(UV_COMPILE) shared/pyproject.toml --extra http --extra train -c tests/requirements.txt -o functions/train/requirements.txt
	$(UV_COMPILE) shared/pyproject.toml --extra http -c tests/requirements.txt -o functions/predict/requirements.txt

update-env: ## Make the environment anew
	rm -rf $(VENV)
	$(MAKE) init

pip-freeze: init ## Print what is installed
	$(BIN)/pip freeze --exclude-editable

clean: ## Remove the environment and all that was made; corpora in data/ and models in model/ stay
	rm -rf $(VENV) demo benchmark build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
