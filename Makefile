# make demo: drawn landscapes through the whole flow, offline.  make test: formatter, linter, import contracts, tests.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO := demo

.PHONY: demo test test-long readme lock clean

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.lock)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: $(READY)
	mkdir -p $(DEMO)
	$(BIN)/gauganpipe run drawn:120 --preset tiny --workspace $(DEMO)

test: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -m "not long"

test-long: $(READY)
	$(BIN)/python -m pytest -m long

# The parts of the README that are read off the code.
readme: $(READY)
	$(BIN)/python -m tests.readme_blocks

# The versions that were tested, from what is installed now.
lock:
	$(BIN)/uv pip freeze --quiet --python $(BIN)/python --exclude-editable | sort > requirements.lock

clean:
	rm -rf .venv $(DEMO)
