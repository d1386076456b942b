"""Checkpoints that are of no use, that cannot be written, or that are not worth writing."""

from __future__ import annotations

import errno
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from resuming import SPECS, stopped, the_same

from prunelab import checkpoint, sealed
from prunelab.events import Finished, Warned
from prunelab.experiment import run
from prunelab.files import CHECKPOINT


def _content(path):
    return path.read_bytes() if path.is_file() else b""


def damaged(files, how):
    for path in (files / CHECKPOINT).glob("*.safetensors"):
        content = bytearray(path.read_bytes())
        match how:
            case "cut":
                content = content[: len(content) // 2]
            case "empty":
                content = b""
            case "a byte":
                content[-3] ^= 4
            case "a header":
                content[:8] = b"\xff" * 8
            case "a key":
                content = bytes(content).replace(b'\\"told\\"', b'\\"tolb\\"')
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "empty", "a byte", "a header", "a key"])
def test_a_damaged_checkpoint_is_none(how, eager, trained, tmp_path):
    spec = SPECS["finetune"]
    whole = list(run(spec, files=tmp_path / "whole"))
    stopped(spec, tmp_path / "parts", 13)
    assert {p.stem for p in (tmp_path / "parts" / CHECKPOINT).iterdir()} == {"dense", "now"}
    damaged(tmp_path / "parts", how)
    trained.clear()
    again = list(run(spec, files=tmp_path / "parts"))
    the_same(whole, again, (tmp_path / "whole", tmp_path / "parts"))
    assert len(trained) == 5


@pytest.mark.parametrize("part", ["dense", "now"])
def test_one_damaged_file_costs_its_own_part_only(part, eager, trained, tmp_path):
    spec = SPECS["finetune"]
    whole = list(run(spec, files=tmp_path / "whole"))
    stopped(spec, tmp_path / "parts", 12)
    (tmp_path / "parts" / CHECKPOINT / f"{part}.safetensors").write_bytes(b"x")
    trained.clear()
    again = list(run(spec, files=tmp_path / "parts"))
    the_same(whole, again, (tmp_path / "whole", tmp_path / "parts"))
    assert len(trained) == {"dense": 5, "now": 2}[part]


@pytest.mark.parametrize("other", ["spec", "version", "torch", "code"])
def test_a_checkpoint_of_something_else_is_none(other, eager, trained, monkeypatch, tmp_path):
    spec = SPECS["finetune"]
    stopped(spec, tmp_path, 13)
    if other == "spec":
        spec = replace(spec, seed=1)
    elif other == "version":
        monkeypatch.setattr("prunelab.__version__", "0")
    elif other == "torch":
        monkeypatch.setattr(torch, "__version__", "0")
    else:
        monkeypatch.setattr(checkpoint, "_source", lambda _: b"changed")
    trained.clear()
    again = list(run(spec, files=tmp_path))
    assert isinstance(again[-1], Finished)
    assert len(trained) == 5


def test_a_method_written_in_a_notebook_has_code_too():
    spaces = {}
    exec(compile("def f(): return 1\ndef g(): return 2", "<cell>", "exec"), spaces)
    same = checkpoint.identity("x", code=[spaces["f"]])
    assert same == checkpoint.identity("x", code=[spaces["f"]])
    assert same != checkpoint.identity("x", code=[spaces["g"]])


@pytest.mark.parametrize("when", [1, 3])
def test_a_full_disk_is_a_warning_and_leaves_nothing_half_written(
    when, eager, monkeypatch, tmp_path
):
    spec, calls, plain = SPECS["finetune"], [], sealed.save_file

    def full(tensors, path, about):
        calls.append(path)
        if len(calls) >= when:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(tensors, path, about)

    whole = list(run(spec, files=tmp_path / "whole"))
    monkeypatch.setattr(sealed, "save_file", full)
    going = run(spec, files=tmp_path / "full")
    told = list(itertools.islice(going, 14))
    assert not [p for p in (tmp_path / "full").rglob("*") if b"half" in _content(p)]
    told += going
    warnings = [e.message for e in told if isinstance(e, Warned)]
    assert len(warnings) == 1
    assert warnings[0].startswith("No checkpoint can be written ([Errno 28] No space left")
    told = [e for e in told if not isinstance(e, Warned)]
    the_same(whole, told, (tmp_path / "whole", tmp_path / "full"))


def test_what_a_killed_process_was_writing_is_removed(eager, tmp_path):
    spec = SPECS["finetune"]
    stopped(spec, tmp_path, 6)
    for name in (".tmpAbC", "now.12.partial"):
        (tmp_path / CHECKPOINT / name).write_bytes(b"half")
    stopped(spec, tmp_path, 7)
    assert {p.name for p in (tmp_path / CHECKPOINT).iterdir()} == {
        "dense.safetensors",
        "now.safetensors",
    }


@pytest.mark.parametrize(("took", "apart"), [(0.01, 1.0), (2.0, 40.0)])
def test_nothing_is_written_more_often_than_it_is_worth(took, apart, monkeypatch, tmp_path):
    """By a clock that only epochs, of a tenth of a second, and writings move."""
    now, writings = [0.0], []

    def write(*_):
        now[0] += took
        writings.append(now[0])

    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "write", write)
    kept = checkpoint.Checkpoint(tmp_path)
    for _ in range(1500):
        now[0] += 0.1
        kept.later(checkpoint.DONE, checkpoint.Held({}, {}))
    between = [second - first - took for first, second in itertools.pairwise(writings)]
    assert len(between) >= 2
    assert all(apart - 1e-6 <= pause <= apart + 0.2 for pause in between)


def test_a_run_that_keeps_no_files_keeps_no_checkpoint(eager, monkeypatch):
    monkeypatch.setattr(checkpoint, "write", lambda *a: 1 / 0)
    assert isinstance(list(run(SPECS["finetune"]))[-1], Finished)
