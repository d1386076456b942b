"""Runs of a store that were cancelled, failed or killed at any moment go on, in real processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import time
from dataclasses import replace

import interrupt
import numpy as np
import psutil
import pytest
from resuming import SPECS, the_same

from prunelab import engine
from prunelab.checks import _numbers
from prunelab.child import Order
from prunelab.events import Epoch, Failed, Started, fold
from prunelab.experiment import run
from prunelab.files import CHECKPOINT
from prunelab.local import follow
from prunelab.spec import RunSpec
from prunelab.store import Store
from prunelab.supervisor import TORCH


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


PRELOADED = [*TORCH, "prunelab.child", "prunelab.experiment", "sklearn.datasets"]


class Killed:
    """A run that is killed again and again, later each time, so that a slow machine gets on, too.

    It does not end, however fast the machine, before that was done often enough.
    """

    def __init__(self, spec, home, store):
        self.spec, self.home, self.store = spec, home, store
        self.kills = self.kept = self.seen = 0
        self.draw, self.hold = random.Random(0), home / "hold"
        self.hold.touch()

    def attempt(self, context):
        key, store = self.spec.key, self.store
        attempt = store.claim(key, "me")
        order = Order(key=key, url=store.url, home=str(self.home))
        child = context.Process(target=interrupt.work, args=(order, attempt, self.hold))
        child.start()
        while child.is_alive() and not store.events(key, after=self.seen):
            time.sleep(0.01)
        if self.kills >= 8 and self.kept >= 3:
            self.hold.unlink()
        else:
            child.join(self.draw.uniform(0, 0.1 * (self.kills + 1)))
            child.kill()
        child.join()
        self.seen = max((number for number, _ in store.events(key)), default=0)
        if store.state(key) == "running":
            self.kills += 1
            self.kept += (store.folder(key) / CHECKPOINT / "now.safetensors").exists()
            store.requeue(key, attempt, "killed", died=False)


def test_a_process_killed_at_any_moment_goes_on(home):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    spec = RunSpec(method="movement", sparsity=0.5, recover="finetune", epochs=20, recover_epochs=5)
    whole = list(run(spec, files=home / "whole"))
    store = Store(home=home)
    store.submit(spec)
    killed = Killed(spec, home, store)
    while store.state(spec.key) == "queued":
        killed.attempt(context)
    assert killed.kills >= 8
    told = [event for _, event in store.events(spec.key)]
    last = max(i for i, event in enumerate(told) if isinstance(event, Started))
    files = store.folder(spec.key)
    the_same(whole, told[last:], (home / "whole", files))
    both = [{file.name for file in folder.iterdir()} for folder in (files, home / "whole")]
    assert both[0] == both[1] >= {"masks.safetensors"}  # no checkpoint is left
    store.close()


TREES = {
    "decision-tree": "reduced-error",
    "random-forest": "reduced-error",
    "gradient-boosting": "thin-random",
}


@pytest.mark.parametrize("model", TREES)
def test_trees_that_were_killed_are_grown_again_to_the_same_numbers(model, home):
    """They are fitted in one go, so there is nothing to go on from: the seed is enough."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    spec = RunSpec(data="breast-cancer", model=model, method=TREES[model], sparsity=0.5, seed=3)
    whole = list(run(spec, files=home / "whole"))
    store = Store(home=home)
    key = store.submit(spec)
    for last in (1, len(whole) - 1, 0):  # killed as it begins, killed before its last word, left
        attempt = store.claim(key, "me")
        order = Order(key, store.url, str(home))
        child = context.Process(target=interrupt.work_until, args=(order, attempt, last))
        child.start()
        while last and len(_of_attempt(store, key, attempt)) < last:
            time.sleep(0.01)
        if last:
            child.kill()
        child.join()
        store.requeue(key, attempt, "signal 9")
    assert (store.row(key).attempt, store.row(key).deaths) == (3, 2)
    assert store.state(key) == "finished"
    told = _of_attempt(store, key, 3)
    assert [type(e) for e in told] == [type(e) for e in whole]
    assert _numbers(fold(told)) == _numbers(fold(whole))
    one, other = (np.load(f / "tree.npz") for f in (home / "whole", store.folder(key)))
    assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one.files)
    assert one.files == other.files
    store.close()


def _of_attempt(store, key, attempt):
    """What a run has told since it was last begun."""
    if store.row(key).attempt != attempt:
        return []
    told = [event for _, event in store.events(key)]
    begun = [i for i, event in enumerate(told) if isinstance(event, Started)]
    return told[begun[-1] :] if len(begun) == attempt else []


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
