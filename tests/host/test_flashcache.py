"""The kept flash of twins: several runs, in one process or in many, may keep theirs at once."""

from concurrent.futures import ThreadPoolExecutor

from holdfast_bench.places import flashcache


def test_several_runs_at_once_keep_theirs(tmp_path, monkeypatch):
    monkeypatch.setattr(flashcache, "FOLDER", tmp_path / "kept")
    flash = tmp_path / "flash.bin"
    flash.write_bytes(b"\xff" * 4_000_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: flashcache.keep("same", flash), range(40)))
    assert [path.name for path in flashcache.FOLDER.iterdir()] == ["same.bin"]
    assert flashcache.restore("same", tmp_path / "other.bin") and (tmp_path / "other.bin").read_bytes() == flash.read_bytes()
