# Everything a developer does. `make` alone prints this menu. Each target sets up what it needs.
#   make test ARGS="tests/journal -k fence"     make demo ARGS=--json     make bench ARGS=--json

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos bench lint docs format lock audit clean
ARGS ?=
# Test processes side by side, each with a broker node of its own; half of a test's time is waiting.
JOBS ?= 2
PYTHON := .venv/bin/python

help: ## print this menu
	@grep -E '^[a-z]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

setup: ## Python packages into .venv; RabbitMQ, PostgreSQL and Node.js by apt when they are missing
	@./scripts/setup.sh

demo: setup ## two hospitals, one centre, lost answers, a killed worker; ends with a table that must agree
	@$(PYTHON) compose/demo $(ARGS)

test: setup ## all tests, on real parts
	@$(PYTHON) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

chaos: setup ## kills, restarts, faults and a broken cluster: three books must agree (ARGS: --short --json --write-docs)
	@$(PYTHON) compose/chaos $(ARGS)

bench: setup ## requests per second and CPU per request beside other workers
	@$(PYTHON) bench $(ARGS)

lint: setup ## style, types, floors of the design, sizes, the contract
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTHON) scripts/check_sizes.py
	@$(PYTHON) scripts/check_words.py
	@$(PYTHON) scripts/check_lock.py
	@$(PYTHON) scripts/check_contract.py

docs: setup ## draw the tables of the documents anew from their data
	@$(PYTHON) scripts/write_docs.py

format: setup ## put the code in the house's format
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra dev --extra bench pyproject.toml -o requirements.lock

audit: setup ## withdrawn and vulnerable versions of the lock (needs the network, says so when it has none)
	@./scripts/audit.sh

clean: ## remove what set-up and runs have left
	rm -rf .venv .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf docs/examples/javascript/node_modules tests/contracts/asyncapi_parser/node_modules
