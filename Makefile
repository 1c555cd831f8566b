# The one place where the project's commands are spelled. `make venv` is made anew when a lock file changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONUNBUFFERED = 1

MINUTES ?= 10
HOURS ?=
WHEELS ?=
PROGRAMS ?= 1000

.PHONY: venv install uninstall demo examples test check format bench bench-search bench-replay bench-judgement gpu-day gpu-check soak programs places-ray dist docs clean

venv: $(VENV)/.made

$(VENV)/.made: requirements.lock requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "tuned needs Python 3.11 or newer: make venv PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

install:
	PYTHON=$(PYTHON) packaging/install

uninstall:
	packaging/install --remove

demo: venv
	$(BIN)/python -m examples.demo

examples: venv
	$(BIN)/python -m examples.run --small

test: venv
	$(BIN)/python -m pytest -n 4 --dist worksteal

# Tools of a release in an environment of their own: nothing of ours needs them.
.release/.made:
	$(PYTHON) -m venv .release
	.release/bin/pip install --disable-pip-version-check --quiet build twine mkdocs-material
	touch $@

dist: venv .release/.made
	packaging/check_dist .release $(VENV)

docs: .release/.made
	rm -rf build/pages && mkdir -p build/pages
	cp -r docs *.md LICENSE build/pages
	cp -r --parents examples/*/*.md $$(git ls-files 'examples/*.toml' 'examples/*.py' 'examples/*.svg' 'examples/*.png' 'examples/*.sh') build/pages
	.release/bin/mkdocs build --strict --quiet

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv
	$(BIN)/python -m benchmarks

bench-search: venv
	$(BIN)/pip install --disable-pip-version-check --no-deps --target .peers -r requirements-peers.txt
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.search
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.time_to_target

bench-replay: venv
	$(BIN)/pip install --disable-pip-version-check --no-deps --target .peers -r requirements-peers.txt
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.replay
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.replay --held-out
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.replay --choosing --seeds 5

bench-judgement: venv
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.judgement $(if $(REPETITIONS),--repetitions $(REPETITIONS)) $(if $(PROCESSES),--processes $(PROCESSES))

gpu-day: venv
	$(BIN)/python -m benchmarks.gpu_day

gpu-check: $(if $(WHEELS),,venv)
	packaging/gpu-check $(WHEELS)

soak: venv
	$(BIN)/python -m benchmarks.soak $(if $(HOURS),--hours $(HOURS),--minutes $(MINUTES))

programs: venv
	PROGRAMS=$(PROGRAMS) $(BIN)/python -m pytest -q --timeout 0 tests/crash/test_programs.py

# Ray, in an environment of its own: nothing of ours needs it.
.ray/.made:
	$(PYTHON) -m venv .ray
	.ray/bin/pip install --disable-pip-version-check --quiet 'ray[default]==2.60.0'
	touch $@

places-ray: venv .ray/.made
	$(BIN)/python -m tests.places.ray_real .ray/bin/ray

clean:
	rm -rf $(VENV) .peers .release .ray .demo build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
