# The front door. Every rule that needs the environment makes it first.

PORT ?= 5000
JUPYTER_PORT ?= 8888
EMODB_ZIP ?=
# The same from anywhere; abspath would cut at spaces.
ARCHIVE = $(if $(filter /%,$(firstword $(EMODB_ZIP))),$(EMODB_ZIP),$(CURDIR)/$(EMODB_ZIP))
# For make evaluate: a zip archive, a folder or a CSV table beside its sounds; a model_type; a file with
# further fields of /train; a registry and an alias for the model, which is not published without them.
CORPUS ?=
MODEL_TYPE ?=
REQUEST ?=
SAVE ?=
ALIAS ?=
VENV ?= .venv
BIN := $(VENV)/bin
# Any of the Pythons that the project runs on.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
# What requests may reach locally: this folder, and the corpus that was named.
SER_ALLOWED_PATHS ?= $(CURDIR)$(if $(EMODB_ZIP),:$(ARCHIVE))
# A local stack may fetch from local servers; deployed functions may not.
SER_ALLOWED_HOSTS ?= localhost,127.0.0.1
# Of the development container: an engine, and what its image and it are called.
ENGINE ?= $(shell command -v docker >/dev/null && echo docker || echo podman)
BASE ?=
CONTAINER ?= ser
CONTAINER_IMAGE ?= ser-container:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' shared/ser/__init__.py)
# Rootless podman makes its root of whoever starts it; elsewhere a user of the same number owns the clone.
OWNER = $(shell [ "$(notdir $(ENGINE))" = podman ] && echo 0:0 || echo "$$(id -u):$$(id -g)")
export PORT JUPYTER_PORT VENV EMODB_ZIP CORPUS MODEL_TYPE REQUEST SAVE ALIAS SER_ALLOWED_PATHS SER_ALLOWED_HOSTS

.DEFAULT_GOAL := help
.PHONY: help init demo serve recipe evaluate notebook bench test pytest lint format check lock \
	update-env pip-freeze clean package deploy undeploy boot-app init-docker create-container \
	start-container attach clean-container clean-image clean-docker clean-docker-full-only-in-emergency

help: ## Print every rule with what it does
	@awk -F ':.*## ' '/^## / {printf "\n%s\n", substr($$0, 4)} \
		/^[a-z-]+:.*## / {printf "  %-17s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Hear what it does

demo: init ## Get a corpus, train and predict over HTTP, show the result
	$(BIN)/python infra/local/demo.py

serve: init ## Serve both functions behind the gateway on PORT (default 5000)
	$(BIN)/python infra/local/stack.py

recipe: init ## Print the model_type of our recipe
	@$(BIN)/python -c 'from ser.classifiers import RECIPE; print(RECIPE)'

evaluate: init ## Leave each speaker of CORPUS out once: figures and a report (MODEL_TYPE=, REQUEST=, SAVE=, ALIAS=)
	@$(BIN)/python infra/local/evaluate.py

notebook: init ## Open docs/report.ipynb in Jupyter: the corpus, the features, the models (EMODB_ZIP=)
	EMODB_ZIP="$(if $(EMODB_ZIP),$(ARCHIVE))" $(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.ip=127.0.0.1 docs/report.ipynb

bench: init ## Measure predict beside the usual function, and trainings (RUNS=5, EMODB_ZIP=)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m benchmark

## Work on it

init: $(VENV)/installed ## Make the environment in .venv

$(VENV)/installed: tests/requirements.txt shared/pyproject.toml
	@test -n "$(PYTHON)" || { echo >&2 "No Python 3.11, 3.12 or 3.13 is found; name one: make PYTHON=..."; exit 1; }
	@echo "Making the environment in $(VENV) with $$($(PYTHON) --version); this takes some minutes." >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable shared
	@touch $@

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
	rm -rf $(VENV) demo benchmark evaluation build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

## Deploy it: docs/deployment.md

package: init ## Build the images of both functions (ENGINE=, BASE=, PLATFORM=; TARGET=aws: those of Lambda)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment package $(TARGET)

deploy: init ## Deploy to TARGET=aws, knative or compose and ask its /healthz (YES=1: without asking)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment deploy $(TARGET)

undeploy: init ## Remove what deploy made (TARGET=, YES=1; models stay unless DELETE=data)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment undeploy $(TARGET)

## Work in a container, or in two screens: API on PORT, JUPYTER on JUPYTER_PORT

boot-app: init ## Start both screens, here or in the container, and wait until they answer
	@infra/container/boot.sh

init-docker: ## Build the image of the container (ENGINE=docker or podman, BASE=)
	$(ENGINE) build --file infra/container/Dockerfile --tag $(CONTAINER_IMAGE) \
		--build-arg OWNER=$(OWNER) $(if $(BASE),--build-arg BASE=$(BASE)) .

create-container: init-docker ## Make the container: the clone is mounted, both ports are on loopback
	$(ENGINE) container inspect $(CONTAINER) >/dev/null 2>&1 || \
	$(ENGINE) create --init --name $(CONTAINER) --volume "$(CURDIR):/ser" \
		--publish 127.0.0.1:$(PORT):5000 --publish 127.0.0.1:$(JUPYTER_PORT):8888 $(CONTAINER_IMAGE)

start-container: create-container ## Start the container and both screens in it
	$(ENGINE) start $(CONTAINER)
	$(ENGINE) exec $(CONTAINER) make boot-app

attach: start-container ## Open a shell in the container; there: screen -r API, screen -r JUPYTER
	$(ENGINE) exec --interactive --tty $(CONTAINER) bash

clean-container: ## Remove the container; the clone with all that was made in it stays
	if $(ENGINE) container inspect $(CONTAINER) >/dev/null 2>&1; then $(ENGINE) rm --force $(CONTAINER); fi

clean-image: clean-container ## Remove the image, and the container made of it
	if $(ENGINE) image inspect $(CONTAINER_IMAGE) >/dev/null 2>&1; then $(ENGINE) image rm $(CONTAINER_IMAGE); fi

clean-docker: clean-container clean-image ## Remove both

clean-docker-full-only-in-emergency: ## Delete everything of the engine, of other projects too (asks first; CONFIRM=)
	@infra/container/prune.sh $(ENGINE)
