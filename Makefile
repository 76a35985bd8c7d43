# 'make demo' runs the main job, 'make test' the tests; both set up what they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test check clean

demo: $(VENV)/.ready
	$(BIN)/saltloop run campaigns/demo.yaml

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	mkdir -p .typecheck/saltloop && ln -sfn $(foreach p,chemistry surrogates simulators loop,../../$(p)) .typecheck/saltloop/
	ln -sfn ../../saltloop/__init__.py .typecheck/saltloop/__init__.py
	MYPYPATH=.typecheck $(BIN)/mypy --namespace-packages --explicit-package-bases -p saltloop

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,mlff,serve]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .typecheck
