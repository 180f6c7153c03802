# Data Desk. Needs make, sh and a Python from 3.11 on; everything else goes into .venv and var.
#
#   make run     start the portal with demo data: PORT=8001, HOST, VAR and MODE=production change what their names say
#   make test    run the tests
.DEFAULT_GOAL := help
.PHONY: help run dev test test-services test-airflow soak mutants check format bench lock translations demo-remove clean install install-test install-dbt

BIN := .venv/bin
# Tools that load the settings but talk to no server get addresses that nobody answers at.
NOWHERE := MODE=demo VAR=build/var DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0
CODE := portal catalog jobs requests_app tests manage.py
TEMPLATES = $$(find portal catalog jobs requests_app -name '*.html')
MODULES = $$(find portal catalog jobs requests_app tests -name '*.py' -not -path '*/migrations/*')

# Where the surroundings keep Python from leaving compiled code beside its source, each process would compile all of
# it again: there it goes into build.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/build/compiled
endif

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "  %-18s %s\n", $$1, $$2 }'

install:
	@sh portal/launch/install.sh requirements.lock

install-test:
	@sh portal/launch/install.sh requirements-test.lock

install-dbt: ## what jobs of the kind «dbt» need besides
	@sh portal/launch/install.sh requirements-dbt.lock

run: install ## install what is missing and start the portal with demo data
	@MODE=$${MODE:-demo} exec $(BIN)/python -m portal.launch

dev: install-test ## the same, starting again what you change, with logs on the terminal
	@MODE=$${MODE:-demo} exec $(BIN)/python -m portal.launch --reload

test: install-test ## run all tests on servers of their own, then the service tests on TEST_DATABASE_URL and TEST_REDIS_URL
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not bench" $(ARGS)
	@$(BIN)/python -m tests.external $(ARGS)

test-services: install-test ## run only the service tests on TEST_DATABASE_URL and TEST_REDIS_URL
	@$(BIN)/python -m tests.external $(ARGS)

test-airflow: install-test ## run the kind airflow_dag against a real Airflow 3, installed under build first
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python build/airflow/venv
	@$(BIN)/uv pip sync --quiet --require-hashes --python build/airflow/venv/bin/python tests/contract/airflow.lock
	@$(BIN)/python -m pytest -o python_files='contract_*.py' tests/contract $(ARGS)

soak: install-test ## the chaos run 400 x 5, and the other tests of faults that are only begun in make test
	@CHAOS_RUNS=400 CHAOS_ROUNDS=5 $(BIN)/python -m pytest -n 0 -s tests/faults/test_chaos.py
	@F01_KILLS=20 F06_SIGNALS=500 $(BIN)/python -m pytest -n 0 tests/faults/test_killed.py -k "f01 or f06"
	@F18_EXAMPLES=200 $(BIN)/python -m pytest -n 0 tests/unit/jobs/test_three_clocks.py -k f18
	@F24_ROWS=10000000 F24_MEMORY=512 $(BIN)/python -m pytest -n 0 -s tests/unit/jobs/test_large_load.py
	@F30_STEPS=50000 $(BIN)/python -m pytest -n 0 tests/unit/requests/test_machine.py tests/unit/jobs/test_run_machine.py

mutants: install-test ## take each defence away and expect its test to turn red; ARGS="F11 F12" names some
	@$(BIN)/python -m tests.faults.mutants $(ARGS)

check: install-test ## format, lint, types, layers, migrations, translations
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/djade --check --target-version 5.2 $(TEMPLATES)
	@$(BIN)/djlint --quiet --lint $(TEMPLATES)
	@$(BIN)/django-upgrade --check --target-version 5.2 $(MODULES)
	@$(NOWHERE) $(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.check_migrations
	@$(NOWHERE) $(BIN)/python manage.py translations --check
	@$(BIN)/python -m pytest -q tests/test_docs.py tests/test_architecture.py
	@echo "All is in order."

format: install-test ## format code and templates
	@$(BIN)/ruff format --quiet $(CODE)
	@$(BIN)/ruff check --quiet --fix $(CODE)
	@$(BIN)/djade --target-version 5.2 $(TEMPLATES) || true
	@$(BIN)/django-upgrade --target-version 5.2 $(MODULES) || true

bench: install-test ## measure runs and pages on this machine
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python build/procrastinate/venv
	@$(BIN)/uv pip sync --quiet --require-hashes --python build/procrastinate/venv/bin/python tests/benchmarks/peer.lock
	@$(BIN)/python -m tests.benchmarks
	@$(BIN)/python -m pytest -q -s -m bench -o python_files='bench_*.py' tests/benchmarks

translations: install-test ## bring portal/locale into step with code and templates
	@$(NOWHERE) $(BIN)/python manage.py translations

lock: install-test ## resolve the dependencies of pyproject.toml again
	@set -e; compile="$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11"; \
	$$compile pyproject.toml --extra demo -o requirements.lock; \
	$$compile pyproject.toml --extra demo --extra dbt -c requirements.lock -o requirements-dbt.lock; \
	$$compile pyproject.toml --extra demo --extra dbt --extra test -c requirements-dbt.lock -o requirements-test.lock; \
	echo 'apache-airflow-core>=3' | $$compile - --no-header --no-annotate -o tests/contract/airflow.lock; \
	printf 'procrastinate>=3.10\npsycopg[binary]>=3.3\n' | $$compile - --no-header --no-annotate -o tests/benchmarks/peer.lock; \
	echo 'uv' | $$compile - -c requirements-test.lock --no-header --no-annotate -o requirements-uv.lock

demo-remove: install ## remove the demo people and data (while the portal runs)
	@MODE=$${MODE:-demo} $(BIN)/python manage.py remove_demo

clean: ## remove what was installed and built; var, with your data, stays
	@rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find portal catalog jobs requests_app tests -name __pycache__ -prune -exec rm -rf {} +
	@find portal -name '*.mo' -delete
