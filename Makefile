.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## Set up, then match a training log to its case, and run that before and after
	@$(BIN)/repro match examples/wer-stays-at-100.log --run

test: setup lint ## Set up, then lint and run all tests
	$(BIN)/pytest -n auto

verify: setup ## Check every case on every seed
	$(BIN)/repro verify

evidence: setup ## Run every case, and measure its signs and metrics anew
	$(BIN)/python -m kb.evidence

index: setup ## Encode the passages of all cases anew
	$(BIN)/python -m kb.index

lint: setup ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup ## Mend style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

app: setup ## Set up, then open the app on this machine
	@$(BIN)/repro app

docs: pages ## Set up, then build the site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-serve: pages ## Show the site on this machine; it follows changes of the pages that are written by hand
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict

pages: setup ## Write the generated pages of the site anew
	$(BIN)/python docs/generate_pages.py

bench-docs: pages ## Measure the matching for the site; wants chromium
	$(BIN)/python docs/measure_accuracy.py
	$(BIN)/python docs/measure_paste.py

app-picture: setup ## Take the pictures of the app for the site; wants chromium
	$(BIN)/python docs/take_app_picture.py

readme: setup ## Write the generated parts of README.md and of the home page anew
	$(BIN)/repro case gait-transpose --plot docs/images/gait-transpose.svg >/dev/null
	$(BIN)/python docs/generate_readme.py
	$(BIN)/python docs/generate_pages.py

bench: setup ## Measure speed
	$(BIN)/python tests/bench/bench_speed.py
	$(BIN)/python tests/bench/bench_read.py
	$(BIN)/python tests/bench/bench_search.py
	$(BIN)/python tests/bench/bench_code.py

setup: $(VENV)/.done ## Create the virtual environment

$(VENV)/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.12 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache dist site

.PHONY: help demo test verify evidence index lint format app docs docs-serve pages bench-docs app-picture readme bench setup clean
