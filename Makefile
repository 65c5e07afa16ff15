# Each target sets itself up in .venv from requirements.lock; nothing else is needed but python3 (>= 3.11, with venv).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test check chaos bench fuzz lock fmt clean
.DEFAULT_GOAL := demo

demo: $(READY)
	$(BIN)/duban demo

test: $(READY)
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit -q -c pyproject.toml -r daemon jobs
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m daemon.config.schema --check
	$(BIN)/python -m daemon.config.reference --check
	$(BIN)/python -m tests.check_docs

# So many minutes on each database, with new random numbers each time: make chaos MINUTES=30 SEED=7
# A violation on one does not keep the other from running; the target fails at the end.
chaos: $(READY)
	@code=0; for database in sqlite postgresql; do \
		$(BIN)/python -m tests.chaos --database $$database --minutes $(or $(MINUTES),5) --faults 100000 \
			$(if $(SEED),--seed $(SEED)) || code=1; \
	done; exit $$code

# About an hour, two minutes of it the load of `memory` on each database.
bench: $(READY)
	$(BIN)/python -m tests.bench

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

fmt: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The lock names hashes, no download address.
lock:
	$(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/pip -q install uv
	$(VENV)/uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --extra dev -o requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:
	rm -rf $(VENV) dist build
