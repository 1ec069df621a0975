# Needs Python 3.11 or later with pip, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Two workers, one thread for each library in each; a worker takes a whole file and so shares its bakes.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 POLARS_MAX_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/pytest --numprocesses=2 --dist=loadfile --durations=20

.DEFAULT_GOAL := help
.PHONY: help demo test fast slow test-all lint format options clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed ## render the default project into build/ and run it to a prediction
	BIN="$(CURDIR)/$(BIN)" sh tests/demo.sh build

test: lint fast slow ## run what every change must pass

fast: .venv/installed ## render many sets of answers and check every file (4 minutes)
	$(PYTEST) -m fast

slow: .venv/installed ## install and run rendered projects (25 minutes)
	$(PYTEST) -m slow

test-all: test ## run everything, as before a release (needs Python 3.11, 3.12 and 3.13)
	$(PYTEST) -m release

lint: .venv/installed ## check style, types, workflows and shell scripts of the template itself
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy hooks tests docs mlops_template_answers.py
	$(BIN)/shellcheck .ci/run tests/demo.sh
	$(BIN)/actionlint && $(BIN)/zizmor --offline --quiet .github

format: .venv/installed ## format the template's own Python
	$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

options: .venv/installed ## write docs/options.md from cookiecutter.json
	$(BIN)/python docs/make_options.py

clean: ## remove what make made, .venv included
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear --without-pip .venv # some systems ship Python without ensurepip
	$(PYTHON) -m pip --python $(BIN)/python install --quiet "uv>=0.9"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --requirements pyproject.toml --extra test
	touch $@
