# `make` or `make help` lists what there is. Everything sets itself up: see scripts/venv.sh.
# All paths are relative, so that the project may lie in a folder with blanks in its name.
SHELL = /bin/sh
PYTHON ?= python3
export PYTHON
PY = .venv/bin/python
# Certbot waits more than it works: many more tests at a time than there are processors.
JOBS ?= 10
UNIT_JOBS ?= 4
# What need not wait for anything else; `make test` does it side by side.
SIDE_BY_SIDE = debian12 quick-faults acme0401 unit types lint collected
# Compiled once and kept: Certbot and the tests are started a thousand times.
unexport PYTHONDONTWRITEBYTECODE
TYPED = certbot_external_auth tests/support tests/typing demo bench faults mutants $(wildcard scripts/*.py) $(wildcard examples/*/*.py examples/*/*/*.py)

.DEFAULT_GOAL = help
# All but `make test` does one thing after the other.
ifndef TOGETHER
.NOTPARALLEL:
endif
# Three: a machine that has no time left is a test of something else.
TOGETHER_MAKE = $(MAKE) --no-print-directory -j3 --output-sync=target TOGETHER=1
.PHONY: help python venv pebble servers test lint types unit collected versions debian12 acme0401 integration long quick-faults demo pictures ansible-lint deb dist test-debian scenarios random-drivers bench bench-dehydrated faults mutants test-all clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done

# Each waits for the one before, because of apt-get, of which only one may run at a time.
python:
	@sh scripts/need.sh python

venv: python ## the virtual environment .venv, made or brought up to date
	@sh scripts/venv.sh

pebble: python
	@sh scripts/need.sh pebble new-pebble

servers: pebble
	@sh scripts/need.sh openssl nginx haproxy web bind knot unbound prometheus dnsmasq hooks public-hooks acme-sh engines dns-tools second-ca ssh namespaces clients ansible jq puppet strace tmux deb

# The last lines that anybody sees are pytest's: CI reads there how many tests ran.
test: ## everything that must pass: lint, types, faults, tests (newest Certbot, and Debian 12's)
	@$(TOGETHER_MAKE) venv servers
	@echo "== side by side: $(SIDE_BY_SIDE); what each of them said comes when it has ended"
	@$(TOGETHER_MAKE) $(SIDE_BY_SIDE)
	@$(MAKE) --no-print-directory integration

lint: venv ## ruff: mistakes and layout; the shape of the package
	$(PY) scripts/structure.py
	$(PY) scripts/trip.py
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: venv ## mypy --strict
	$(PY) -m mypy $(TYPED)

unit: venv ## the tests that need no server
	$(PY) -m pytest -q -n $(UNIT_JOBS) --dist loadgroup tests/unit </dev/null

# Each of the workers of `integration` would compile every test, all at the same time.
collected: venv
	@said=$$($(PY) -m pytest -qq --collect-only tests/integration </dev/null) || { printf '%s\n' "$$said"; exit 1; }

versions: debian12 acme0401 ## issue and renew with the Certbot and libraries of Debian 12; certificates by acme of 2019

debian12 acme0401: venv pebble servers
	$(PY) -m tox run -q -e $@ </dev/null

integration: venv pebble servers ## the tests against Pebble, with the newest Certbot
	$(PY) -m pytest -q -n $(JOBS) --dist loadgroup -m 'not long' tests/integration </dev/null

long: venv pebble servers ## the tests that take minutes, which `make test` leaves out
	$(PY) -m pytest -q -n $(JOBS) --dist loadgroup -m long tests/integration </dev/null

demo: venv pebble ## issue and renew a certificate before your eyes
	@$(PY) demo/run.py

pictures: venv pebble ## the pictures of the documents, from real runs in a terminal
	@sh scripts/need.sh tmux
	@$(PY) demo/pictures.py

scenarios: venv pebble ## the long forms: 500 random situations of name servers, 100 issuances with late ones (15 minutes)
	SCENARIOS=500 $(PY) -m pytest -q tests/integration/test_visibility_scenarios.py </dev/null
	ISSUANCES=100 LATEST=20 $(PY) -m pytest -q tests/integration/test_visibility.py -k late_to_some </dev/null

ansible-lint: venv ## what Ansible's own tools say about the collection in ansible/ (5 minutes)
	@sh scripts/need.sh git ansible-quality
	@sh scripts/ansible_lint.sh

random-drivers: venv ## 2,000 drivers of JSON lines that behave by chance, each another way (a minute)
	EXTERNAL_AUTH_DRIVERS=2000 $(PY) -m pytest -q -n $(JOBS) tests/unit/backends/test_random_drivers.py </dev/null

deb: ## the Debian package, in dist/
	@sh scripts/deb.sh

dist: venv deb ## wheel, source distribution and Debian package, in dist/
	@sh scripts/dist.sh

# Root's business: bootstraps the releases into .tools/debian, which takes a minute each.
test-debian: venv pebble ## the Debian package in fresh systems of Debian 12, 13 and sid (SUITES="bookworm …")
	@sh scripts/need.sh deb debootstrap
	DEBIAN_SUITES="$(or $(SUITES),bookworm trixie sid)" $(PY) -m pytest -q --durations=12 tests/integration/test_debian_package.py </dev/null

bench: venv pebble servers ## measure beside Certbot's --manual hooks, dehydrated and lego, write docs/performance.md (QUICK=1: a short look, writes nothing)
	@$(if $(QUICK),,$(PY) -m pip install -qq --disable-pip-version-check matplotlib </dev/null)
	@$(PY) bench/run.py $(if $(QUICK),--quick)

faults: venv pebble servers ## make everything go wrong on purpose, write docs/reliability.md (QUICK=1: some of it, writes nothing; ONLY=TABLE; SEED=…)
	@$(PY) faults/run.py $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) </dev/null

# Not part of any other command: it takes the time of a thousand test runs.
mutants: venv ## change the package in 250 small places, count what the unit tests notice, write docs/reliability.md (N=…, SEED=…)
	@$(PY) -c 'import mutmut, coverage' 2>/dev/null || $(PY) -m pip install -qq --disable-pip-version-check --no-build-isolation --editable '.[mutants]' </dev/null
	@nice $(PY) mutants/run.py $(if $(N),--number $(N)) $(if $(SEED),--seed $(SEED)) $(if $(MUTANT_JOBS),--jobs $(MUTANT_JOBS)) </dev/null

bench-dehydrated: venv pebble servers ## the same hook under Dehydrated and here, failing; writes its table into docs/dehydrated-compared.md (QUICK=1)
	@$(PY) bench/beside_dehydrated.py $(if $(QUICK),--quick)

quick-faults: venv pebble servers
	$(PY) faults/run.py --quick </dev/null

test-all: venv pebble servers ## every test on Python 3.10 to 3.13, as far as found, and the old Certbots
	@sh scripts/test-all.sh

clean: ## remove everything that was made here
	rm -rf .venv .tools .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info demo/state
	find certbot_external_auth tests demo bench faults mutants -name __pycache__ -type d -prune -exec rm -rf {} +
