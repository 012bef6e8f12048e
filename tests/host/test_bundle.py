"""What goes onto a board: files, and a configuration from example, secrets and overrides."""

import json

import pytest

from holdfast_bench.cli.common import assignments
from holdfast_bench.deploy import bundle
from holdfast_bench.errors import BenchError


@pytest.fixture
def example(tmp_path):
    path = tmp_path / "config.example.json"
    path.write_text(json.dumps({"id": None, "wifi": [{"ssid": "x", "key": "y", "hidden": False}],
                                "brokers": [{"host": "h", "port": 1883, "user": None}], "app": {"sample_ms": 1000, "topic": "t"}}))
    return path


def test_secrets_and_overrides_go_over_the_example_field_by_field(example):
    secrets = {"wifi": [{"ssid": "home", "key": "k"}], "brokers": [{"host": "a"}, {"host": "b", "port": 8883}]}
    config = json.loads(bundle.make_config(secrets, {"app": {"sample_ms": 200}, "id": "kitchen"}, example))
    assert config == {"id": "kitchen", "wifi": [{"ssid": "home", "key": "k", "hidden": False}],
                      "brokers": [{"host": "a", "port": 1883, "user": None}, {"host": "b", "port": 8883, "user": None}],
                      "app": {"sample_ms": 200, "topic": "t"}}


def test_missing_secrets_say_how_to_make_them(tmp_path):
    with pytest.raises(BenchError, match="copy secrets.example.json"):
        bundle.read_secrets(tmp_path / "secrets.json")


@pytest.mark.parametrize("text, words", [
    ('{"wifi": [', "secrets.json:1: not valid JSON"),
    ('[]', "has to be a JSON object"),
    ('{"wifi": [], "brokers": [{}]}', "`wifi` has to be a list with at least one entry"),
    ('{"wifi": [{}]}', "`brokers` has to be"),
])
def test_wrong_secrets_are_told_by_file_and_line(tmp_path, text, words):
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(BenchError) as told:
        bundle.read_secrets(path)
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_folder_without_firmware_says_what_is_missing(tmp_path):
    with pytest.raises(BenchError, match="holds no firmware .*boot.py is missing"):
        bundle.firmware_files(tmp_path)


def test_a_firmware_that_does_not_compile_says_where(tmp_path):
    (tmp_path / "holdfast").mkdir()
    for name, text in (("boot.py", ""), ("main.py", ""), ("holdfast/__init__.py", "x = (\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(BenchError, match="does not compile: .*SyntaxError.*__init__.py"):
        bundle.firmware_files(tmp_path)
    assert bundle.firmware_files(tmp_path, as_source=True)["/lib/holdfast/__init__.py"] == b"x = (\n"


def test_the_package_travels_compiled_and_what_starts_by_itself_as_source(tmp_path):
    (tmp_path / "holdfast").mkdir()
    for name in ("boot.py", "main.py", "holdfast/__init__.py", "holdfast/ring.py"):
        (tmp_path / name).write_text("x = 1\n")
    files = bundle.firmware_files(tmp_path)
    assert list(files) == ["/boot.py", "/main.py", "/lib/holdfast/__init__.mpy", "/lib/holdfast/ring.mpy"]
    assert files["/lib/holdfast/ring.mpy"][:2] == b"M\x06"


def test_settings_on_the_command_line():
    assert assignments(["id=kitchen", "app.sample_ms=200", "app.on=true"]) == {"id": "kitchen", "app": {"sample_ms": 200, "on": True}}
    with pytest.raises(BenchError, match="NAME=VALUE"):
        assignments(["kitchen"])
