"""What is too much is said before it starts, with the setting that raises it."""

from __future__ import annotations

import pytest

from prunelab import engine, limits
from prunelab.events import Started
from prunelab.limits import Limits
from prunelab.spec import RunSpec, SpecError, sweep
from prunelab.store import Store


def started(epochs=10, examples=1000):
    return Started(
        key="k",
        spec={},
        settings={"parts": {"train": examples, "validation": 10}},
        manifest={},
        plan={"dense": epochs},
        unit="weight",
        of=0,
    )


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (sweep(RunSpec(), seed=range(11)), "11 runs at once are more than the limit of 10"),
        ([RunSpec(epochs=10**9)], "1,000,000,000 epochs are more than the limit of 10,000"),
        ([RunSpec(epochs=9_000, recover_epochs=2_000)], "11,000 epochs are more than"),
        ([RunSpec(device="tpu")], "device must be cpu or gpu, or left out, got 'tpu'"),
    ],
)
def test_too_much_is_refused_before_it_is_queued(specs, said):
    with pytest.raises(SpecError, match=said):
        limits.refuse(specs, Limits(runs=10))
    limits.refuse([RunSpec(epochs=9_000), RunSpec(device="gpu")], Limits(runs=10))


def test_the_engine_queues_nothing_beyond_a_limit(tmp_path):
    store = Store(home=tmp_path)
    with pytest.raises(SpecError, match="PRUNELAB_MAX_EPOCHS"):
        engine.submit(store, RunSpec(epochs=10**9))
    assert store.count() == 0
    assert not engine.status(tmp_path).alive
    store.close()


def test_limits_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("PRUNELAB_MAX_RUNS", "5")
    monkeypatch.setenv("PRUNELAB_MAX_EXAMPLES", "1e6")
    assert (limits.limits().runs, limits.limits().examples) == (5, 1e6)
    monkeypatch.setenv("PRUNELAB_MAX_RUNS", "many")
    with pytest.raises(SpecError, match="PRUNELAB_MAX_RUNS must be a number of at least 0"):
        limits.limits()


def test_a_run_that_says_it_needs_too_much_does_not_train():
    assert limits.beyond(started(), Limits()) is None
    failed = limits.beyond(started(epochs=10, examples=1000), Limits(examples=9_999))
    assert failed.reason == "The run needs 10,000 examples in all epochs; the limit is 9,999."
    assert "PRUNELAB_MAX_EXAMPLES" in failed.advice
    failed = limits.beyond(started(epochs=11), Limits(epochs=10))
    assert failed.reason == "The run needs 11 epochs; the limit is 10."


def test_a_full_disk_is_told_before_the_start():
    assert limits.too_full(50 * 2**20, Limits()) is None
    failed = limits.too_full(3 * 2**20, Limits())
    assert failed.reason == "No space left: a run needs 50 MB of disk, 3 MB are free."
    assert "PRUNELAB_MIN_FREE" in failed.advice


def test_zero_is_no_limit():
    free = Limits(0, 0, 0, 0, 0, 0, 0)
    limits.refuse(sweep(RunSpec(epochs=10**9), seed=range(5)), free)
    assert limits.beyond(started(10**6, 10**6), free) is None
    assert limits.too_late(1e9, free) is limits.too_large(1 << 60, free) is None
