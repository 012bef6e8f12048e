"""What the pages say is so: commands run and say what stands there, links lead somewhere, code runs."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
import tables
import typer.main
from pages import ROOT, blocks, links, pages, same

from holdfast_bench.checks.result import ENERGY, NUMBERS, Result
from holdfast_bench.cli import app_of
from holdfast_bench.sim import runner, stock

LIMIT_S = 420
END = "__holdfast_doc_end__"


def has_commands(path, *tags):
    return any(b.language == "console" and b.tags == list(tags) for b in blocks(path))


def named(path):
    return str(path.relative_to(ROOT))


class Shell:
    """One bash for a whole page, in a folder that looks like a checkout: what one command leaves, the next one finds."""

    def __init__(self, folder, like_a_checkout=True):
        for entry in ROOT.iterdir() if like_a_checkout else ():
            if entry.name not in ("runs", ".git", ".pytest_cache", "secrets.json"):
                (folder / entry.name).symlink_to(entry)
        env = {**os.environ, "PATH": "%s:%s" % (Path(sys.executable).parent, os.environ["PATH"]), "COLUMNS": "150", "NO_COLOR": "1", "TERM": "dumb"}
        self.folder = folder
        self.process = subprocess.Popen(["bash", "--norc"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)

    def run(self, command):
        """(status, what it said)"""
        self.process.stdin.write("%s\necho; echo %s $?\n" % (command, END))
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.startswith(END):
                return int(line.split()[1]), "".join(said)
            said.append(line)
        raise AssertionError("the shell ended at: %s" % command)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def shell(tmp_path):
    folder = tmp_path / "holdfast"
    folder.mkdir()
    made = Shell(folder)
    yield made
    made.close()


def follow(path, shell, tags):
    """Does what the page says, word for word; a command may fail only where the page shows with `echo $?` that it does."""
    for block in blocks(path):
        if block.file:
            (shell.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (shell.folder / block.file).write_text(block.text)
        if block.language != "console" or block.tags != tags:
            continue
        commands = block.commands()
        for command, after in zip(commands, [*commands[1:], None]):
            where = "%s:%d: $ %s" % (named(path), command.line, command.text)
            if after is not None and after.text == "echo $?":
                command.text += "; status=$?; (exit $status)"
            status, said = shell.run(command.text.replace("echo $?", "echo $status") if command.text == "echo $?" else command.text)
            if not (after is not None and after.text == "echo $?"):
                assert status == 0, "%s\n%s" % (where, said)
            wrong = same(command.output, said) if command.output else None
            assert wrong is None, "%s\nnot there: %s\nit said:\n%s" % (where, wrong, said)


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("path", [p for p in pages() if has_commands(p)], ids=named)
def test_commands_of_a_page_run_and_say_what_stands_there(path, shell):
    follow(path, shell, [])


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", [p for p in pages() if has_commands(p, "slow")], ids=named)
def test_a_fresh_clone_does_what_the_first_page_says(path, tmp_path):
    shell = Shell(tmp_path, like_a_checkout=False)
    try:
        for block in blocks(path):
            if block.language == "console" and block.tags == ["slow"]:
                for command in block.commands():
                    text = command.text.replace("<this repository>", shlex.quote(str(ROOT)))
                    status, said = shell.run(text)
                    assert status == 0, "%s\n%s" % (text, said)
    finally:
        shell.close()


def _hardware():
    for path in pages():
        for block in blocks(path):
            if block.language == "console" and "board" in block.tags:
                for command in block.commands():
                    for part in command.text.split("&&"):
                        words = shlex.split(part, comments=True)
                        if words[:1] == ["holdfast"]:
                            yield pytest.param(words[1:], id="%s:%d" % (named(path), command.line))


@pytest.mark.parametrize("words", list(_hardware()))
def test_commands_for_a_real_board_are_commands_of_ours(words):
    group = typer.main.get_command(app_of())
    command = group.commands[words[0]]
    context = click.Context(command, info_name=words[0])
    try:
        command.make_parser(context).parse_args(list(words[1:]))
    except Exception as e:  # noqa: BLE001  click's own or typer's copy of it
        pytest.fail("holdfast %s: %s" % (" ".join(words), e))


@pytest.mark.parametrize("path", pages(), ids=named)
def test_links_lead_somewhere(path):
    gone = [t for t in links(path) if t.partition("#")[0] and not (path.parent / t.partition("#")[0]).exists()]
    assert not gone


@pytest.mark.parametrize("page", tables.PAGES)
def test_what_a_reference_page_lists_is_there(page):
    text = (ROOT / "docs" / (page + ".md")).read_text(encoding="utf-8")
    assert tables.names(text) and tables.names(text) <= tables.names(tables.renewed(text)), "python tests/host/docs/tables.py brings docs/%s.md up to date" % page


@pytest.mark.soak
@pytest.mark.parametrize("page", tables.PAGES)
def test_tables_of_a_reference_page_say_what_the_source_says(page):
    text = (ROOT / "docs" / (page + ".md")).read_text(encoding="utf-8")
    assert tables.renewed(text) == text, "docs/%s.md is not up to date: python tests/host/docs/tables.py" % page


def test_the_result_of_a_run_has_the_keys_of_the_reference_page_and_no_others():
    section = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8").partition("## The JSON of a run")[2]
    told = {name for line in section.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    made = Result("s", "sim", 1, "good", {name: 0 for name in (*NUMBERS, *ENERGY)}, [], skipped="why").as_json()
    assert told == set(made)


@pytest.mark.soak
def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / t.partition("#")[0]).resolve() for t in links(index)}
    assert [named(p) for p in pages() if p != index and p.resolve() not in listed] == []


def test_the_node_of_the_first_page_runs():
    """The code under "Your own node", as main.py on a simulated board: its messages arrive."""
    code = next(b.text for b in blocks(ROOT / "README.md") if b.language == "python")
    with tempfile.TemporaryDirectory() as folder:
        spec = stock.stock_spec({**runner.idle_plan(20_000, seed=1), "drain_ms": 5000})
        for name in ("holdfast", "boot.py", "config.example.json"):
            (Path(folder) / name).symlink_to(spec.firmware / name)
        (Path(folder) / "main.py").write_text(code)
        spec.firmware = Path(folder)
        events = runner.run(spec).events()
    payloads = [e["payload"] for e in events if e["ev"] == "recv" and e["topic"].endswith("/sensor/temp")]
    assert len(payloads) > 10 and '"p": "21.5"' in payloads[0].replace('"p":"', '"p": "'), [e for e in events if e["ev"] == "text"]
