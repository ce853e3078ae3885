# Needs Python >= 3.11 (with venv), pip and make; everything else goes into $(VENV).
# `make help` lists the targets. Variables: PYTHON, VENV, DATA (for gate), ARGS (more arguments for pytest).

PYTHON ?= python3
VENV   ?= .venv
DATA   ?= embedded
ARGS   ?=

# Which embedded base `make base` makes: tastes (the gate's) or films (MovieLens's).
CURRICULUM ?= tastes

BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-from-constraints
REPORT := rerank-report

# No test and no gate may reach for a model hub: what they need is in the repository or in a package.
OFFLINE := HF_HUB_OFFLINE=1

# What `make gate DATA=...` can judge; one `target_` line a choice.
DATA_CHOICES     := embedded ml-100k
target_embedded  := --rerank-target demo
target_ml-100k   := --rerank-target rerank_model.targets.ml100k:make_target

.DEFAULT_GOAL := help
.PHONY: help install gate test test-fast lint docs gpu stats faults trust bench base dist clean check-data

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  DATA=$(DATA) (one of: $(DATA_CHOICES))  PYTHON=$(PYTHON)  ARGS=more pytest arguments"

install: $(STAMP) ## create .venv and install the tested set into it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python >= 3.11 is needed, $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12" % v[:2] or 0)'
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# A prerequisite of its own, before the stamp: a mistyped DATA is told at once, not after an installation.
check-data:
	@$(if $(and $(filter 1,$(words $(DATA))),$(filter $(DATA),$(DATA_CHOICES))),:,$(error DATA=$(DATA) is not known; choose one of: $(DATA_CHOICES)))

gate: check-data $(STAMP) ## train a reranker and judge it; DATA=ml-100k for MovieLens-100K
	$(OFFLINE) $(BIN)/pytest --rerank rerank --rerank-report $(REPORT) $(target_$(DATA)) $(ARGS)

# A process a core, a thread each: torch's own threads of several processes would stand in each other's way.
test: $(STAMP) ## the test suite (no GPU, no network)
	$(OFFLINE) OMP_NUM_THREADS=1 $(BIN)/pytest tests -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

test-fast: $(STAMP) ## the tests that start no subprocess, build or simulation
	$(OFFLINE) OMP_NUM_THREADS=1 $(BIN)/pytest tests -m "not slow" -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

lint: $(STAMP) ## ruff, mypy, the import contracts, complexity, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/complexity.py src benchmarks fixtures
	$(BIN)/python docs/generate.py --check

# No venv here: the GPU machine brings its own torch, transformers, peft and pytest.
gpu: ## everything that needs CUDA, from the source tree; writes benchmarks/gpu.json
	PYTHONPATH=src:. $(OFFLINE) $(PYTHON) -m benchmarks.gpu

stats: $(STAMP) ## remake benchmarks/statistics.md: error rates, users needed, early stop, metrics (some minutes)
	$(OFFLINE) $(BIN)/python -m benchmarks.statistics $(ARGS)

faults: $(STAMP) ## inject every fault into the default reranker and see what the checks say; remakes benchmarks/faults.md
	$(OFFLINE) $(BIN)/python -m benchmarks.faults $(ARGS)

trust: $(STAMP) ## judge every reported case and its siblings; remakes benchmarks/trust.md (ARGS="--only 12", --healthy)
	$(OFFLINE) OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.trust $(ARGS)

bench: $(STAMP) ## time everything against its peers and its floor; remakes benchmarks/speed.md (a quarter of an hour)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[peers]"
	$(OFFLINE) $(BIN)/python -m benchmarks.speed $(ARGS)

docs: $(STAMP) ## write what is derived from the records: README's table, docs/checks, docs/faults, the stub
	$(BIN)/python docs/generate.py

base: $(STAMP) ## make the embedded base model anew (slow); CURRICULUM=films for the other one
	$(OFFLINE) $(BIN)/python fixtures/base/pretrain.py $(CURRICULUM)

dist: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean: ## remove what was built, cached and reported; keeps .venv
	rm -rf dist build $(REPORT) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
