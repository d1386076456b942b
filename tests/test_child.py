"""How a run's events reach the store: quickly, once, and over a store that is away for a while."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from prunelab import child
from prunelab.events import Finished, Warned
from prunelab.spec import RunSpec
from prunelab.store import Lost, Store, StoreError


@pytest.fixture
def store(tmp_path):
    opened = Store(home=tmp_path)
    yield opened
    opened.close()


def test_events_wait_for_a_store_that_is_away(store, monkeypatch):
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    told = queue.SimpleQueue()
    append, tries = store.append, []

    def away_twice(*arguments, **named):
        tries.append(time.monotonic())
        if len(tries) <= 2:
            raise StoreError("locked")
        return append(*arguments, **named)

    monkeypatch.setattr(store, "append", away_twice)
    for event in (Warned(message="a"), Warned(message="b"), Finished(seconds=1)):
        told.put(event)
    child._write_all(store, key, attempt, told)
    assert [type(e).__name__ for _, e in store.events(key)] == ["Warned", "Warned", "Finished"]
    assert (len(tries), store.state(key)) == (3, "finished")


def test_a_store_that_stays_away_is_given_up(store, monkeypatch):
    monkeypatch.setattr(child, "BOUND", 0.1)
    key = store.submit(RunSpec())
    told = queue.SimpleQueue()
    told.put(Warned(message="a"))
    monkeypatch.setattr(store, "append", lambda *_, **__: (_ for _ in ()).throw(StoreError("gone")))
    with pytest.raises(StoreError, match="gone"):
        child._write_all(store, key, 1, told)


def test_a_run_that_went_to_another_is_left_alone(store, monkeypatch):
    monkeypatch.setattr(child, "RENEW", 0.05)
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    store.requeue(key, attempt, "partition")
    with pytest.raises(Lost, match="no longer in attempt 1"):
        child._write_all(store, key, attempt, queue.SimpleQueue())


def test_the_first_event_and_the_last_do_not_wait(store, monkeypatch):
    monkeypatch.setattr(child, "GAP", 30.0)
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    told = queue.SimpleQueue()
    writer = threading.Thread(target=child._write_all, args=(store, key, attempt, told))
    writer.start()
    told.put(Warned(message="first"))
    deadline = time.monotonic() + 5
    while not store.events(key):
        assert time.monotonic() < deadline
    told.put(Warned(message="second"))
    told.put(Finished(seconds=1))
    writer.join(5)
    assert (len(store.events(key)), store.state(key)) == (3, "finished")
