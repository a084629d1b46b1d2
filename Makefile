# Each target makes its own virtual environment in .venv when there is none.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types check format bench clean

demo: $(STAMP)
	$(BIN)/lesionscore demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

check: lint types test

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) lesionscore-demo .mypy_cache .ruff_cache .pytest_cache

# A system Python without ensurepip can still make a bare environment; its pip then fills it.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --without-pip $(VENV)
	if [ -x $(BIN)/pip ]; then $(BIN)/python -m pip install --quiet --editable ".[test]"; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --editable ".[test]"; fi
	touch $(STAMP)
