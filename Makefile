# make demo | make test | make test-slow | make system | make bench | make docs | make lock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint system bench docs lock

demo: $(VENV)/ready
	$(BIN)/salespilot demo demo

test: $(VENV)/ready lint
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(VENV)/scale
	$(BIN)/pytest -n 2 --dist worksteal -m slow

lint: $(VENV)/ready
	$(BIN)/pre-commit run --all-files

bench: $(VENV)/ready
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/reports.py
	$(BIN)/python benchmarks/runs.py

docs: $(VENV)/ready
	$(BIN)/python -m docs.generate

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The extras (warehouse, spark, dask), which only slow tests need. PySpark comes as a source archive: nothing to build.
$(VENV)/scale: $(VENV)/ready requirements-scale.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-build-isolation -r requirements-scale.lock
	touch $@

# What only some tests need, from Debian's packages: Pango (PDF), Chromium (hostile pages), PostgreSQL, Java (Spark).
system:
	apt-get update -qq
	apt-get install -y -qq libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 chromium poppler-utils postgresql default-jre-headless

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --group dev pyproject.toml -o requirements.lock
	$(PYTHON) -c "import tomllib; extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
		print(*sum(extras.values(), []), sep='\n')" | \
		uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --constraint requirements.lock - -o requirements-scale.lock
