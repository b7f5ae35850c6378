# heapster-stream: what there is to run. What is installed goes to .cache and .venv, both ignored by git.

PYTHON ?= python3
CACHE := $(or $(HEAPSTER_STREAM_CACHE),.cache)
UV_VERSION := 0.13.9
UV := $(CACHE)/uv-$(UV_VERSION)
RUN := .venv/bin
PYTEST := $(RUN)/pytest -q
BIOME := node_modules/.bin/biome
PYTHON_VERSIONS := 3.11 3.12 3.13 3.14
SITE ?= $(CURDIR)/.site

export PYTHON
# some images set it: then each process compiles all that it imports, once more
export PYTHONDONTWRITEBYTECODE :=

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup web-tools stack browser demo servers chaos bench docs check test test-unit test-integration coverage lint mutants pre-commit audit format clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 18

setup: $(UV)/bin/uv ## the virtual environment in .venv, with locked dependencies
	@# its own path: by that of a pyenv shim uv does not know the environment again, and makes it anew each time
	@# compiled at once: else all that start first, as the services of a demo, compile the same packages side by side
	@$(UV)/bin/uv sync --frozen --quiet --compile-bytecode --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"

$(UV)/bin/uv:
	@tools/stack/requirements.sh python
	@echo "setting up Python's packages …"
	@$(PYTHON) -m venv --clear $(UV)
	@$(UV)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

stack: setup ## a real Kafka and a real InfluxDB, installed in .cache
	@tools/stack/requirements.sh python java maven go
	@$(RUN)/python -m tools.stack.install

web-tools: node_modules/.package-lock.json

node_modules/.package-lock.json: package.json package-lock.json
	@tools/stack/requirements.sh npm
	@npm ci --silent --no-fund --no-audit
	@touch $@

browser:
	@tools/stack/requirements.sh chromium

demo: stack ## a simulated cluster through it all; DEMO_SECONDS=90 ends it
	@$(RUN)/python -m tools.stack.demo

servers: stack ## Kafka and InfluxDB at their usual ports, empty, until Ctrl-C
	@$(RUN)/python -m tools.stack.servers

chaos: stack ## CHAOS_MINUTES=5 of faults at random, then a comparison
	@$(RUN)/python -m tools.chaos

bench: stack ## what each stage, each service and the whole pipeline cost; BENCH_QUICK=1 for a look
	@$(RUN)/python -m tools.bench

docs: setup ## the documentation as a site in .site
	@NO_MKDOCS_2_WARNING=1 $(UV)/bin/uv run --frozen --isolated --quiet --only-group docs \
		--python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" mkdocs build --strict --quiet --site-dir $(SITE)
	@echo "$(SITE)/index.html"

test: stack browser check test-integration ## everything that CI runs

check: lint coverage ## what needs no servers: style, types, imports, quick tests, coverage

test-unit: setup ## the quick tests
	$(PYTEST) -n auto --maxprocesses=4 tests/unit

coverage: setup ## the quick tests with more examples, and how much of the pure core they reach
	$(PYTEST) -n auto --maxprocesses=4 --hypothesis-profile=thorough tests/unit $$($(RUN)/python tests/pure_core.py)

test-integration: stack browser ## the tests on the real Kafka and InfluxDB
	$(PYTEST) -n 4 --maxschedchunk=1 tests/integration

lint: setup web-tools ## format, style, types, imports, dependencies, shell scripts, the web page
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	for version in $(PYTHON_VERSIONS); do $(RUN)/mypy --python-version $$version || exit; done
	$(RUN)/lint-imports
	$(RUN)/deptry .
	$(RUN)/shellcheck .ci/run tools/stack/requirements.sh
	$(BIOME) ci .

mutants: setup ## mutation test of the pure packages, half an hour: results in mutants/, not part of CI
	$(RUN)/mutmut run --max-children 2
	$(RUN)/mutmut export-cicd-stats

pre-commit: setup ## install the git hook that runs make lint and make test-unit before each commit
	@$(RUN)/pre-commit install

audit: setup ## known holes in what is locked; asks osv.dev, so it is no part of CI
	@$(UV)/bin/uv audit --frozen --preview-features audit-command

format: setup web-tools ## put the sources into shape
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .
	$(BIOME) check --write .

clean: ## remove what was installed and made
	rm -rf .venv $(CACHE)/uv-* $(CACHE)/kafka-* $(CACHE)/influxdb-*
	rm -rf $(CACHE)/demo $(CACHE)/demo.lock $(CACHE)/servers $(CACHE)/servers.lock
	rm -rf node_modules mutants .site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
