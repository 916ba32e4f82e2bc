# Two commands matter: `make run` and `make test`. Each sets up all it needs.
SHELL := /bin/bash
PYTHON ?= python3
PRESET ?= nano
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Nothing here phones home.
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export HF_HUB_OFFLINE := 1
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq
TORCH := torch==2.13.0

.PHONY: help run test test-fast up down chat plan check bench lock clean
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/runtime  ## Raw text to a released model: start the services, run the curriculum (PRESET=nano), show it
	@$(VENV)/bin/python -m flows run --preset $(PRESET)

test: $(VENV)/dev  ## Lint, types and every test
	@$(MAKE) --no-print-directory check
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile

test-fast: $(VENV)/dev  ## The tests that are not marked slow, in a minute or so
	@$(VENV)/bin/python -m pytest -n 2 --dist loadfile -m "not slow" -q

up: $(VENV)/runtime  ## Start Prefect, MLflow and a worker on loopback
	@$(VENV)/bin/python -m infra.local up

down: $(VENV)/runtime  ## Stop what `up` started; data stays
	@$(VENV)/bin/python -m infra.local down

chat: $(VENV)/runtime  ## Talk to the released model through llama.cpp, tools included
	@$(VENV)/bin/python -m components.release chat

plan: $(VENV)/runtime  ## What a run would do and why, without doing it (PRESET=nano)
	@$(VENV)/bin/python -m flows plan --preset $(PRESET)

check: $(VENV)/dev  ## Lint, format, types, the direction of imports
	@ruff check . && ruff format --check --quiet . && mypy && lint-imports --no-cache | tail -n 2

bench: $(VENV)/runtime  ## Ratios on this CPU, side by side with transformers and llama.cpp, into docs/benchmarks/
	@mkdir -p docs/benchmarks
	@for name in train_step decode loss attention; do \
	  $(VENV)/bin/python -m benchmarks.$$name | tee docs/benchmarks/$$name.txt || exit 1; done

lock: $(VENV)/dev  ## Resolve the dependencies anew and write requirements/
	uv pip compile --quiet pyproject.toml --extra evaluation --extra gpu --no-emit-package triton -o requirements/runtime.txt
	uv pip compile --quiet pyproject.toml --extra evaluation --extra gpu --extra production --no-emit-package triton -c requirements/runtime.txt -o requirements/production.txt
	uv pip compile --quiet pyproject.toml --extra evaluation --extra gpu --extra dev -c requirements/runtime.txt -o requirements/dev.txt
	sed -n 's/^reasoning-gym = \["\(.*\)"\].*/\1/p' pyproject.toml | uv pip compile --quiet - -c requirements/dev.txt \
	  $$(sed -nE 's/^([a-z0-9.-]+)==.*/--no-emit-package \1/p' requirements/dev.txt) -o requirements/reasoning-gym.txt

clean: down  ## Stop the services and delete what this clone made: services' data, caches, stage outputs
	rm -rf .trivium .dvc/cache .dvc/tmp data artifacts checkpoints metrics plots release dvc.lock
	git worktree prune

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else f"Python {sys.version.split()[0]} at {sys.executable}: Trivium needs 3.11 or 3.12; call make with PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements/runtime.txt | $(VENV)/bin/python
	@echo "Installing the locked dependencies into $(VENV) (a few minutes, once) ..."
	@$(PIP) install $(TORCH)
	@$(PIP) install --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/dev: requirements/dev.txt requirements/reasoning-gym.txt $(VENV)/runtime
	@echo "Installing the test dependencies into $(VENV) ..."
	@$(PIP) install --no-deps --require-hashes -r $<
	@command -v cc >/dev/null && $(PIP) install --no-deps --require-hashes -r requirements/reasoning-gym.txt \
	  || echo "reasoning-gym was not built (it takes a C compiler): tests of its families will be skipped and say so."
	@touch $@
