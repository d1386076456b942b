# make app: everything a user needs, then the app. make test: everything the tests need, then the tests.
PYTHON ?= python3
RUN := .venv/bin/python
WORKERS ?= 2
ROUNDS ?= 5

.PHONY: setup dev words app test slow lint notebook notebooks jupyter pair docs reproduce bench site browser system clean reproductions screenshots

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "PruneLab needs Python 3.11 or newer; say which: make PYTHON=python3.12 app"; exit 1; }
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

dev: .venv/ready-dev

.venv/ready-dev: .venv/ready requirements-dev.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

app: setup
	@exec $(RUN) -m prunelab app

browser: dev
	@$(RUN) tests/browser/install.py

system: dev
	@$(RUN) tests/system.py

test: dev browser system
	$(RUN) -m pytest --numprocesses $(WORKERS) --dist loadfile

slow: dev system
	$(RUN) -m pytest -m slow --timeout 3600

lint: dev
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

notebook: dev browser
	$(RUN) notebooks/execute.py notebooks/01-first-steps.ipynb

notebooks: dev browser
	printf '%s\n' notebooks/*.ipynb | xargs -n 1 -P $(WORKERS) $(RUN) notebooks/execute.py

jupyter: .venv/ready-jupyter
	@cd notebooks && exec ../.venv/bin/jupyter lab 01-first-steps.ipynb

.venv/ready-jupyter: .venv/ready-dev requirements-jupyter.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-jupyter.txt
	@touch $@

pair: dev
	.venv/bin/jupytext --sync notebooks/*.ipynb

words: dev
	$(RUN) docs/words.py $(LANGUAGE)

docs: setup
	$(RUN) -m prunelab docs

reproduce: dev
	$(RUN) benchmarks/reproduce_han.py --write

reproductions: dev
	$(RUN) -m benchmarks.reproductions --all
	$(RUN) -m benchmarks.gale

bench: dev browser
	CUDA_VISIBLE_DEVICES= $(RUN) benchmarks/page.py --rounds $(ROUNDS)
	$(RUN) benchmarks/page.py --rounds $(ROUNDS) --gpu
	$(RUN) benchmarks/two_workers.py
	$(RUN) benchmarks/threads.py
	$(RUN) benchmarks/sweep_vs_plain.py --rounds $(ROUNDS)
	$(RUN) benchmarks/responsiveness.py
	$(RUN) benchmarks/load.py

screenshots: dev browser
	$(RUN) docs/screenshot.py

site: dev
	$(RUN) -m sphinx -W -q -b html docs site
	@echo "The documentation: site/index.html"

clean:
	rm -rf .venv build site docs/reference docs/notebooks *.egg-info
