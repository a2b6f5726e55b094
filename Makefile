# Every target with its one line: `make`. What is made lies in .uv/, .venv/ and .run/ only.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.PHONY: help setup packages demo test clusters end-to-end test-unit check evaluate bench soak docs dashboards lock clean

PYTHON ?= python3
SYSTEM ?= flights
FIRST ?=
LAST ?=
ONLY ?=
ARGS ?=
UV_VERSION := 0.13.9
UV := .uv/bin/uv
PY := .venv/bin/python
BIN := .venv/bin
STAMP := .venv/.synced
FIRST_PARTY := plugins/ai_patterns/core plugins/ai_patterns/spec plugins/ai_patterns/feast
# Files in the order of the command: those of many seconds first, so that no worker is left alone with one of them.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
# Each of these starts more processes than two cores hold: one after another.
CLUSTERS := tests/integration/clusters
SLOWEST := --durations 40 --durations-min 5

# One thread a process: the numeric libraries would otherwise start one a core in every task.
export OMP_NUM_THREADS := 1
export PYTHONPATH := $(CURDIR)/plugins
export AI_PATTERNS_HOME ?= $(CURDIR)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F '\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP) ## bring uv, Python packages (by hash) and the `ai-patterns` command into .venv

$(UV):
	@if ! $(PYTHON) -m venv .uv; then
	  echo "'$(PYTHON) -m venv' failed. On Debian or Ubuntu: apt-get install python3-venv" >&2
	  exit 1
	fi
	.uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'

$(STAMP): requirements.lock Makefile | $(UV)
	@if [ ! -x $(PY) ] && ! $(UV) venv --quiet --python 3.11 .venv; then
	  echo "Python 3.11 was not found. Install it (Debian 12: apt-get install python3.11-venv; anywhere: $(UV) python install 3.11), then run 'make setup' again." >&2
	  exit 1
	fi
	$(UV) pip sync --python $(PY) --require-hashes requirements.lock
	echo '$(CURDIR)/plugins' > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ai_patterns.pth"
	printf '#!%s\nimport sys\n\nfrom ai_patterns.cli import main\n\nsys.exit(main())\n' '$(CURDIR)/$(PY)' > $(BIN)/ai-patterns
	chmod +x $(BIN)/ai-patterns
	touch $(STAMP)

PACKAGES ?= $(shell sed 's/\#.*//' tests/packages.txt)

packages:
	@missing=()
	for package in $(PACKAGES); do
	  dpkg -s "$$package" >/dev/null 2>&1 || command -v "$$package" >/dev/null || missing+=("$$package")
	done
	if [ $${#missing[@]} -eq 0 ]; then
	  exit 0
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"
	else
	  echo "Not installed: $${missing[*]}. What needs them is skipped and says so (tests fail with CI=true)."
	fi

demo: setup ## start Airflow and live through the flights' loop in real DAG runs (some ten minutes on two cores)
	@$(MAKE) --no-print-directory packages PACKAGES=maven
	$(PY) -m demo $(ARGS)

test: setup packages check ## check, then every test: unit and doctests, DAGs, integration, end to end
	@$(BIN)/pytest $(PARALLEL) --doctest-modules tests/integration tests/dags tests/unit $(FIRST_PARTY) --ignore $(CLUSTERS) $(SLOWEST) $(ARGS)
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target clusters end-to-end

# Side by side: what each waits for is most of its time.
clusters end-to-end: setup
	@$(BIN)/pytest $(if $(filter clusters,$@),$(CLUSTERS),tests/e2e) $(SLOWEST) $(ARGS)

test-unit: setup ## unit tests and doctests, in seconds
	@$(BIN)/pytest $(PARALLEL) --doctest-modules $(FIRST_PARTY) tests/unit $(ARGS)

check: setup ## ruff, ruff format, mypy --strict and the import layers
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

evaluate: setup ## the ladder of features and the honesty proof of one SYSTEM, into .run/evaluate.json (some ten minutes)
	@$(BIN)/ai-patterns evaluate $(SYSTEM) $(if $(FIRST),--first $(FIRST)) $(if $(LAST),--last $(LAST)) --output .run/evaluate.json

bench: setup packages ## run benchmarks/ (ONLY=name for one of them)
	@found=($$(ls benchmarks/$(or $(ONLY),*).py 2>/dev/null || true))
	if [ $${#found[@]} -eq 0 ]; then
	  echo "There is no benchmark $(if $(ONLY),named '$(ONLY)' )in benchmarks/." >&2
	  exit 1
	fi
	for script in "$${found[@]}"; do $(PY) "$$script"; done

KILLS ?= 100
CRASH_POINTS ?= 1000
CERTIFIED_DAYS ?= 30
SWAPS ?= 1000
FEAST_ROWS ?= 100000
FUZZ_EXAMPLES ?= 250
CHALLENGERS ?= 2000
DRIFT_WEEKS ?= 728
DRIFT_FAULTS ?= 40
SOAK_TESTS := tests/integration/test_publish_faults.py tests/integration/test_landing_faults.py \
  tests/integration/test_lambda_architecture.py tests/integration/test_served_days.py \
  tests/integration/test_stream_worker_faults.py tests/integration/test_tile_store_redis.py \
  tests/integration/test_tile_store_faults.py tests/integration/test_feast_online.py \
  tests/integration/test_inference_faults.py tests/integration/test_promotion_faults.py tests/integration/test_rollout.py \
  tests/integration/test_backfill.py tests/unit/core/test_null_challengers.py tests/integration/test_drift_alarms.py \
  tests/integration/test_model_rollout_faults.py tests/unit/core/test_rollout_gates.py tests/integration/test_fuzzing.py

SOAK_CASES := kill or any_moment or no_crash or every_bucket or served_day or bytes_are_feasts or swaps or challengers or test_drift_alarms or test_fuzzing

soak: setup packages ## the fault tests with full counts (KILLS, CRASH_POINTS, CHALLENGERS ... above), into .run/soak.json
	@mkdir -p .run && rm -f .run/soak.json
	$(BIN)/pytest -s -o faulthandler_timeout=0 $(SOAK_TESTS) -k '$(SOAK_CASES)' \
	  --kills $(KILLS) --crash-points $(CRASH_POINTS) --certified-days $(CERTIFIED_DAYS) --feast-rows $(FEAST_ROWS) \
	  --fuzz-examples $(FUZZ_EXAMPLES) --swaps $(SWAPS) --challengers $(CHALLENGERS) --worker-kills $(KILLS) --backfill-kills $(KILLS) \
	  --drift-weeks $(DRIFT_WEEKS) --drift-faults $(DRIFT_FAULTS) --figures .run/soak.json

docs: setup ## build the documentation into site/; a broken link fails
	@$(BIN)/mkdocs build --strict --site-dir site

dashboards: setup ## write Grafana's dashboards into include/grafana/dashboards from core/dashboards.py
	@mkdir -p include/grafana/dashboards
	$(PY) -c 'from pathlib import Path; from ai_patterns.core.dashboards import DASHBOARDS, to_text; [Path("include/grafana/dashboards", f"{name}.json").write_text(to_text(name), "utf-8") for name in DASHBOARDS]'

LOCK := --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11

lock: $(UV) ## compile requirements.lock again from pyproject.toml and requirements.txt, and the services' share of it
	$(UV) pip compile pyproject.toml --all-extras --group dev -c requirements.txt $(LOCK) --universal -o requirements.lock
	$(UV) pip compile --group services -c requirements.lock $(LOCK) --python-platform linux -o include/docker/services.lock

clean: ## remove everything that make has made
	rm -rf .run .venv .uv site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
