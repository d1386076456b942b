"""How a run's events reach the store: quickly, once, and over a store that is away for a while."""

from __future__ import annotations

import os
import queue
import threading
import time

import pytest

from prunelab import child, journal, operations
from prunelab.events import Finished, Warned
from prunelab.patience import patiently
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
    deadline = time.monotonic() + 90
    while not store.events(key):
        assert time.monotonic() < deadline
    told.put(Warned(message="second"))
    told.put(Finished(seconds=1))
    writer.join(90)
    assert (len(store.events(key)), store.state(key)) == (3, "finished")


# -- the journal ----------------------------------------------------------------------------------


def away(store, monkeypatch):
    """A store that takes no event until the returned list is emptied."""
    append, gone = store.append, [True]

    def refuse(*arguments, **named):
        if gone:
            raise StoreError("away")
        return append(*arguments, **named)

    monkeypatch.setattr(store, "append", refuse)
    return gone


def journals(store):
    return list((store.home / "journal").glob("*"))


def test_what_a_dead_run_could_not_tell_is_told_when_the_store_is_back(store, monkeypatch):
    monkeypatch.setattr(child, "BOUND", 0.5)
    monkeypatch.setattr(child, "GAP", 0.02)
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    store.append(key, [Warned(message="0")], attempt=attempt, first=1)
    gone = away(store, monkeypatch)
    told = queue.SimpleQueue()
    for number in range(3):
        told.put(Warned(message=str(number)))
    with pytest.raises(StoreError, match="away"):
        child._write_all(store, key, attempt, told)
    assert [p.name for p in journals(store)] == [f"{key}.{attempt}.jsonl"]
    with pytest.raises(StoreError, match="away"):
        journal.give_back(store, key, attempt, "signal 9")
    assert store.state(key) == "running"
    gone.clear()
    assert journal.give_back(store, key, attempt, "signal 9") == "queued"
    assert [e.message for _, e in store.events(key)] == ["0", "1", "2"]
    assert journals(store) == []


def test_the_last_event_in_a_journal_ends_the_run(store):
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    journal.keep(store.home, key, (attempt, 1), [Warned(message="a"), Finished(seconds=1)])
    assert journal.give_back(store, key, attempt, "signal 9") == "finished"
    assert store.row(key).deaths == 0


def test_a_torn_journal_keeps_its_whole_lines_and_an_old_one_is_dropped(store):
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    journal.keep(store.home, key, (attempt, 1), [Warned(message="a")])
    with journals(store)[0].open("a") as file:
        file.write('[2, {"type": "War')
    journal.replay(store, key, attempt)
    assert [e.message for _, e in store.events(key)] == ["a"]
    journal.keep(store.home, key, (attempt, 2), [Warned(message="b")])
    store.requeue(key, attempt, "partition")
    journal.replay(store, key, attempt)
    assert [e.message for _, e in store.events(key)] == ["a"]
    assert journals(store) == []


@pytest.fixture
def told_and_killed(store, monkeypatch):
    """A run that told its last event out of the journal, and was killed before its end."""
    key = store.submit(RunSpec())
    attempt = store.claim(key, "me")
    told = queue.SimpleQueue()
    for event in (Warned(message="a"), Warned(message="b"), Finished(seconds=1)):
        told.put(event)
    keep = journal.keep

    def kept(*arguments):
        keep(*arguments)
        gone.clear()

    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        gone = away(store, patch)
        patch.setattr(child, "GAP", 0.01)
        patch.setattr(journal, "keep", kept)
        patch.setattr(journal, "forget", killed)
        with pytest.raises(SystemExit):
            child._write_all(store, key, attempt, told)
    assert (store.state(key), len(journals(store))) == ("finished", 1)
    return key, attempt


def test_a_journal_of_a_run_that_told_all_doubles_nothing(store, told_and_killed):
    key, attempt = told_and_killed
    assert journal.give_back(store, key, attempt, "signal 9") == "finished"
    assert [type(e).__name__ for _, e in store.events(key)] == ["Warned", "Warned", "Finished"]
    assert (store.row(key).deaths, journals(store)) == (0, [])


def test_a_journal_whose_worker_died_too_is_never_told_to_another_attempt(store, told_and_killed):
    key, _ = told_and_killed
    store.submit(RunSpec(), again=True)
    attempt = store.claim(key, "another")
    assert journal.give_back(store, key, attempt, "signal 9") == "queued"
    assert store.events(key) == []
    (left,) = journals(store)
    os.utime(left, (0, 0))
    operations.vacuum(store)
    assert journals(store) == []


def test_a_store_that_is_back_in_time_needs_no_journal(store, monkeypatch):
    monkeypatch.setattr(child, "GAP", 0.02)
    key = store.submit(RunSpec())
    gone = away(store, monkeypatch)
    told = queue.SimpleQueue()
    writer = threading.Thread(target=child._write_all, args=(store, key, 1, told))
    store.claim(key, "me")
    writer.start()
    told.put(Warned(message="a"))
    deadline = time.monotonic() + 90
    while not journals(store):
        assert time.monotonic() < deadline
    gone.clear()
    told.put(Finished(seconds=1))
    writer.join(90)
    assert (len(store.events(key)), store.state(key), journals(store)) == (2, "finished", [])


def test_patience_ends_and_does_not_argue(monkeypatch):
    answers = [StoreError("away"), StoreError("away"), 7]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(ask, 5) == 7
    answers[:] = [Lost("another has it"), 7]
    with pytest.raises(Lost, match="another has it"):
        patiently(ask, 5)
    answers[:] = [StoreError("away")] * 99
    with pytest.raises(StoreError, match="away"):
        patiently(ask, 0.2)
    assert answers  # it gave up before they were used up
