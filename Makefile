# Python 3.11 or newer and make are all that a machine must have; everything else is set up here.
.PHONY: setup demo test test-panoramax test-cluster chaos bench lint lock clean help
.DEFAULT_GOAL := help

# Without cached byte code every worker process would compile the libraries again.
unexport PYTHONDONTWRITEBYTECODE

# The first Python on this machine that is new enough; `make PYTHON=… setup` chooses another.
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
UV_VERSION = 0.13.9
UV = .tools/bin/uv
BIN = .venv/bin

help:
	@echo "make setup   environment in .venv, and a browser"
	@echo "make demo    the whole chain on the bundled playground, into demo/"
	@echo "make test    lint, types and every test"
	@echo "make chaos   what is killed, again and again, and other long tests: an hour"
	@echo "make test-panoramax   crawls a real Panoramax server, set up on loopback for it"
	@echo "make test-cluster   a real ray up on three hosts that are made on this machine"
	@echo "make bench   every benchmark, one JSON line each"
	@echo "make lint    ruff and mypy alone"
	@echo "make lock    resolve requirements.lock anew"

setup: .venv/ready

.tools/bin/uv:
	@test -n "$(PYTHON)" || { echo "lostfound: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "setup: uv $(UV_VERSION)"
	@$(PYTHON) -m venv .tools || { echo "lostfound: '$(PYTHON) -m venv' failed; install your system's python3-venv package" >&2; exit 2; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/ready: requirements.lock pyproject.toml crawler/browser.py | .tools/bin/uv
	@echo "setup: dependencies from requirements.lock (several GB the first time)"
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" .venv
	@$(UV) pip sync --quiet --python .venv --require-hashes requirements.lock
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@echo "setup: browser"
	@$(BIN)/python -m crawler.browser
	@touch $@

demo: setup
	@$(BIN)/lostfound demo --out demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two at a time: most of a test of browsers or of Ray is waiting.
test: lint
	$(BIN)/pytest -n 2 --dist loadfile

test-panoramax: setup
	$(BIN)/pytest --timeout 1800 tests/panoramax/check_real_server.py

# Needs root, iproute2, an ssh server and rsync: three hosts as network namespaces. 25 minutes;
# prints how long each scenario took.
test-cluster: setup
	$(BIN)/pytest --timeout 1800 --durations 0 --durations-min 1 tests/cluster/check_cluster.py

# The tests that take minutes each, then the crawl that is killed fifty times.
chaos: setup
	$(BIN)/pytest -m slow --timeout 3600
	$(BIN)/lostfound bench chaos

bench: setup
	@for name in enrich geocode airports duplicates build mapping report loader serve crawl urls chaos train scale workers; do $(BIN)/lostfound bench $$name --json || exit 1; done

# Without index URLs: where packages come from is each machine's own setting.
lock: .tools/bin/uv
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean:
	rm -rf .venv .tools demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
