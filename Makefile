# Two commands on a fresh machine: make demo, make test. Each installs what it needs and says so.
VENV ?= .venv
BIN := $(VENV)/bin
export VENV

# Files stay whole where there are windows: what a file opens, its tests share.
TESTS := $(BIN)/python -m pytest -q -n 2 -m "not slow" --ignore tests/viewer
WINDOW_TESTS := scripts/with_display.sh --virtual \
  $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" tests/viewer
COVERED := $(BIN)/coverage report --skip-covered --sort=-miss

.PHONY: install demo test test-slow coverage bench dist-check docs tutorial lint types demo-model label-model clean

install: $(VENV)/.ready  ## a ready virtual environment in .venv

$(VENV)/.ready: pyproject.toml constraints.txt scripts/install.sh
	bash scripts/install.sh

demo: install  ## open a phantom CT, click a lesion, read its tree; without a screen: demo/ gets a screenshot and a report
	scripts/with_display.sh $(BIN)/lesionscope demo --out demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy src/lesionscope training

test: lint types  ## everything but the slow checks
	scripts/test_tools.sh
	$(TESTS)
	$(WINDOW_TESTS)

coverage: install  ## which lines the tests run: below the viewer, in training, in the viewer; fails below the bounds
	scripts/test_tools.sh
	$(TESTS) --cov --cov-report=
	$(WINDOW_TESTS) --cov --cov-append --cov-report=
	$(COVERED) --omit '*/viewer/*,training/*,*/training/*' --fail-under 90
	$(COVERED) --include 'training/*,*/training/*' --fail-under 75
	$(COVERED) --include '*/viewer/*' --fail-under 75

test-slow: install  ## the minutes-long checks
	scripts/test_tools.sh --slow
	$(BIN)/python -m pytest -q -m slow --ignore tests/viewer
	scripts/with_display.sh --virtual $(BIN)/python -m pytest -q -m slow tests/viewer

bench: install  ## every benchmark beside its peer, and the window; about an hour on two quiet cores
	$(BIN)/pip install -q -e ".[bench]" -c constraints.txt
	scripts/with_display.sh --virtual $(BIN)/python -m benchmarks

dist-check:  ## wheel and source distribution, each installed into an empty environment and used there
	scripts/check_dist.sh

docs: install  ## the documentation as pages in build/docs; a warning is an error
	$(BIN)/python -m sphinx -q -E -W --keep-going -d build/doctrees docs build/docs
	@echo build/docs/index.html

tutorial: install  ## the tutorial's pictures, by doing all that it says on a virtual screen
	scripts/with_display.sh --virtual $(BIN)/python scripts/tutorial.py docs/images

demo-model: install  ## re-make the bundled model package (about an hour on two cores)
	$(BIN)/lesionscope train radpath-demo --out runs/radpath-demo
	$(BIN)/lesionscope evaluate radpath-demo --checkpoint runs/radpath-demo --out runs/radpath-demo

label-model: install  ## re-make the bundled label model and its bank of known lesions (under an hour on two cores)
	$(BIN)/lesionscope train lesanet-demo --out runs/lesanet-demo
	$(BIN)/lesionscope evaluate lesanet-demo --checkpoint runs/lesanet-demo --out runs/lesanet-demo
	$(BIN)/lesionscope bank build --package runs/lesanet-demo/package --from phantom:2000 --out runs/lesanet-demo/bank

clean:
	rm -rf build dist demo .cache src/*.egg-info
