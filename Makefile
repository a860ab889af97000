# In: a fresh checkout.  Out: both commands in .venv/bin, real engines, the demo, checked code.
# `demo` and `test` do their own set-up. Engines go to $MXHOUND_ENGINES, by default /usr/local/lib/mxhound/engines for root (for all users) and
# ~/.cache/mxhound/engines for others. What the browser tests need besides Chromium goes to $MXHOUND_BROWSER, by default
# ~/.cache/mxhound/browser.
PYTHON ?= python3
PYTEST_ARGS ?=
# Tests run in parallel, one worker per core; `make test WORKERS=0` runs one after the other.
WORKERS ?= auto
SIDE_BY_SIDE = -n $(WORKERS) --no-loadscope-reorder
# `make check` omits tests that need an engine, a browser or a cluster, or take minutes.
FAST = not engine and not browser and not cluster and not slow
FUZZ_SECONDS ?= 60
# Many containers set it; then every worker and every command that a test starts would compile everything again.
unexport PYTHONDONTWRITEBYTECODE
# Snort 2.9 is a package of Ubuntu that not every mirror has; without it its tests are skipped, even if CI is set.
SNORT = tests/engines/install.sh snort-2.9 || echo 'going on without Snort 2.9: its tests are skipped' >&2

.PHONY: help setup dev engines browser spark demo check test lint format evaluate speed cost fuzz record pages screenshots clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: .venv/ready ## put rulegen and eveproc into .venv/bin, with what a site needs (70 MB)

dev: .venv/dev ## the same with what lint, tests and benchmarks need (600 MB)

# Debian packages venv separately; root gets it installed, others are told what to install.
.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq \
	     && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null; } \
	|| { echo 'needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --editable '.[notify,redis]'
	.venv/bin/python -m compileall -q eveproc rulegen  # as pip does for files that it copies; without it a start takes 1.5 times as long
	@touch $@

# The libraries for the charts of -f html take a hundred megabytes.
.venv/html: .venv/ready
	.venv/bin/pip install --quiet --editable '.[html]'
	@touch $@

.venv/dev: .venv/html
	.venv/bin/pip install --quiet --editable '.[test]'
	@touch $@

engines: ## install real Suricata 7 and 8 and Snort 2.9 (root and Debian; about four minutes the first time)
	tests/engines/install.sh
	@$(SNORT)

browser: dev ## install Chromium (root and Debian) and axe, for the tests of the HTML report
	@tests/browser/install.sh

spark: dev ## install Java (root and Debian) and Spark, for the tests of --on spark
	@tests/spark/install.sh

demo: .venv/html ## rules, a simulated office with infected hosts, a real Suricata, one verdict per host
	@docs/demo.sh

check: lint ## lint, and every test that needs no engine, browser or cluster and is not slow; for every change
	.venv/bin/pytest -m '$(FAST)' $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test: dev ## install engines, a browser and Spark, then run every test with coverage; PYTEST_ARGS='-k reader --no-cov' for a part
	@tests/engines/install.sh || echo 'going on without: tests that need a missing engine are skipped, or fail where CI is set' >&2
	@$(SNORT)
	@tests/live/install.sh || echo 'going on without: tests that need what is missing are skipped, or fail where CI is set' >&2
	@tests/browser/install.sh || echo 'going on without: tests that need a browser are skipped, or fail where CI is set' >&2
	@tests/spark/install.sh || echo 'going on without: tests that need a cluster are skipped, or fail where CI is set' >&2
	.venv/bin/pytest --cov $(SIDE_BY_SIDE) $(PYTEST_ARGS)

lint: dev ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: dev ## let ruff lay out the code
	.venv/bin/ruff format .

evaluate: dev ## simulated networks on real engines: how good the verdicts are, also where it is hard (docs/evaluation.md; an hour)
	@tests/engines/install.sh
	.venv/bin/python -m benchmarks.evaluate --output docs/evaluation.md
	.venv/bin/python -m benchmarks.evaluate --hard --held-back 4 --output docs/evaluation.md

speed: dev ## speed and memory beside grep, DuckDB and others, what the rules cost (docs/performance.md; two hours, 25 GB of disk); SECTION=mixes for one section
	@tests/engines/install.sh
	.venv/bin/pip install --quiet --editable '.[decoders]'
	.venv/bin/python -m benchmarks.speed $(if $(SECTION),--only $(SECTION)) --output docs/performance.md

cost: spark ## what eveproc report --on spark costs, and what 10 TB would (docs/spark-cost.md; a quarter of an hour, 6 GB of disk)
	@tests/engines/install.sh
	.venv/bin/python -m benchmarks.cluster --output docs/spark-cost.md

fuzz: dev ## look for FUZZ_SECONDS (60) for bytes that break the reading of EVE; goes on in build/fuzz; Linux on x86-64 only
	.venv/bin/python -m tests.fuzz --seconds $(FUZZ_SECONDS) build/fuzz

record: dev ## record tests/data anew from the simulator and both engines
	.venv/bin/python -m tests.engines.record

pages: dev ## write docs/signals.md, docs/commands.md, docs/tour.cast and the outputs in README.md and other pages anew
	.venv/bin/python -m tests.pages

screenshots: browser ## take the pictures of the HTML report in docs/ anew
	.venv/bin/python -m tests.browser.screenshots docs

clean: ## remove what the targets above made in this folder (engines stay)
	rm -rf .venv build dist demo-out .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
