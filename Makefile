# Everything sets itself up: a virtual environment with hash-checked packages, then the thing asked for.
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin
LOCK   := requirements.lock
READY  := $(VENV)/.ready
READY_TEST := $(VENV)/.ready-test
PIP    := $(BIN)/pip --quiet --disable-pip-version-check
FILE   ?=

.PHONY: help demo test test-slow check format model bench soak lock system-deps clean

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): $(LOCK) pyproject.toml
	@echo "Setting up $(VENV) (once, a minute or so)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stemd needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes --only-binary :all: -r $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(READY_TEST): $(READY)
	@echo "Adding PyTorch for the tests that compare with it"
	@$(PIP) install $(TORCH)
	@touch $@

demo: $(READY)  ## play a song through a real daemon and leave stems, picture and figures in demo/ (FILE=song.mp3 for yours)
	@$(BIN)/stemd demo $(if $(FILE),"$(FILE)") --out demo

test: $(READY_TEST) check  ## lint, types and the fast tests
	@$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY_TEST)  ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow --timeout 900

check: $(READY_TEST)  ## ruff and mypy --strict
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy

format: $(READY)  ## let ruff format and mend what it can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

model: $(READY)  ## make the shipped network again from the published checkpoint, byte for byte
	@$(BIN)/stemd export spleeter --out daemon/stemd/models

bench: $(READY_TEST)  ## the latency of live streams, what the daemon costs, what networks cost (half an hour)
	@$(BIN)/stemd bench live
	@$(BIN)/stemd bench overhead
	@$(BIN)/stemd bench network

soak: $(READY)  ## one stream for ten minutes, with listeners that come and go
	@$(BIN)/stemd bench soak

lock: $(READY)  ## resolve pyproject.toml into the lock file anew
	@$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --no-sources \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o $(LOCK)

system-deps:  ## install the system parts that tests use (Debian, Ubuntu; needs root)
	@$(PYTHON) tests/system_parts.py --install

clean:  ## remove what was made here
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis demo dist build
