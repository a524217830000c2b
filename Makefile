# Everything sets itself up: `make test` and `make demo` work on a fresh machine with Python 3.11+.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	&& echo $$p && break; done)
BIN := .venv/bin

.PHONY: setup test test-crash lint demo lab bench generate browser node clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.14 is needed; none was found."; exit 1; }
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --python "$(PYTHON)" .venv && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
		{ "$(PYTHON)" -m venv .venv || { echo "On Debian: apt install python3-venv"; exit 1; }; } && \
		{ $(BIN)/python -m pip install --quiet --disable-pip-version-check -U pip || true; } && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
			-c constraints.txt -e '.[dev]' && \
		{ $(BIN)/python -m compileall -qq -j 0 .venv/lib || true; }; \
	fi
	@touch $@

browser: setup
	@$(BIN)/python tests/browser/chromium.py

node: setup
	@$(BIN)/python tests/helpers/node.py

test: setup browser node
	$(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder

test-crash: setup
	$(BIN)/python -m pytest tests/crash $(wildcard tests/ledger) -s --durations=10 -m 'heavy or not heavy'

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/mypy
	$(BIN)/lint-imports

demo: setup
	@$(BIN)/python -m notebooks.demo

lab: setup
	$(BIN)/jupyter lab notebooks/quickstart.ipynb

bench: setup
	@$(BIN)/python benchmarks/run.py

generate: setup
	@$(BIN)/python -m docs.generate_stub kling_core/resources.pyi
	@$(BIN)/python -m docs.generate_endpoints docs/endpoints.md
	@$(BIN)/python -m docs.generate_tools docs/tools.md tests/mcp/snapshots

clean:
	rm -rf .venv build dist .ruff_cache .pytest_cache .hypothesis
