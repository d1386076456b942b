"""Disks that are full or read-only: said plainly, nothing half-written, the rest readable."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from servers import ENDED, until

from prunelab import engine
from prunelab.events import Finished
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError


def fill(place, leave=0):
    """Use up the disk but for some bytes."""
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    with (place / "ballast").open("wb", buffering=0) as file:
        try:
            file.write(b"x" * max(0, free - leave))
            while not leave:
                file.write(b"x" * 4096)
        except OSError:
            return


@pytest.fixture
def disk(tmpfs, settings, monkeypatch):
    monkeypatch.setenv("PRUNELAB_HOME", str(tmpfs))
    monkeypatch.setenv("PRUNELAB_MIN_FREE", "0")
    monkeypatch.setenv("PRUNELAB_WORKERS", "1")
    yield tmpfs
    engine.stop(tmpfs)


def earlier(home):
    """A run that finished before anything was wrong."""
    store = Store(home=home)
    key = store.submit(RunSpec(seed=99))
    store.finish(key, Finished(seconds=7), attempt=store.claim(key, "me"))
    store.close()
    return key


def test_a_run_that_fills_the_disk_fails_with_the_reason_and_leaves_no_part_of_a_file(disk):
    old = earlier(disk)
    store = Store(home=disk)
    key = engine.submit(store, RunSpec(knobs={"epochs": 20, "pause": 0.02, "megabytes": 30}))
    until(lambda: store.state(key) in ENDED)
    row = store.row(key)
    assert (row.state, row.attempt) == ("failed", 1)
    assert row.result.reason.startswith(f"No space left on the disk of {disk}: ")
    assert "PRUNELAB_HOME" in row.result.advice
    assert list(store.folder(key).iterdir()) == []
    assert len(store.result(key).epochs) == 20
    assert store.result(old).seconds == 7
    store.close()


@pytest.mark.slow
def test_a_full_disk_is_told_before_a_run_starts(disk, monkeypatch):
    monkeypatch.setenv("PRUNELAB_MIN_FREE", "500")
    store = Store(home=disk)
    key = engine.submit(store, RunSpec(seed=1))
    until(lambda: store.state(key) in ENDED)
    assert store.row(key).result.reason.startswith("No space left: a run needs 500 MB of disk, ")
    assert store.result(key).epochs == ()
    store.close()


def test_events_wait_while_the_disk_of_the_store_is_full_and_none_is_lost(disk):
    store = Store(home=disk)
    key = engine.submit(store, RunSpec(seed=3, knobs={"epochs": 60, "pause": 0.05}))
    until(lambda: store.result(key).epochs)
    fill(disk)
    until(lambda: _refuses(store), what="the store takes more than the disk holds")
    before = len(store.result(key).epochs)
    time.sleep(2)
    assert store.row(key).state == "running"
    assert len(store.result(key).epochs) >= before > 0
    (disk / "ballast").unlink()
    until(lambda: store.state(key) in ENDED)
    assert (store.state(key), store.row(key).attempt) == ("finished", 1)
    assert [e.epoch for e in store.result(key).epochs] == list(range(1, 61))
    until(lambda: not list((disk / "journal").glob("*")), 10, "the journal stays")
    store.close()


def _refuses(store):
    try:
        store.submit(RunSpec(seed=4, knobs={"note": "x" * 200_000}))
    except StoreError as error:
        return "No space left for the store" in str(error)
    return False


def test_a_full_disk_still_shows_earlier_runs(tmpfs):
    old = earlier(tmpfs)
    fill(tmpfs)
    store = Store(home=tmpfs)
    assert store.result(old).seconds == 7
    with pytest.raises(StoreError, match="No space left for the store"):
        store.submit(RunSpec(seed=2))
    (tmpfs / "ballast").unlink()
    assert store.submit(RunSpec(seed=2)) in store.queued()  # the same store, without a restart
    store.close()


def test_a_read_only_disk_shows_earlier_runs_and_refuses_new_ones(tmpfs):
    old = earlier(tmpfs)
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    store = Store(home=tmpfs)
    assert store.result(old).seconds == 7
    assert [r.key for r in store.runs()] == [old]
    for change in (lambda: store.submit(RunSpec(seed=2)), lambda: store.delete(old)):
        with pytest.raises(StoreError, match="is read-only; make it writable"):
            change()
    with pytest.raises(StoreError, match=r"The engine cannot start in .*set PRUNELAB_HOME"):
        engine.ensure(tmpfs)
    subprocess.run(["mount", "-o", "remount,rw", str(tmpfs)], check=True)
    assert store.submit(RunSpec(seed=2)) in store.queued()
    store.close()
