"""Collects tests/firmware/test_*.py for pytest and has MicroPython run them, each function reported on its own.

A file runs in one process per interpreter of build/setup.json: the main one and, where there is one, the 32-bit one with a
heap of the ESP32's size. A test that does not come back within LIMIT_S (60 s) fails, and the rest goes on in a new process.
A file may set `HEAP = "200k"` at its top for the 32-bit one, `LIMIT_S = 600`, and `CHIP = True` to have the chip's fakes on its path.
Functions called test_soak_... are exhaustive: make soak runs them.
"""

import ast
import json
import queue
import subprocess
import threading
from pathlib import Path

import pytest

from holdfast_bench.choices import choices
from holdfast_bench.mpy import world_and_chip

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIMIT_S = 60
INTERPRETERS = ("micropython", "micropython32")


def pytest_pycollect_makemodule(module_path, parent):
    return MicroPythonFile.from_parent(parent, path=module_path)


class MicroPythonFile(pytest.File):
    def collect(self):
        tree = ast.parse(self.path.read_text(), str(self.path))
        settings = {n.targets[0].id: n.value.value for n in tree.body
                    if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and isinstance(n.value, ast.Constant)}
        for interpreter in INTERPRETERS:
            run = FileRun(self.path, interpreter, settings)
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    item = MicroPythonTest.from_parent(self, name="%s[%s]" % (node.name, interpreter))
                    item.called, item.run, item.lineno = node.name, run, node.lineno
                    if node.name.startswith("test_soak_"):
                        item.add_marker(pytest.mark.soak)
                    yield item


class MicroPythonTest(pytest.Item):
    def runtest(self):
        wanted = [item.called for item in self.session.items if getattr(item, "run", None) is self.run]
        result = self.run.result(self.called, wanted)
        if result["how"] == "skip":
            pytest.skip(result["why"])
        if result["how"] != "ok":
            raise MicroPythonFailure(result["why"])
        if result["why"]:
            self.add_report_section("call", "stdout", result["why"])  # pytest -rP shows it

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, MicroPythonFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self.lineno - 1, self.name


class MicroPythonFailure(Exception):
    """A test failed; the text is what the interpreter printed about it."""


class FileRun:
    """One test file on one interpreter; the process starts when the first result is asked for."""

    def __init__(self, path, interpreter, settings):
        self.path, self.interpreter, self.settings = path, interpreter, settings
        self._results = {}

    def result(self, name, wanted):
        while name not in self._results:
            self._go([n for n in wanted if n not in self._results])
        return self._results[name]

    def _command(self, names):
        found = choices().micropython if self.interpreter == "micropython" else choices().micropython32
        if not found:
            return None
        command = list(found.command)
        if self.interpreter == "micropython32":
            command += ["-X", "heapsize=" + self.settings.get("HEAP", "100k")]
        paths = [str(ROOT / "firmware"), str(choices().umqtt)]
        if self.settings.get("CHIP"):
            paths.append(str(world_and_chip()))
        return command + [str(HERE / "runner.py"), ":".join(paths), str(self.path)] + names

    def _go(self, names):
        command = self._command(names)
        if command is None:
            for name in names:
                self._results[name] = {"how": "skip", "why": "there is no 32-bit interpreter here (make setup says why)"}
            return
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        lines = queue.Queue()
        threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
        running, said = names[0], []
        limit_s = self.settings.get("LIMIT_S", LIMIT_S)
        try:
            while True:
                try:
                    line = lines.get(timeout=limit_s)
                except queue.Empty:
                    self._results[running] = {"how": "fail", "why": "no end within %d s\n%s" % (limit_s, "".join(said[-40:]))}
                    return
                if line is None:
                    break
                if line.startswith("\x1e"):
                    record = json.loads(line[1:])
                    running = record["test"]
                    if "how" in record:
                        record["why"] = record["why"] + "".join(said[-60:])
                        self._results[running] = record
                    said = []
                else:
                    said.append(line)
        finally:
            process.kill()
            process.wait()
        missing = [name for name in names if name not in self._results]
        if missing:
            # The interpreter died in the midst of a test, or could not even load the file.
            first = running if running in missing else missing[0]
            self._results[first] = {"how": "fail", "why": "the interpreter ended with status %s\n%s" % (process.returncode, "".join(said[-60:]))}


def _pump(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put(None)
