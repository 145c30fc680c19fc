# Madang. `make` or `make help` lists what there is to do.
#
# Needs Python 3.11 or newer (with venv) and make. Packages come from whatever index your pip is
# configured for, and only with the hashes in requirements.lock; after that nothing needs a network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The interpreter that makes .venv: MADANG_PYTHON=/path/to/python3.12 make test
MADANG_PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
PIP := $(PYTHON) -m pip --disable-pip-version-check --quiet

# What `make sim` replays, and what the tests run of it.
SEED ?= 1
STEPS ?= 400
SEEDS ?= 50
# The image that `make image` builds; EXTRAS=tables makes the full one.
IMAGE ?= madang
EXTRAS ?=
LINTED := connector tests examples tools deploy

.PHONY: help
help: ## this list
	@echo "마당 Madang — a data-space connector. Two commands to begin with: make demo, make test"
	@echo
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Variables: MADANG_PYTHON (interpreter), SEED STEPS SEEDS (sim), EXTRAS=tables (image), ARGS (passed on)"

# ---------------------------------------------------------------- set-up

$(PYTHON):
	@[ -n "$(MADANG_PYTHON)" ] || { echo "No Python found. Install Python 3.11 or newer, or set MADANG_PYTHON."; exit 2; }
	@command -v "$(MADANG_PYTHON)" >/dev/null || { echo "$(MADANG_PYTHON) is not there. Set MADANG_PYTHON to a Python 3.11 or newer."; exit 2; }
	@"$(MADANG_PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(MADANG_PYTHON) is older than Python 3.11. Set MADANG_PYTHON to a newer one."; exit 2; }
	@"$(MADANG_PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(MADANG_PYTHON) has no venv. On Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "making $(VENV) with $$("$(MADANG_PYTHON)" --version)"
	@"$(MADANG_PYTHON)" -m venv $(VENV)

# Installed once; made again when a lock changes. The project itself is linked, not copied.
$(VENV)/.run: requirements.lock requirements/build.lock pyproject.toml | $(PYTHON)
	@echo "installing what the connector needs (hash-locked)"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements/build.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "installing what the tests need (hash-locked)"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev ## make .venv with everything for development; the other commands do it by themselves

# ---------------------------------------------------------------- use it

.PHONY: demo
demo: $(VENV)/.run ## two factories on this machine exchange a real file under a signed contract
	@$(BIN)/madang demo $(ARGS)

.PHONY: demo-check
demo-check: $(VENV)/.dev ## redo the demo's digests, signatures, refusals and ledger without our own code
	@$(PYTHON) tools/demo_check.py $(ARGS)

# ---------------------------------------------------------------- test it

.PHONY: test
test: $(VENV)/.dev lint ## lint, unit, integration, conformance, a short simulation (under 10 minutes)
	@$(PYTHON) -m pytest tests/unit tests/integration tests/conformance tests/security -m "not slow and not peers and not containers" $(ARGS)
	@$(MAKE) --no-print-directory sim-many SEEDS=$(SEEDS)

.PHONY: test-all
test-all: test tck crash interop ## everything: also peers, containers, crashes, large data
	@$(PYTHON) -m pytest tests -m "slow and not peers and not containers" $(ARGS)
	@$(MAKE) --no-print-directory demo demo-check pilot

.PHONY: tck
tck: $(VENV)/.dev ## play all 65 conformance scenarios with our own player, both roles
	@$(PYTHON) -m tests.conformance.dsp $(ARGS)

.PHONY: tck-dsp
tck-dsp: $(VENV)/.dev ## run the official conformance kit named by TCK_DSP_CLASSPATH
	@$(PYTHON) -m tests.conformance.dsp.official $(ARGS)

.PHONY: interop
interop: $(VENV)/.dev ## exchange a dataset with a stock EDC, both roles (Java and Maven)
	@$(PYTHON) -m tests.interop $(ARGS)

.PHONY: crash
crash: $(VENV)/.dev ## kill either side at every failpoint, and see that nothing acknowledged is lost
	@$(PYTHON) -m pytest tests/crash $(ARGS)

.PHONY: sim
sim: $(VENV)/.dev ## replay one simulated world: make sim SEED=7 STEPS=400
	@$(PYTHON) -m tests.integration.sim --seed $(SEED) --steps $(STEPS) $(ARGS)

.PHONY: sim-many
sim-many: $(VENV)/.dev ## simulate many seeded worlds: make sim-many SEEDS=1000
	@$(PYTHON) -m tests.integration.sim --seeds $(SEEDS) --steps $(STEPS) $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## speed and memory against bare skeletons and nginx, as ratios (bench-report.json)
	@$(PYTHON) -m tests.bench $(ARGS)

.PHONY: bench-edc
bench-edc: $(VENV)/.dev ## the same exchange against a stock EDC, in the same run (Java and Maven)
	@$(PYTHON) -m tests.bench.bench_edc $(ARGS)

.PHONY: mutate
mutate: $(VENV)/.dev ## 400 seeded mutants of the policy room against its unit tests (hours; by hand)
	@$(PYTHON) tools/mutate.py $(ARGS)

# ---------------------------------------------------------------- keep it tidy

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy --strict, and the import rules
	@$(BIN)/ruff check $(wildcard $(LINTED))
	@$(BIN)/ruff format --check $(wildcard $(LINTED))
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(VENV)/.dev ## put the code into its one shape
	@$(BIN)/ruff check --fix $(wildcard $(LINTED))
	@$(BIN)/ruff format $(wildcard $(LINTED))

.PHONY: docs
docs: $(VENV)/.dev ## write the generated tables and diagrams into docs/ again, then check every page
	@$(PYTHON) tools/docs.py
	@$(PYTHON) -m pytest -q tests/unit/docs

.PHONY: lock
lock: $(PYTHON) ## resolve the dependencies anew and write the lock files
	@$(PYTHON) tools/lock.py $(ARGS)

.PHONY: sbom
sbom: $(VENV)/.dev ## the software bill of materials: dist/madang.cdx.json
	@$(PYTHON) tools/sbom.py

# ---------------------------------------------------------------- ship it

.PHONY: wheel
wheel: $(VENV)/.dev ## dist/madang-*.whl, which runs without this clone
	@$(PYTHON) -m build --no-isolation --wheel --outdir dist .

.PHONY: image
image: ## the container image, its size checked: make image EXTRAS=tables for the full one
	@deploy/image $(IMAGE) "$(EXTRAS)"

.PHONY: pilot
pilot: ## three connectors in containers play the whole story; the exit code tells
	@deploy/pilot $(ARGS)

.PHONY: clean
clean: ## remove what these commands made, except .venv and your data
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-report.json demo-report.json demo-out
	@find connector tests examples tools deploy -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
