"""The reader of uploads in a process of its own: what it finds, and what it may not do."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from making_files import GOOD, fitted, skops_of, text, zipped

from prunelab.own import apart
from prunelab.own.apart import inspect, receive
from prunelab.spec import SpecError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows limits the time alone")


def test_what_an_upload_holds(home: Path) -> None:
    stored, summary = receive("../<b>.CSV", text())
    assert summary.kind == "table"
    assert summary.facts["rows"] == 60
    assert summary.facts["classes"] == ["no", "yes"]
    assert summary.facts["features"] == ["a", "b"]
    assert (home / "uploads" / stored).is_file()


def test_weights_and_trees_are_summed_up_without_the_app_reading_them(home: Path) -> None:
    assert receive("a.safetensors", GOOD).summary.facts["parameters"] == 2
    facts = receive("a.skops", skops_of(fitted())).summary.facts
    assert (facts["trees"], facts["features"], facts["classes"]) == (1, 3, ["0", "1"])
    assert "sklearn.tree" in sys.modules  # of this test; the app's page test keeps it out there


def blown_up() -> bytes:
    """A Parquet file of a megabyte: one text of a megabyte, in a hundred thousand rows."""
    file = io.BytesIO()
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int8()), ["x" * 2**20])
    pq.write_table(pa.table({"a": texts, "y": pa.array([0, 1] * 50_000)}), file)
    return file.getvalue()


@posix
def test_a_file_that_grows_in_memory_is_stopped(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(blown_up())
    assert file.stat().st_size < 3 * 2**20
    with pytest.raises(SpecError, match=r"needs more than 256 MiB|reader died"):
        inspect(file, memory=256 * 2**20)


@posix
def test_a_reader_that_computes_or_waits_for_ever_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_GRACE", 0)
    with pytest.raises(SpecError, match=r"took longer than 0.05 s to read"):
        inspect(tmp_path / "x.csv", seconds=0.05)


@pytest.mark.parametrize(("status", "words"), [(-signal.SIGSEGV, "signal 11"), (3, "status 3")])
def test_a_reader_that_crashes_only_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    class Done:
        returncode, stdout = status, b"noise"

    monkeypatch.setattr(apart.subprocess, "run", lambda *_, **__: Done)
    with pytest.raises(SpecError, match=rf"its reader died \({words}\)"):
        inspect(tmp_path / "x.csv")
    Done.returncode = -signal.SIGXCPU
    with pytest.raises(SpecError, match="took longer than 60 s"):
        inspect(tmp_path / "x.csv")


def test_an_unexpected_error_of_a_reader_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(apart, "_confine", lambda *_: None)
    monkeypatch.setattr(apart, "summary", breaks)
    told = apart._main(str(tmp_path / "x.csv"), "", "1", "1")
    assert told == {"refused": "The file cannot be read (ZeroDivisionError)."}


def test_a_folder_in_a_zip_is_unpacked_nowhere_near_the_home(home: Path) -> None:
    before = set(home.rglob("*"))
    with pytest.raises(SpecError, match="asks to run its own code"):
        receive("x.zip", zipped({"config.json": b'{"auto_map": {"AutoModel": "evil.py"}}',
                                 "model.safetensors": GOOD, "evil.py": b"boom"}))  # fmt: skip
    assert set(home.rglob("*")) == before
