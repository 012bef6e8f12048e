# Entry points for people and for CI. Everything goes through tools/setup.py, which is quick and silent when there
# is nothing to do. MICROPYTHON=/path/to/micropython chooses the interpreter.
PYTHON ?= python3
VENV   := .venv/bin

.PHONY: help setup setup-tests demo test soak firmware clean

help:
	@echo "make demo      set everything up and run the main job on a virtual ESP32"
	@echo "make test      every test, through the same set-up"
	@echo "make soak      the exhaustive sets (tear tests, fuzzing, long campaigns)"
	@echo "make firmware  compile the firmware to build/firmware/*.mpy"
	@echo "make setup     only the set-up;  make clean removes what it made"

setup:
	@$(PYTHON) tools/setup.py

setup-tests:
	@$(PYTHON) tools/setup.py --tests

demo: setup
	@$(VENV)/python -m holdfast_bench.demo

test: setup-tests
	@$(VENV)/python -m pytest -n 4 --dist worksteal

soak: setup-tests
	@$(VENV)/python -m pytest -m soak --timeout=0 tests

firmware: setup
	@$(VENV)/python -m holdfast_bench.mpy firmware build/firmware

clean:
	rm -rf build .venv runs host/*.egg-info
