# Needs Python 3.11 or later and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench clean

demo: .venv/installed  ## paint a real clip and show where the result is
	$(BIN)/impasto demo --output demo --home demo/jobs

test: .venv/installed-dev  ## run the whole test suite
	$(BIN)/python -m pytest

check: .venv/installed-dev  ## what CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

bench: .venv/installed-dev  ## measure all that BENCHMARKS.md publishes, about 20 minutes
	for name in overhead network peers startup memory; do $(BIN)/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf .venv demo dist

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Impasto needs Python 3.11 or later; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo,dev]'
	touch $@
