# Needs nothing but python3 (3.11 or newer), make and a package index.
#
#   make run        install and show real scans compressed and restored (results in run/)
#   make test       lint, types and tests
#   make bench      compare with other codecs on the images of pydicom-data (report in bench-report/)
#   make train      train the networks (ARGS="..." is passed on)
#   make evaluate   measure models and other codecs, and compare them (ARGS="..." is passed on)
#   make corpus-test FOLDER=...   compress, restore and validate every DICOM file of a folder
#   make fuzz SECONDS=60          give mutated files to the decoder and the DICOM reader
#   make speed      measure the speed of each stage (ARGS="..." is passed on)
#   make clean      remove everything that these targets made, but no training run

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CHECKED := radcodec tests benchmarks

.PHONY: run test bench train evaluate speed corpus-test fuzz clean
.DELETE_ON_ERROR:

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)

# One stamp a set of extras: a target installs only what it needs, and again only after
# pyproject.toml has changed.
$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[bench]'
	touch $@

$(VENV)/.train: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[bench,train]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev,train]'
	touch $@

run: $(VENV)/.bench
	$(BIN)/python -m radcodec.demo --output run $(ARGS)

test: $(VENV)/.dev
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy --strict $(CHECKED)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

# Exit code 1 says that some files, here colour and multi-frame ones, cannot be measured.
bench: $(VENV)/.bench
	$(BIN)/radcodec bench "$$($(BIN)/python -c 'import data_store; print(data_store.__path__[0])')/data" \
		-o bench-report $(ARGS) || test $$? -eq 1
	$(BIN)/python benchmarks/verdict.py bench-report/results.json \
		--plot bench-report/curves.svg > bench-report/verdict.md

train: $(VENV)/.train
	$(BIN)/python -m radcodec.training campaign $(ARGS)

evaluate: $(VENV)/.bench
	$(BIN)/python benchmarks/evaluate.py $(ARGS)

speed: $(VENV)/.bench
	$(BIN)/python benchmarks/speed.py $(ARGS)

# Without FOLDER, over the test images of pydicom and pydicom-data.
corpus-test: $(VENV)/.bench
	$(BIN)/python -m benchmarks.corpus $(ARGS) $(or $(FOLDER),$$($(BIN)/python -c \
		'import data_store, pydicom; print(*pydicom.__path__, data_store.__path__[0])'))

$(VENV)/.fuzz: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev,fuzz]'
	touch $@

SECONDS ?= 60
fuzz: $(VENV)/.fuzz
	$(BIN)/python fuzz/run.py --seconds $(SECONDS) rcz
	$(BIN)/python fuzz/run.py --seconds $(SECONDS) dicom

clean:
	rm -rf $(VENV) run bench-report dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CHECKED) -type d -name __pycache__ -prune -exec rm -rf {} +
