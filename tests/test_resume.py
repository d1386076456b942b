"""A run that was stopped, killed or cancelled ends as one that never was, bit for bit."""

from __future__ import annotations

import contextlib
import errno
import itertools
import multiprocessing
import random
import time
from dataclasses import replace
from pathlib import Path

import interrupt
import numpy as np
import psutil
import pytest
import torch
from torch import nn

from prunelab import checkpoint, engine, position, training
from prunelab.checks import _numbers
from prunelab.child import Order
from prunelab.course import Memory
from prunelab.events import Epoch, Failed, Finished, Started, Warned, fold
from prunelab.experiment import run
from prunelab.files import CHECKPOINT
from prunelab.local import follow
from prunelab.registry import METHODS, MODELS
from prunelab.spec import RunSpec
from prunelab.store import Store
from prunelab.supervisor import TORCH

SHORT = {"epochs": 3, "recover_epochs": 2}
SPECS = {
    "finetune": RunSpec(**SHORT),
    "adam": RunSpec(optimizer="adam", lr=1e-3, **SHORT),
    "rounds": RunSpec(method="iterative-magnitude", knobs={"rounds": 3}, **SHORT),
    "late rewinding": RunSpec(
        method="lottery-ticket", sparsity=0.5, knobs={"rewind_epoch": 2, "rate": 0.4}, epochs=4
    ),
    "shuffle": RunSpec(recover="shuffle", **SHORT),
    "scratch-b": RunSpec(recover="scratch-b", **SHORT),
    "fewer examples": RunSpec(
        model="mlp",
        examples_method="el2n",
        examples_sparsity=0.5,
        examples_knobs={"runs": 1},
        **SHORT,
    ),
    "before training": RunSpec(method="snip", **SHORT),
    "filters, batch norm": RunSpec(model="vgg-small", method="l1-filter", sparsity=0.5, **SHORT),
    "shortcuts": RunSpec(model="resnet-narrow", method="l1-filter", sparsity=0.5, **SHORT),
    **{
        method: RunSpec(
            model=(entry.subjects or ("lenet-300-100",))[0],
            method=method,
            sparsity=0.5,
            recover="finetune",
            **SHORT,
        )
        for method, entry in METHODS.items()
        if entry.when == "training"
    },
}
LEARNING = ("movement", "soft-movement", "rigl", "sr-ste", "l0", "variational-dropout")


@pytest.fixture
def eager():
    """Every epoch is kept, however short."""
    with checkpoint.eager():
        yield


@pytest.fixture
def trained(monkeypatch):
    """The epochs that were really trained."""
    seen, plain = [], training._epoch
    monkeypatch.setattr(training, "_epoch", lambda *a: seen.append(a[3][:2]) or plain(*a))
    return seen


def stopped(spec, files, after):
    """What a run says up to a number of events, at which it is stopped."""
    going = run(spec, files=files)
    seen = list(itertools.islice(going, after))
    going.close()
    return seen


def the_same(one, other, folders):
    assert _numbers(fold(one)) == _numbers(fold(other))
    assert [type(e) for e in one] == [type(e) for e in other]
    assert (fold(one).frames, fold(one).moved) == (fold(other).frames, fold(other).moved)
    for name in ("model", "dense", "masks"):
        first, second = ((f / f"{name}.safetensors").read_bytes() for f in folders)
        assert first == second, name
    assert not any((f / CHECKPOINT).exists() for f in folders)


@pytest.mark.parametrize("name", SPECS)
def test_a_run_stopped_after_every_epoch_trains_none_twice(name, eager, trained, tmp_path):
    """Stopped again and again: one epoch further each time, and the same end."""
    whole = list(run(SPECS[name], files=tmp_path / "whole"))
    assert isinstance(whole[-1], Finished), whole[-1]
    epochs = list(trained)
    trained.clear()
    ends = [i + 1 for i, event in enumerate(whole) if isinstance(event, Epoch)]
    for end in ends:
        told = stopped(SPECS[name], tmp_path / "parts", end)
        assert [type(e) for e in told] == [type(e) for e in whole[:end]]
    again = list(run(SPECS[name], files=tmp_path / "parts"))
    the_same(whole, again, (tmp_path / "whole", tmp_path / "parts"))
    twice = [epoch for epoch in trained if not epoch[0].startswith("score")]
    assert twice == [epoch for epoch in epochs if not epoch[0].startswith("score")]  # not kept
    assert len(epochs) > len(ends) - 1


@pytest.mark.parametrize(("name", "step"), [("finetune", 4), ("rounds", 6), ("movement", 9)])
def test_a_run_may_stop_anywhere(name, step, eager, tmp_path):
    whole = list(run(SPECS[name], files=tmp_path / "whole"))
    for after in range(1, len(whole), step):
        told = stopped(SPECS[name], tmp_path / str(after), after)
        assert len(told) == after
        again = list(run(SPECS[name], files=tmp_path / str(after)))
        the_same(whole, again, (tmp_path / "whole", tmp_path / str(after)))


def test_learning_methods_are_among_those_tried():
    assert set(LEARNING) <= set(SPECS)


def test_random_numbers_of_the_process_go_on(eager, monkeypatch, tmp_path):
    """Dropout draws from torch's global state."""

    def build(shape, classes):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, classes)
        )

    monkeypatch.setitem(MODELS._entries, "mlp", replace(MODELS["mlp"], function=build))
    spec = RunSpec(model="mlp", **SHORT)
    whole = list(run(spec, files=tmp_path / "whole"))
    for after in (4, 13):
        stopped(spec, tmp_path / "parts", after)
        torch.manual_seed(after)
    again = list(run(spec, files=tmp_path / "parts"))
    the_same(whole, again, (tmp_path / "whole", tmp_path / "parts"))


def test_all_global_random_numbers_are_kept():
    held = position.randomness()
    drawn = [random.random(), np.random.rand(), torch.rand(()).item()]  # noqa: NPY002
    position.set_randomness(held)
    assert [random.random(), np.random.rand(), torch.rand(()).item()] == drawn  # noqa: NPY002


def test_memory_is_taken_back_in_place():
    memory = Memory()
    mine = memory.parameters("gate", {"fc": torch.zeros(2)}, lr=0.1)["fc"]
    memory.load({"gate/fc": torch.ones(2), "late/fc": torch.ones(1)})
    assert mine.tolist() == [1, 1]
    assert mine.requires_grad
    assert memory.kept["late"]["fc"].tolist() == [1]


# -- checkpoints that are of no use ---------------------------------------------------------------


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
    spec, calls, plain = SPECS["finetune"], [], checkpoint.save_file

    def full(tensors, path, about):
        calls.append(path)
        if len(calls) >= when:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(tensors, path, about)

    whole = list(run(spec, files=tmp_path / "whole"))
    monkeypatch.setattr(checkpoint, "save_file", full)
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


def test_nothing_is_written_more_often_than_it_is_worth(monkeypatch, tmp_path):
    writings = []
    monkeypatch.setattr(checkpoint, "_write", lambda *a: writings.append(time.monotonic()))
    began = time.monotonic()
    list(run(SPECS["rounds"], files=tmp_path))
    assert len(writings) <= 3 * (time.monotonic() - began)


def test_a_run_that_keeps_no_files_keeps_no_checkpoint(eager, monkeypatch):
    monkeypatch.setattr(checkpoint, "_write", lambda *a: 1 / 0)
    assert isinstance(list(run(SPECS["finetune"]))[-1], Finished)


# -- the store, and real processes ----------------------------------------------------------------


def test_a_cancelled_run_goes_on_unless_asked_to_begin_again(eager, trained, home):
    store, spec = Store(home=home), SPECS["rounds"]
    for again, left in ((False, 4), (True, 6)):
        going = follow(spec, store, again=again)
        told = []
        while sum(isinstance(e, Epoch) for e in told) < 5:
            told.append(next(going))
        going.close()
        assert store.state(spec.key) == "cancelled"
        assert (store.folder(spec.key) / CHECKPOINT).exists()
        trained.clear()
        rest = list(follow(spec, store, again=again))
        assert isinstance(rest[0], Started)
        assert len(trained) == left
        assert len(store.result(spec.key).epochs) == 9
        assert not (store.folder(spec.key) / CHECKPOINT).exists()
        store.delete(spec.key)
    store.close()


def test_a_failed_run_begins_again(eager, trained, home):
    store, spec = Store(home=home), SPECS["finetune"]
    going = follow(spec, store)
    next(e for e in going if isinstance(e, Epoch))
    store.finish(spec.key, Failed(reason="no"), attempt=1)
    going.close()
    trained.clear()
    list(follow(spec, store))
    assert len(trained) == 5
    store.close()


def test_a_process_killed_at_any_moment_goes_on(home):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*TORCH, "prunelab.child", "prunelab.experiment"])
    spec = RunSpec(method="movement", sparsity=0.5, recover="finetune", epochs=100)
    whole = list(run(spec, files=home / "whole"))
    store, draw = Store(home=home), random.Random(0)
    kills = kept = seen = 0
    store.submit(spec)
    while store.state(spec.key) == "queued":
        attempt = store.claim(spec.key, "me")
        order = Order(key=spec.key, url=store.url, home=str(home))
        child = context.Process(target=interrupt.work, args=(order, attempt))
        child.start()
        while child.is_alive() and not store.events(spec.key, after=seen):
            time.sleep(0.01)
        child.join(draw.uniform(0, 0.5) if kills < 8 else 60)
        child.kill()
        child.join()
        seen = max((number for number, _ in store.events(spec.key)), default=0)
        if store.state(spec.key) == "running":
            kills += 1
            kept += (store.folder(spec.key) / CHECKPOINT / "now.safetensors").exists()
            store.requeue(spec.key, attempt, "killed", died=False)
    assert kills >= 6
    assert kept >= 3
    told = [event for _, event in store.events(spec.key)]
    last = max(i for i, event in enumerate(told) if isinstance(event, Started))
    files = store.folder(spec.key)
    the_same(whole, told[last:], (home / "whole", files))
    assert len(list(files.iterdir())) == 5
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills_under_the_engine_change_nothing(home, monkeypatch, request):
    """Processes of runs killed at random moments; each run is lost at most twice."""
    monkeypatch.setenv("PRUNELAB_WORKERS", "2")
    methods = ("movement", "gradual-magnitude", "rigl", "l0", "lottery-ticket")
    specs = [
        RunSpec(method=m, sparsity=0.5, recover="finetune", epochs=400, seed=s)
        for m in methods
        for s in range(5)
    ]
    specs = [replace(s, recover="", epochs=150) if "lottery" in s.method else s for s in specs]
    store, draw = Store(home=home), random.Random(1)
    for spec in specs:
        engine.submit(store, spec)
    request.addfinalizer(lambda: engine.stop(home))
    kills, resumed, lost = 0, 0, {spec.key: 0 for spec in specs}
    while store.count(state=("queued", "running")):
        time.sleep(draw.uniform(0.1, 0.7))
        for row in store.runs(state="running"):
            child = _child(row)
            if lost[row.key] < 2 and child and draw.random() < 0.25:
                resumed += (store.folder(row.key) / CHECKPOINT / "now.safetensors").exists()
                child.kill()
                lost[row.key] += 1
                kills += 1
    assert kills >= 45
    assert resumed >= 15
    for spec in specs:
        row = store.row(spec.key)
        assert row.state == "finished", row.result.reason
        whole = list(run(spec, files=home / "whole" / spec.key))
        told = [event for _, event in store.events(spec.key)]
        last = max(i for i, event in enumerate(told) if isinstance(event, Started))
        the_same(whole, told[last:], (home / "whole" / spec.key, store.folder(spec.key)))
    store.close()


def _child(row):
    """The process that carries out a run, once it trains: one of two generations below a worker."""
    with contextlib.suppress(psutil.Error, IndexError, ValueError):
        worker = psutil.Process(int(row.worker.split(":")[1]))
        for process in worker.children(recursive=True) if row.result.plan else ():
            parent = process.parent()
            if parent != worker and "forkserver" in " ".join(parent.cmdline()):
                return process
    return None
