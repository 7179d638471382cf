# Halo: every job a person needs. Each does its own set-up; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMPS := build/stamps
APT := $(if $(filter 0,$(shell id -u)),,sudo )apt-get
SOURCES := $(shell git ls-files runtime plugin native interpreter src CMakeLists.txt pyproject.toml README.md LICENSE 2>/dev/null)
TESTS ?= tests
PYTEST := $(BIN)/python -m pytest
# Two workers: the programs under test share the processors with the server that tunes them.
JOBS ?= 2

.PHONY: help setup packages demo test test-native test-real bench bench-table bench-offline lint format fuzz clean

help: ## list these jobs
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

packages: $(STAMPS)/packages ## install the Debian packages that are missing

$(STAMPS)/packages: packages.txt
	@mkdir -p $(@D)
	@wanted=$$(grep -v '^#' packages.txt); missing=(); \
	for package in $$wanted; do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing+=($$package); \
	done; \
	if (($${#missing[@]})); then \
	  echo "installing $${missing[*]}"; \
	  $(APT) update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(APT) install -y -qq --no-install-recommends $${missing[@]} >build/apt.log 2>&1 \
	    || { tail -n 20 build/apt.log; exit 1; }; \
	fi
	@touch $@

$(STAMPS)/python: pyproject.toml $(STAMPS)/packages
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade "pip>=24"
	@$(BIN)/python -m pip install -q --disable-pip-version-check $$($(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["build-system"]["requires"], *p["project"]["dependencies"], *(r for rs in p["project"]["optional-dependencies"].values() for r in rs), sep="\n")' | sed 's/ //g')
	@touch $@

$(STAMPS)/install: $(SOURCES) $(STAMPS)/python
	@echo "building Halo: some minutes; what it says is in build/install.log"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps . >build/install.log 2>&1 \
	  || { tail -n 60 build/install.log; exit 1; }
	@touch $@

setup: $(STAMPS)/install ## install what is missing and build; leaves the commands in .venv/bin

demo: setup ## the main job: a program before, during and after Halo patches it
	@$(BIN)/python examples/demo.py

test: setup test-native ## every test
	@$(PYTEST) -n $(JOBS) --dist worksteal $(TESTS)

test-native: setup ## the runtime's C tests, plainly and under sanitizers
	@for kind in plain sanitize; do \
	  cmake -S . -B build/native-$$kind -GNinja -DHALO_ROOMS=runtime -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
	    -DHALO_SANITIZE=$$([ $$kind = sanitize ] && echo ON || echo OFF) >build/native-$$kind.log; \
	  cmake --build build/native-$$kind >build/native-$$kind.log || { tail -n 60 build/native-$$kind.log; exit 1; }; \
	  ctest --test-dir build/native-$$kind --output-on-failure --timeout 120; \
	done

test-real: setup ## real projects' own test suites while every function is swapped (long)
	@$(PYTEST) tests/real

bench: setup ## costs and speed-ups against plain clang, interactive C++ against clang-repl: tables, JSON, plots (BENCH=options)
	@$(BIN)/python -m bench $(BENCH)

bench-table: setup ## the table that decides: Halo against the best of every static build (long, in pieces)
	@$(BIN)/python -m bench --parts oracle,adapt,phases $(BENCH)

bench-offline: setup ## what a search without haste finds for each program (an hour; kept in bench/history)
	@$(BIN)/python -m bench.offline $(OFFLINE)

fuzz: packages ## feed the wire's decoder with what it does not expect (FUZZ_SECONDS=60)
	@fuzz/run_frames.sh $${FUZZ_SECONDS:-60}

lint: setup ## ruff, mypy, import contract, clang-format, clang-tidy
	@$(BIN)/ruff check src tests bench examples
	@$(BIN)/ruff format --check src tests bench examples
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@clang-format-22 --dry-run -Werror $$(git ls-files '*.c' '*.h' '*.cpp' | grep -E '^(runtime|plugin|native|interpreter|tests/native|fuzz)/')
	@cmake -S . -B build/tidy -GNinja -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DHALO_ROOMS="runtime;plugin" >/dev/null
	@clang-tidy-22 --quiet -p build/tidy --warnings-as-errors='*' $$(git ls-files 'runtime/*.c' 'plugin/*.cpp') 2>build/tidy.log || { cat build/tidy.log; exit 1; }

format: setup ## rewrite the sources as lint wants them
	@$(BIN)/ruff check --fix -q src tests bench examples || true
	@$(BIN)/ruff format -q src tests bench examples
	@clang-format-22 -i $$(git ls-files '*.c' '*.h' '*.cpp' | grep -E '^(runtime|plugin|native|interpreter|tests/native|fuzz)/')

clean: ## remove what was built (not the virtual environment)
	@rm -rf build
