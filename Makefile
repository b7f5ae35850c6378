# heapster-stream: what there is to run. Everything that is installed goes to .cache and .venv, both ignored by git.

PYTHON ?= python3
CACHE := $(or $(HEAPSTER_STREAM_CACHE),.cache)
UV_VERSION := 0.13.9
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
RUN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help requirements setup stack demo test test-unit test-integration lint format clean

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

requirements: ## check what the machine must have
	@$(PYTHON) stack/requirements.py

$(UV):
	@$(PYTHON) -m venv $(CACHE)/uv-$(UV_VERSION)
	@$(CACHE)/uv-$(UV_VERSION)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

setup: requirements $(UV) ## the virtual environment, with locked dependencies
	@$(UV) sync --frozen --quiet --python $(PYTHON)

stack: setup ## a real Kafka and a real InfluxDB, installed below .cache
	@$(RUN)/python -m stack.install

demo: stack ## a simulated cluster through the whole pipeline, until interrupted (or DEMO_SECONDS=90)
	@$(RUN)/python -m stack.demo

test: stack lint test-unit test-integration ## everything

test-unit: setup ## the quick ones
	$(RUN)/pytest -q -m "not integration" tests

test-integration: stack ## those on the real Kafka and InfluxDB
	$(RUN)/pytest -q -m integration tests

lint: setup ## format, style, types, imports
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports

format: setup ## put the sources into shape
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

clean: ## remove what was installed
	rm -rf .venv $(CACHE)
