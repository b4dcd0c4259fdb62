.PHONY: help install example test test-long fuzz check format bench docs lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

install: ## the command `nika`, from this clone; EXTRAS=local,otel adds extras
	@bash .ci/install $(EXTRAS)

example: ## run a real workflow with all seven keywords, offline
	@bash .ci/setup
	@bash .ci/example

test: ## all tests
	@bash .ci/test

test-long: ## the tests that take minutes, such as every hostile value in every position of a command
	@bash .ci/setup test
	.venv/bin/python -m pytest -m long -n 2 -q -o faulthandler_timeout=3600

fuzz: ## new cases for all that is read, until it is stopped or a case breaks a rule
	@bash .ci/setup test
	.venv/bin/python -m tests.fuzz

check: ## what CI checks
	@bash .ci/run

format: ## format and fix what can be fixed
	@bash .ci/setup test
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: ## benchmarks, as ratios against something run side by side
	@bash .ci/setup test
	@bash tests/benchmarks/run

docs: ## the book as a site, in site/
	@bash .ci/docs

release: ## build, check and install all wheels as a release does, in dist/; uploads nothing
	@bash .ci/release

lock: ## pin the newest dependencies
	bash .ci/lock

clean:
	rm -rf .venv .venv-bench .venv-docs .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist build site
