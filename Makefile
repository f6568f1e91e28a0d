# Everything rests on .venv and .jars, both made by `make setup`; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
JARS := $(or $(SEGMENTATION_JARS),.jars)
# a small run on this machine alone, whatever the settings are
TRIAL := $(addprefix --set ,synthetic.rows=60000 synthetic.accounts=300 synthetic.labelled_share=1 segments.k_max=4 \
  segments.resamples=0 industry.min_accounts=10 industry.repeats=1 industry.resamples=0 \
  session.remote=null session.master=local[*] storage.catalog=null storage.tracking_uri=null)

.PHONY: setup fast-start demo test test-long test-fast lint bench package mlflow notebooks docs clean

# Delta's jars come from Maven Central, where they are not all there; without a network put those it names there by hand
setup: $(VENV)/.done
	@$(BIN)/python -m segmentation.stores.jars

$(VENV)/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than 3.11; name a newer one with make PYTHON=python3.12 setup"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[spark,folder,models,docs,dev]'
	@touch $@

# Java keeps the classes that a small run loads, so that later commands start sooner: docs/how-it-works/speed.md.
# It writes them when it ends, a while after the command (cat waits for both); each Java that helps to start Spark writes
# a small file of its own there before
fast-start: setup
	rm -rf "$(JARS)/trial" "$(JARS)/classes.jsa"
	$(BIN)/segmentation generate --data-dir "$(JARS)/trial" $(TRIAL)
	(env -u SPARK_REMOTE JAVA_TOOL_OPTIONS="$$JAVA_TOOL_OPTIONS -XX:ArchiveClassesAtExit='$(JARS)/trial/classes.jsa' \
	  -Xlog:cds=off -Xlog:cds+dynamic=off" $(BIN)/segmentation run --source generated --input "$(JARS)/trial/raw/logs" \
	  --accounts "$(JARS)/trial/raw/accounts.csv" --data-dir "$(JARS)/trial" $(TRIAL) && touch "$(JARS)/trial/done") | cat
	@test -e "$(JARS)/trial/done"
	@find "$(JARS)/trial/classes.jsa" -size +50000k | grep -q . || { echo "make: Java has kept no classes"; exit 1; }
	mv "$(JARS)/trial/classes.jsa" "$(JARS)/classes.jsa"
	rm -rf "$(JARS)/trial"

demo: setup
	$(BIN)/segmentation generate --data-dir "$(DATA)"
	$(BIN)/segmentation run --source generated --input "$(DATA)/raw/logs" --accounts "$(DATA)/raw/accounts.csv" \
	  --label industry --data-dir "$(DATA)"
	$(BIN)/segmentation report --data-dir "$(DATA)"

# two processes: most of the time goes into starting JVMs and into small Spark jobs, which leave a core idle
test: setup
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-long: setup
	$(BIN)/pytest -m long

test-fast: setup
	$(BIN)/pytest -n 2 -m 'not spark and not slow and not long'

# docs/how-it-works/speed.md says what is measured; WHAT is basetable, new-month, ingest,
# guarantees, models, skew, cluster or chart
ROWS ?= 1000000
ROUNDS ?= 5
WHAT ?= basetable
bench: setup
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[spark,models,bench]'
	$(BIN)/python -m benchmarks $(WHAT) --rows $(ROWS) --rounds $(ROUNDS) --home "$(DATA)/bench" $(addprefix --cores ,$(CORES))

lint: setup
	$(BIN)/pytest tests/test_architecture.py

# what spark-submit takes by --py-files
package: setup
	$(BIN)/python -m segmentation.stores.archive dist/segmentation.zip

mlflow: setup
	$(BIN)/mlflow ui --backend-store-uri "sqlite:///$(DATA)/mlflow.db"

# Jupyter on what `make demo` wrote; the notebooks take the folder from their first cell
notebooks: setup
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[spark,models,notebooks]'
	$(BIN)/jupyter lab notebooks

# the site, in dist/site; a warning (a dead link, a page that nobody reaches) is an error, but not with --quiet
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

clean:
	rm -rf $(VENV) .jars dist .mypy_cache .ruff_cache .pytest_cache
