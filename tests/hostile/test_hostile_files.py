"""Whatever file somebody gives: a clear refusal, no traceback, nothing kept, nothing executed."""

from __future__ import annotations

import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hostile_files import ALL
from making_files import Case, fitted, skops_of, zipped

from prunelab import files
from prunelab.__main__ import main
from prunelab.own import apart, trees

MEMORY = 40 * 2**20  # bytes of Python while a file is looked at; the bombs are of 64 MiB and more
FLAG = {".csv": "--data", ".parquet": "--data", ".npz": "--data"}


def everything(folder: Path) -> set[str]:
    return {str(p) for p in folder.rglob("*") if "catalogue-" not in p.name and p.is_file()}


@pytest.fixture
def given(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the file, which is also where one is; readers stay in this process."""
    folder = home / "given"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(apart, "inspect", apart.summary)
    return folder


@pytest.mark.parametrize("name", ALL)
def test_refused_by_the_command_line_and_by_the_app(
    name: str, given: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case: Case = ALL[name]
    file = given / case.file
    file.write_bytes(case.content())
    before = everything(home)
    arguments = [FLAG.get(file.suffix, "--weights"), str(file)]
    if case.target:
        arguments += ["--target", case.target]
    tracemalloc.start()
    try:
        status = main(["run", *arguments])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    out, err = capsys.readouterr()
    assert status == 2
    assert re.search(case.match, err), err
    assert "Traceback" not in err
    assert out == ""
    assert peak < MEMORY
    with pytest.raises(files.SpecError, match=case.match):
        apart.receive(case.file, file.read_bytes(), case.target)
    assert everything(home) == before
    assert not (given / "executed").exists()


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.npz", "x.safetensors", "x.skops"])
def test_two_gigabytes_are_refused_by_their_size_alone(name: str, given: Path) -> None:
    with (given / name).open("wb") as file:
        file.truncate(2**31)
    for look in (apart.summary, lambda path: files.keep_upload(path.name, path)):
        with pytest.raises(files.SpecError, match=r"takes 2,048 MiB; the limit is 200 MiB"):
            look(given / name)


@pytest.mark.parametrize("head", ["BZh,ZF,x", "cat,dog", "x,ZF0", "(a,b"])
def test_a_table_whose_header_looks_odd_is_still_a_table(head: str, given: Path) -> None:
    columns = head.split(",")
    rows = [",".join([str(i % 7), str(i % 2)] + ["1"] * (len(columns) - 2)) for i in range(40)]
    (given / "x.csv").write_text("\n".join([head, *rows]))
    assert apart.summary(given / "x.csv", columns[1]).facts["rows"] == 40


def test_long_headers_and_schemas_are_refused_unread(
    given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (given / "m.safetensors").open("wb") as file:
        file.write((17 * 2**20).to_bytes(8, "little"))
        file.truncate(20 * 2**20)
    with pytest.raises(files.SpecError, match=r"header of m.safetensors takes 17,825,792 bytes"):
        apart.summary(given / "m.safetensors")
    (given / "m.skops").write_bytes(skops_of(fitted()))
    monkeypatch.setattr(trees, "SCHEMA", 2**10)
    with pytest.raises(files.SpecError, match=r"schema.json in m.skops is larger than 0.00097"):
        apart.summary(given / "m.skops")


def test_a_zip_that_is_damaged_inside_is_refused(given: Path) -> None:
    content = bytearray(zipped({"run.json": b'{"key": "a"}'}, zipfile.ZIP_STORED))
    content[content.index(b'"key"') + 1] ^= 1
    (given / "x.zip").write_bytes(content)
    with pytest.raises(files.SpecError, match=r"x.zip is damaged: Bad CRC"):
        apart.summary(given / "x.zip")


def test_there_are_enough_of_them() -> None:
    assert len(ALL) >= 60
