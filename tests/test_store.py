"""The store's contract: once is once, one of two wins, and nothing acknowledged is ever lost."""

from __future__ import annotations

import math
import sqlite3
import time
from types import SimpleNamespace

import pytest

from prunelab.events import Cancelled, Epoch, Failed, Finished, Measured, Pruned, Started, Warned
from prunelab.spec import RunSpec
from prunelab.store import Lost, Store, StoreError

SPEC = RunSpec(method="random", seed=1)


@pytest.fixture
def store(tmp_path):
    opened = Store(home=tmp_path)
    yield opened
    opened.close()


def started(spec=SPEC, epochs=4):
    return Started(
        key=spec.key,
        spec=spec.to_json(),
        settings={},
        manifest={},
        plan={"dense": epochs},
        unit="weight",
        of=10,
    )


def epoch(number, loss=0.5, epochs=4):
    return Epoch(
        phase="dense",
        epoch=number,
        epochs=epochs,
        loss=loss,
        validation_loss=0.5,
        accuracy=0.5,
        sparsity=0.0,
        zeros_kept=True,
    )


def claimed(store, spec=SPEC):
    key = store.submit(spec)
    return key, store.claim(key, "me")


# -- states ---------------------------------------------------------------------------------------


def test_the_same_spec_twice_is_once(store):
    assert store.submit(SPEC) == store.submit(SPEC) == SPEC.key
    assert store.count() == 1
    assert store.queued() == [SPEC.key]


def test_a_run_goes_from_queued_to_finished(store):
    key, attempt = claimed(store)
    assert (store.state(key), attempt) == ("running", 1)
    assert store.queued() == []
    store.append(key, [started(), Finished(seconds=2.0)], attempt=attempt)
    row = store.row(key)
    assert (row.state, row.progress, row.result.seconds) == ("finished", 1.0, 2.0)
    assert row.created <= row.started <= row.finished


def test_only_one_claim_wins(store):
    key = store.submit(SPEC)
    assert (store.claim(key, "a"), store.claim(key, "b")) == (1, 0)
    assert store.row(key).worker == "a"


def test_a_finished_run_stays_unless_asked_again(store):
    key, attempt = claimed(store)
    store.append(key, [started(), Finished(seconds=1)], attempt=attempt)
    store.folder(key).mkdir(parents=True)
    store.submit(SPEC)
    assert store.state(key) == "finished"
    store.submit(SPEC, again=True)
    assert (store.state(key), store.events(key)) == ("queued", [])
    assert not store.folder(key).exists()
    assert store.claim(key, "me") == 2


@pytest.mark.parametrize("last", [Failed(reason="no"), Cancelled()])
def test_a_run_that_failed_or_was_cancelled_is_queued_anew(store, last):
    key, attempt = claimed(store)
    before = store.append(key, [started(), epoch(1), last], attempt=attempt)
    seen = store.events(key)[-1][0]
    assert (before, store.result(key).epochs) == (3, (epoch(1),))
    store.submit(SPEC)
    assert store.result(key).epochs == ()
    store.append(key, [started()], attempt=store.claim(key, "me"))
    assert [e for _, e in store.events(key, after=seen)] == [started()]


def test_a_finished_run_cannot_be_written_or_claimed(store):
    key, attempt = claimed(store)
    store.append(key, [Finished(seconds=1)], attempt=attempt)
    with pytest.raises(Lost, match="no longer in attempt 1"):
        store.append(key, [Warned(message="late")], attempt=attempt)
    assert store.claim(key, "me") == 0
    assert not store.renew(key, attempt)
    assert not store.finish(key, Cancelled(), attempt=attempt)
    assert store.state(key) == "finished"


def test_the_queue_is_first_come_first(store):
    keys = [store.submit(RunSpec(seed=seed)) for seed in (3, 1, 2)]
    assert store.queued() == keys
    assert [row.key for row in store.runs()] == keys[::-1]


# -- cancel, requeue, expire ----------------------------------------------------------------------


def test_cancelling_a_queued_run_ends_it_at_once(store):
    key = store.submit(SPEC)
    store.request_cancel(key)
    assert store.state(key) == "cancelled"
    assert [e for _, e in store.events(key)] == [Cancelled()]


def test_cancelling_a_running_run_raises_a_flag_and_a_finished_one_nothing(store):
    key, attempt = claimed(store)
    assert not store.cancel_requested(key)
    store.request_cancel(key)
    assert (store.cancel_requested(key), store.state(key)) == (True, "running")
    assert store.requeue(key, attempt, "signal 9") == "cancelled"
    store.submit(SPEC)
    assert not store.cancel_requested(key)


def test_three_deaths_are_a_failure_with_its_reason(store):
    key = store.submit(SPEC)
    states = [store.requeue(key, store.claim(key, "me"), "signal 11") for _ in range(3)]
    assert states == ["queued", "queued", "failed"]
    assert store.result(key).reason == "The process died 3 times (signal 11)."


def test_an_interruption_that_is_nobodys_fault_does_not_count(store):
    key, attempt = claimed(store)
    for _ in range(5):
        assert store.requeue(key, attempt, "the engine stopped", died=False) == "queued"
        attempt = store.claim(key, "me")
    assert store.row(key).note == "interrupted (the engine stopped), attempt 1 of 3"


def test_requeue_of_an_older_attempt_changes_nothing(store):
    key, attempt = claimed(store)
    store.requeue(key, attempt, "signal 9")
    store.claim(key, "another")
    assert store.requeue(key, attempt, "signal 9") == "running"
    assert store.row(key).deaths == 1


def test_the_writer_of_an_older_attempt_is_refused(store):
    key, attempt = claimed(store)
    store.append(key, [started(), epoch(1)], attempt=attempt, first=1)
    store.requeue(key, attempt, "partition")
    again = store.claim(key, "another")
    with pytest.raises(Lost, match="no longer in attempt 1"):
        store.append(key, [epoch(2)], attempt=attempt, first=3)
    assert store.append(key, [started()], attempt=again, first=1) == 1
    assert store.result(key).epochs == ()


def test_a_lease_ends_only_without_a_beat(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("prunelab.store.time", SimpleNamespace(monotonic=lambda: now[0]))
    store = Store(home=tmp_path, lease=30)
    key, attempt = claimed(store)
    for _ in range(5):
        assert store.expire() == []
        now[0] += 29
        assert store.renew(key, attempt)
    assert store.expire() == []
    now[0] += 30
    assert store.expire() == []
    now[0] += 0.1
    assert store.expire() == [key]
    assert (store.state(key), store.row(key).deaths) == ("queued", 1)


def test_a_changed_clock_ends_no_lease(tmp_path, monkeypatch):
    store = Store(home=tmp_path, lease=5)
    claimed(store)
    store.expire()
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert store.expire() == []


# -- events ---------------------------------------------------------------------------------------


def test_events_written_twice_are_there_once(store):
    key, attempt = claimed(store)
    batch = [started(), epoch(1), epoch(2)]
    assert store.append(key, batch, attempt=attempt, first=1) == 3
    assert store.append(key, batch, attempt=attempt, first=1) == 3
    assert store.append(key, [epoch(2), epoch(3)], attempt=attempt, first=3) == 4
    assert [e for _, e in store.events(key)] == [started(), epoch(1), epoch(2), epoch(3)]
    last = [Finished(seconds=1)]
    assert store.append(key, last, attempt=attempt, first=5) == 5
    assert store.append(key, last, attempt=attempt, first=5) == 5


def test_a_gap_in_the_events_is_refused(store):
    key, attempt = claimed(store)
    with pytest.raises(StoreError, match=r"Event 1 of .* must come first, got 3"):
        store.append(key, [epoch(1)], attempt=attempt, first=3)


def test_a_batch_is_written_whole_or_not_at_all(store):
    key, attempt = claimed(store)
    with pytest.raises(TypeError, match="not JSON serializable"):
        store.append(key, [started(), Warned(message=object())], attempt=attempt)
    assert store.events(key) == []


def test_numbers_that_are_none_survive(store):
    key, attempt = claimed(store)
    store.append(key, [started(), epoch(1, math.nan), epoch(2, -math.inf)], attempt=attempt)
    values = {"accuracy": math.nan, "confusion": [[1, 2], [3, 4]]}
    store.append(key, [Measured(stage="dense", part="test", values=values)], attempt=attempt)
    losses = [e.loss for e in store.result(key).epochs]
    assert math.isnan(losses[0])
    assert losses[1] == -math.inf
    assert math.isnan(store.row(key).result.dense["accuracy"])
    assert store.result(key).dense["confusion"] == [[1, 2], [3, 4]]


def test_a_row_holds_the_headline_and_not_the_curves(store):
    key, attempt = claimed(store)
    pruned = Pruned(round=1, rounds=1, asked=0.8, kept=2, of=10, layers=[{"name": "fc1"}])
    store.append(key, [started(), epoch(1), pruned], attempt=attempt)
    values = {"accuracy": 0.9, "bytes": {"zip": 12}, "confusion": [[1]]}
    store.append(key, [Measured(stage="recovered", part="test", values=values)], attempt=attempt)
    row = store.row(key)
    assert (row.phase, row.progress) == ("dense", 0.25)
    assert row.result.sparsity == {"asked": 0.8, "achieved": 0.8, "of": 10}
    assert row.result.recovered == {"accuracy": 0.9, "bytes": {"zip": 12}}
    assert (row.result.epochs, row.result.layers, row.result.spec) == ((), (), SPEC.to_json())
    assert store.result(key).layers == [{"name": "fc1"}]


def test_another_process_sees_what_this_one_folds(store, tmp_path):
    key, attempt = claimed(store)
    reader = Store(home=tmp_path)
    for number in range(1, 5):
        store.append(key, [started(), epoch(number)], attempt=attempt)
        assert reader.result(key) == store.result(key)
    assert reader.result(key).status == "running"
    reader.close()


# -- lists ----------------------------------------------------------------------------------------


def test_lists_filter_and_turn_pages(store):
    for seed in range(5):
        store.submit(RunSpec(seed=seed, method="random" if seed % 2 else "magnitude"))
    assert store.count(method="random") == 2
    assert [r.spec.seed for r in store.runs(limit=2, offset=1)] == [3, 2]
    assert [r.spec.seed for r in store.runs(method=["random"], state="queued")] == [3, 1]
    keys = [RunSpec(seed=0).key, "nobody", RunSpec(seed=4).key]
    assert [r.spec.seed for r in store.rows(keys)] == [0, 4]
    with pytest.raises(TypeError, match=r"A filter must be one of .* got 'colour'"):
        store.runs(colour="red")


def test_a_page_of_ten_thousand_runs_is_quick(store):
    with sqlite3.connect(store.home / "store.db") as raw:
        key = store.submit(RunSpec())
        names = [c[1] for c in raw.execute("PRAGMA table_info(runs)") if c[1] != "key"]
        columns = ",".join(names).replace("place", "value")
        raw.execute(
            f"INSERT INTO runs (key,{','.join(names)}) SELECT key || value, {columns} FROM runs,"
            "(WITH RECURSIVE n(value) AS (SELECT 2 UNION ALL SELECT value+1 FROM n WHERE value<1e4)"
            " SELECT value FROM n)"
        )
    raw.close()
    assert store.count() == 10_000
    begun = time.process_time()
    page = store.runs(limit=50, offset=5_000)
    assert time.process_time() - begun < 0.2
    assert (len(page), store.row(key).place) == (50, 1)
