# Everything sets itself up: a virtual environment with hash-checked packages, then the thing asked for.
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin
LOCK   := requirements.lock
LOCK_DAEMON := requirements-daemon.lock
TRITON := .venv-triton
LOCK_TRITON := requirements-triton.lock
READY  := $(VENV)/.ready
READY_TEST := $(VENV)/.ready-test
PIP    := $(BIN)/pip --quiet --disable-pip-version-check
FILE   ?=
FUZZER ?= atheris==3.0.0
SECONDS ?= 3600

.PHONY: help demo test test-slow check format model bench soak cluster fuzz lock dist deb system-deps clean $(TRITON)

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

test-slow: $(READY_TEST) $(TRITON)  ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow --timeout 900

check: $(READY_TEST)  ## ruff and mypy --strict
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy

format: $(READY)  ## let ruff format and mend what it can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

model: $(READY)  ## make the shipped network again from the published checkpoint, byte for byte
	@$(BIN)/stemd export spleeter --out daemon/stemd/models

bench: $(READY_TEST)  ## every suite of benchmarks, and a page of all of them in report/ (two and a half hours; QUICK=1: a quarter of one)
	@$(BIN)/stemd bench report $(if $(QUICK),--quick) --out report

soak: $(READY)  ## one stream for ten minutes, with listeners that come and go
	@$(BIN)/stemd bench soak

cluster: $(READY_TEST) $(TRITON)  ## streams play while servers fail: two Triton servers, a daemon and HAProxy on a network of their own (root)
	@$(BIN)/python -m tests.cluster

$(TRITON): $(TRITON)/.ready  ## a Triton server that runs stemd's networks, beside the checkout

$(TRITON)/.ready: $(LOCK_TRITON)
	@echo "Setting up $(TRITON) with a Triton server (once, half a minute)"
	@test -x $(TRITON)/bin/python || $(PYTHON) -m venv $(TRITON)
	@$(TRITON)/bin/pip --quiet --disable-pip-version-check install --no-deps --require-hashes --only-binary :all: -r $(LOCK_TRITON)
	@touch $@

fuzz: $(READY)  ## fuzz what strangers can send, for an hour (SECONDS=3600); what it finds lies in build/
	@$(PIP) install $(FUZZER)
	@mkdir -p build
	@$(BIN)/python tests/fuzz/codec.py build/fuzz -max_total_time=$(SECONDS) -max_len=40000 -artifact_prefix=build/

lock: $(READY)  ## resolve pyproject.toml into the lock file anew, and the part of it that the daemon needs, and a Triton server's
	@$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --no-sources \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o $(LOCK)
	@$(BIN)/uv pip compile pyproject.toml --extra daemon --constraint $(LOCK) --universal --python-version 3.11 --no-sources \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o $(LOCK_DAEMON)
	@$(BIN)/uv --no-config pip compile pyproject.toml requirements-triton.in --extra daemon --universal --python-version 3.11 --no-sources \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o $(LOCK_TRITON)

dist: $(READY)  ## sdist, wheel, lock, SBOM and SHA256SUMS into dist/, the same bytes everywhere
	@rm -rf dist
	@$(BIN)/python -m release.dist

deb: dist  ## a package for the Debian or Ubuntu that this runs on, into dist/ (needs debhelper)
	@$(BIN)/python -m release.deb

system-deps:  ## install the system parts that tests use (Debian, Ubuntu; needs root)
	@$(PYTHON) tests/system_parts.py --install

clean:  ## remove what was made here
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis demo report dist build
