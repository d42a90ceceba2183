# Every target does the set-up that it needs; `make help` lists them.
.POSIX:
.PHONY: help setup demo test test-long test-lowest check docs bench fmt clean

VENV = .venv/bin
ARGS =
TESTS =
NAME = --help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install Python packages and a Chromium; afterwards the command is .venv/bin/stonechat
	@sh scripts/setup.sh

demo: setup ## run the whole loop on a local network: make demo ARGS="--posts 20 --report report.json"
	@$(VENV)/stonechat demo $(ARGS)

test: setup ## run all tests but the long ones, or some: make test TESTS=tests/unit ARGS=-x
	@sh scripts/test.sh $(TESTS) $(ARGS)

test-long: setup ## run the long tests: demos, outages, kills at every step (about half an hour)
	@sh scripts/test.sh long

test-lowest: setup ## run unit and contract tests on the lowest versions that pyproject.toml allows
	@sh scripts/test_lowest.sh $(TESTS) $(ARGS)

check: setup ## lint, format, types, import rules and documents
	@sh scripts/check.sh

bench: setup ## measure beside others in one run: make bench NAME=jobs ARGS="--size 300"
	@$(VENV)/python -m benchmarks $(NAME) $(ARGS)

docs: setup ## build the docs site; open site/index.html, or for search: .venv/bin/zensical serve
	@sh scripts/docs.sh

fmt: setup ## put the code into its one format
	@$(VENV)/ruff check --quiet --fix-only .
	@$(VENV)/ruff format .

clean: ## remove what set-up and the tools made; never touches data in .stonechat
	rm -rf .venv .venv-tools .venv-lowest .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist site docs/reference .cache
	find src tests scripts benchmarks packages -type d -name __pycache__ -prune -exec rm -rf {} +
