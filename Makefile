# `make help` says what there is. Only git, make and Python 3.10+ (with venv) are needed to begin.

PYTHON ?= python3
PY := .venv/bin/python
# Groups that need programs from Debian or npm, or large downloads, have targets of their own.
SLOW := tests/ground_truth tests/real_checkpoints tests/places tests/migrations
SHELL_FILES = $(shell grep -lE '^\#!.*[/ ](ba)?sh$$' .ci/run scripts/* 2>/dev/null)
SHIMS = $(filter-out hooks/head.sh,$(wildcard hooks/*.sh))

.PHONY: help venv test slow machine lint types ground-truth places migrations audit real-checkpoints demo demo-github bench man

help: ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 20

venv: ## make .venv with what development needs
	@PYTHON='$(PYTHON)' scripts/venv

test: venv ## run the main tests (less than 5 minutes on two cores)
	$(PY) -m pytest -n auto -m 'not slow' $(SLOW:%=--ignore=%) tests

slow: venv ## the tests that take minutes: kills, bombs, rebases, faults, files over 4 GiB
	$(PY) -m pytest -n auto -m slow $(SLOW:%=--ignore=%) --ignore=tests/e2e/test_machine.py tests

machine: venv ## play 200 random sequences of commands on two clones
	GIT_MODELS_SEQUENCES=25 $(PY) -m pytest -n auto tests/e2e/test_machine.py

lint: venv ## ruff and shellcheck
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/shellcheck $(SHELL_FILES)
	@# A shim is head.sh, of which not every one uses all, and its own part; @NAME@ is filled in when it is
	@# installed, and one line hands a program to another shell as it stands.
	for part in $(SHIMS); do \
		cat hooks/head.sh "$$part" | .venv/bin/shellcheck --shell=sh --exclude=SC2016,SC2034,SC2119,SC2120,SC2194,SC2329 - || exit; \
	done

types: venv ## mypy --strict
	$(PY) -m mypy

ground-truth: ## hold the stand-in for GitHub against GitHub's own recordings and clients
	@PYTHON='$(PYTHON)' scripts/venv ground-truth
	scripts/ground-truth
	$(PY) -m pytest -n auto tests/ground_truth

places: ## hold every kind of place against servers that other people wrote
	@PYTHON='$(PYTHON)' scripts/venv places
	scripts/places
	$(PY) -m pytest -n auto tests/places

migrations: venv ## bring projects of the real Git LFS and DVC over, and back
	@PYTHON='$(PYTHON)' scripts/migrations

audit: ## ask PyPI whether a library that we use has a known weakness (needs the internet, so CI does not)
	'$(PYTHON)' -m venv .cache/audit
	.cache/audit/bin/pip install -q --disable-pip-version-check pip-audit -e '.[gdrive,hf,keyring,rclone,s3]'
	.cache/audit/bin/pip freeze --exclude-editable > .cache/audit/installed.txt
	.cache/audit/bin/pip-audit --strict --disable-pip --no-deps -r .cache/audit/installed.txt

real-checkpoints: ## read checkpoints that people published and whatever PyTorch writes
	@PYTHON='$(PYTHON)' scripts/real-checkpoints

demo: ## play the whole story on throw-away repositories, with a folder as the place (MODEL=FILE: your own)
	@PYTHON='$(PYTHON)' scripts/demo $(if $(MODEL),--model '$(MODEL)')

demo-github: ## the same against the stand-in for GitHub
	@PYTHON='$(PYTHON)' scripts/demo --github $(if $(MODEL),--model '$(MODEL)')

bench: ## compare with Git LFS, DVC and git-annex (an hour; QUICK=1 tries it in a minute)
	@PYTHON='$(PYTHON)' scripts/venv bench
	@PYTHON='$(PYTHON)' scripts/bench $(QUICK)

man: ## show the manual page of this checkout
	man --warnings -l docs/man/git-models.1
