"""The engine with real processes: whatever is killed, every run ends with its own clear reason."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from prunelab import dispatcher, engine, processes
from prunelab.child import Order
from prunelab.events import Epoch
from prunelab.limits import Limits
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError
from prunelab.supervisor import execute

ROOT = Path(__file__).parents[1]
ENDED = ("finished", "failed", "cancelled")
LONG = {"epochs": 1000, "pause": 0.02}
AGES = {"old": 31, "scores-old": 31, "new": 1}  # days since somebody used what runs share


@pytest.fixture(scope="module", autouse=True)
def _settings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNELAB_RUNNER", "runner:run")
        patch.setenv("PYTHONPATH", str(ROOT / "tests"))
        patch.setenv("PRUNELAB_WORKERS", "2")
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store whose engine all tests of this file share."""
    opened = Store(home=tmp_path_factory.mktemp("engine"))
    for name, age in AGES.items():
        folder = opened.home / "files" / "dense" / name
        folder.mkdir(parents=True)
        (folder / "file").touch()
        os.utime(folder / "file", times=(time.time() - age * 86400,) * 2)
    yield opened
    engine.stop(opened.home)
    opened.close()


def submit(store, seed, **knobs):
    return engine.submit(store, RunSpec(seed=seed, knobs=knobs))


def until(condition, seconds=250.0):  # bounds a hang: the machine may be busy
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
    return value


def end_of(store, key):
    until(lambda: store.state(key) in ENDED)
    return store.row(key)


def epochs(store, key):
    return [e for _, e in store.events(key) if isinstance(e, Epoch)]


def child_of(store, key, attempt=1):
    """The process of a run that has told its first epoch in an attempt."""
    until(lambda: store.row(key).attempt == attempt and store.result(key).epochs)
    return psutil.Process(store.result(key).settings["pid"])


def is_gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def serving(home):
    """Every live process that an engine of this home has started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("PRUNELAB_HOME") == str(home) and not is_gone(process):
                found.append(process)
    return found


def test_a_run_finishes_and_the_app_stays_light(store):
    code = (
        "import sys; from prunelab import engine; from prunelab.spec import RunSpec; "
        "from prunelab.store import Store; key = engine.submit(Store(), RunSpec(seed=1)); "
        "assert not {'dask', 'distributed', 'torch', 'numpy', 'psutil'} & set(sys.modules); "
        "print(key)"
    )
    app = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PRUNELAB_HOME": str(store.home), "PYTHONPATH": f"{ROOT}:{ROOT}/tests"},
        capture_output=True,
        text=True,
        check=True,
    )
    key = app.stdout.strip()
    row = end_of(store, key)
    assert (row.state, row.attempt, row.result.recovered) == ("finished", 1, {"accuracy": 0.75})
    assert len(epochs(store, key)) == 3


def test_events_are_seen_while_the_run_goes_on(store):
    key = submit(store, 2, **LONG)
    until(lambda: len(epochs(store, key)) >= 2)
    assert store.state(key) == "running"
    row = store.row(key)
    assert 0 < row.progress < 0.5
    assert row.phase == "recover"
    engine.cancel(store, key)
    assert end_of(store, key).state == "cancelled"
    assert len(epochs(store, key)) >= 2


def test_a_cancel_waits_for_no_epoch(store):
    """How quick it is, benchmarks/responsiveness.py measures; here an epoch would take an hour."""
    key = submit(store, 19, pause=3600)
    until(lambda: store.result(key).settings)
    engine.cancel(store, key)
    assert end_of(store, key).state == "cancelled"


def test_runs_step_back_for_the_app(store):
    key = submit(store, 3)
    end_of(store, key)
    assert store.result(key).settings["nice"] == 10 + os.nice(0)


def test_a_killed_child_is_tried_again(store):
    key = submit(store, 4, epochs=40)
    child_of(store, key).kill()
    until(lambda: store.row(key).note == "interrupted (signal 9), attempt 2 of 3")
    row = end_of(store, key)
    assert (row.state, row.attempt, row.deaths) == ("finished", 2, 1)
    assert [e.epoch for e in store.result(key).epochs] == list(range(1, 41))


def test_a_child_killed_after_a_cancel_is_cancelled(store):
    key = submit(store, 5, **LONG)
    child = child_of(store, key)
    store.request_cancel(key)
    child.kill()
    row = end_of(store, key)
    assert (row.state, row.attempt) == ("cancelled", 1)


@pytest.mark.parametrize(("do", "how"), [("exit", "exit status 7"), ("segfault", "signal 11")])
def test_a_child_that_dies_three_times_has_failed_and_no_other_run_has(store, do, how):
    other = submit(store, 17, epochs=60, do="", name=do)
    row = end_of(store, submit(store, 6, do=do))
    assert (row.state, row.attempt) == ("failed", 3)
    assert row.result.reason == f"The process died 3 times ({how})."
    assert row.result.advice
    assert [a.how for a in store.attempts(row.key)] == [how, how, "failed"]
    other = end_of(store, other)
    assert (other.state, other.attempt) == ("finished", 1)


def test_every_line_of_the_log_of_the_engine_itself_is_one_object(store):
    key = submit(store, 18)
    end_of(store, key)

    def told():
        text = (store.home / engine.LOG).read_text()
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line["event"] for line in lines if line.get("run") == key]

    until(lambda: told() == ["sent", "began", "ended"])


def test_an_exception_is_a_failure_with_its_message(store):
    key = submit(store, 7, do="raise")
    row = end_of(store, key)
    assert (row.state, row.attempt) == ("failed", 1)
    assert row.result.reason == "ValueError: the layer fc1 is upside down"
    assert "in _misbehave" in store.result(key).traceback
    assert len(epochs(store, key)) == 1


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("object", "TypeError: Object of type object is not JSON serializable"),
        ("stop", "The run ended without a result."),
    ],
)
def test_a_runner_that_says_nonsense_or_nothing_has_failed(store, do, reason):
    row = end_of(store, submit(store, 16, do=do))
    assert (row.state, row.attempt, row.result.reason) == ("failed", 1, reason)


@pytest.mark.parametrize(
    ("knobs", "most", "reason", "setting"),
    [
        ({"do": "fill"}, Limits(megabytes=300), "MB; the memory limit is 300 MB.", "MEMORY"),
        ({"pause": 3600}, Limits(seconds=1), "longer than the time limit of 1 s.", "TIME"),
    ],
)
def test_limits_of_memory_and_time_are_kept(tmp_path, knobs, most, reason, setting):
    """Each run would go on for an hour, and has one limit: nothing else can end it first."""
    store = Store(home=tmp_path)
    key = store.submit(RunSpec(seed=8, knobs=knobs))
    order = Order(key, store.url, str(tmp_path), os.environ["PRUNELAB_RUNNER"], most=most)
    worker = multiprocessing.get_context("spawn").Process(target=execute, args=(order,))
    worker.start()
    worker.join()
    row = store.row(key)
    assert (row.state, row.attempt) == ("failed", 1)
    assert row.result.reason.endswith(reason)
    assert f"PRUNELAB_{setting}_LIMIT" in row.result.advice
    store.close()


def test_a_run_waits_for_the_dense_model_another_one_trains(store):
    knobs = {"plan": "dense", "epochs": 30}
    first, second = (RunSpec(seed=10, sparsity=s, knobs=knobs) for s in (0.5, 0.6))
    assert first.dense_key == second.dense_key
    key = engine.submit(store, first)
    engine.submit(store, second)
    other = submit(store, 11, epochs=1)
    dense = store.home / "files" / "dense" / first.dense_key
    until(lambda: store.state(other) == "finished")
    assert not dense.exists()
    assert store.state(second.key) == "queued"
    assert end_of(store, key).finished <= end_of(store, second.key).started + 0.5
    assert store.row(second.key).started >= dense.stat().st_mtime


def test_ensure_starts_no_second_engine(store):
    until(lambda: engine.status(store.home).workers == 2)
    before = engine.status(store.home)
    engine.ensure(store.home, store.url)
    code = subprocess.run(
        [sys.executable, "-m", "prunelab.dispatcher"],
        env=os.environ | {"PRUNELAB_HOME": str(store.home), "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=90,
    ).returncode
    assert (code, engine.status(store.home)) == (0, before)


def test_a_killed_worker_takes_its_child_along_and_the_run_goes_on(store):
    key = submit(store, 12, epochs=60)
    child = child_of(store, key)
    os.kill(engine.status(store.home).pid, signal.SIGSTOP)  # so that nobody else ends the child
    psutil.Process(int(store.row(key).worker.split(":")[1])).kill()
    until(lambda: is_gone(child))
    os.kill(engine.status(store.home).pid, signal.SIGCONT)
    row = end_of(store, key)
    assert (row.state, row.attempt, row.deaths) == ("finished", 2, 1)


def test_a_killed_engine_is_replaced_and_its_runs_finish(store):
    key = submit(store, 13, epochs=60)
    child = child_of(store, key)
    waiting = store.submit(RunSpec(seed=14))
    killed = engine.status(store.home).pid
    os.kill(killed, signal.SIGKILL)
    until(lambda: is_gone(child))
    until(lambda: not engine.status(store.home).alive)
    engine.ensure(store.home, store.url)
    assert {end_of(store, k).state for k in (key, waiting)} == {"finished"}
    assert store.row(key).attempt == 2
    assert engine.status(store.home).pid not in (0, killed)


def test_stop_leaves_no_process_and_loses_no_run(store):
    key = submit(store, 15, **LONG)
    child_of(store, key)
    pid = engine.status(store.home).pid
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert len(family) >= 6  # two workers, a warm process for each, the child, the tracker
    engine.stop(store.home)
    assert not [p for p in serving(store.home) if "resource_tracker" not in " ".join(p.cmdline())]
    until(lambda: all(map(is_gone, [*family, *serving(store.home)])))
    row = store.row(key)
    assert (row.state, row.deaths) == ("queued", 0)
    assert row.note == "interrupted (the engine stopped), attempt 1 of 3"
    assert not engine.status(store.home).alive
    assert not (store.home / engine.STATE).exists()
    engine.cancel(store, key)
    assert store.state(key) == "cancelled"


def test_an_engine_ends_when_idle_and_a_run_whose_engine_died_can_be_cancelled(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PRUNELAB_IDLE", "1")
    monkeypatch.setenv("PRUNELAB_WORKERS", "1")
    store = Store(home=tmp_path)
    key = store.submit(RunSpec(seed=1))
    store.claim(key, processes.identity().rpartition(":")[0] + ":0")
    engine.cancel(store, key)
    assert end_of(store, key).state == "cancelled"
    pid = engine.status(tmp_path).pid
    until(lambda: not engine.status(tmp_path).alive)
    assert engine._started[tmp_path].wait(60) == 0
    assert not psutil.pid_exists(pid)
    store.close()


def test_stop_never_ends_a_foreign_process(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 0.1)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held = processes.lock(tmp_path / engine.LOCK)
    stale = {"pid": stranger.pid, "identity": processes.identity(stranger.pid) + "1", "workers": 1}
    (tmp_path / engine.STATE).write_text(json.dumps(stale))
    assert engine.status(tmp_path) == engine.Status(alive=True)
    engine.stop(tmp_path)
    held.close()
    engine.stop(tmp_path)
    assert stranger.poll() is None
    stranger.communicate(b"\n")


def test_an_identity_outlives_no_process():
    assert not processes.gone(processes.identity())
    assert processes.gone(processes.identity() + "0")
    assert not processes.gone("elsewhere:1:1")
    assert not processes.gone("process 12")
    assert not processes.gone("")


def test_what_runs_shared_long_ago_goes_by_itself(store):
    end_of(store, submit(store, 60))
    dense = store.home / "files" / "dense"
    until(lambda: not any((dense / name).exists() for name in ("old", "scores-old")))
    assert (dense / "new").exists()


def test_a_folder_that_changes_while_it_is_looked_at_is_no_fault(store, monkeypatch):
    seen = []

    def vanished(_):
        seen.append(1)
        raise FileNotFoundError("scores.1.partial")

    monkeypatch.setattr(dispatcher.operations, "spare", vanished)
    later = 2 * dispatcher.SPARE
    assert dispatcher._spare(store, later, 0.0) == later
    assert dispatcher._spare(store, later + 1, later) == later
    assert seen == [1]


def test_after_a_reboot_the_same_pid_is_another_process(tmp_path, monkeypatch):
    """As the machine counts ticks from its start, pid and start time may both come again."""
    store = Store(home=tmp_path)
    key = store.submit(RunSpec(seed=20))
    with monkeypatch.context() as patch:
        patch.setattr(processes, "_boot", lambda: "earlier-")
        before = processes.identity()
    assert before.rpartition(":")[0] == processes.identity().rpartition(":")[0]
    assert processes.gone(before)
    store.claim(key, before)
    dispatcher._give_back(store, "its worker ended", died=True)
    assert (store.state(key), store.row(key).deaths) == ("queued", 1)
    store.claim(key, processes.identity())
    dispatcher._give_back(store, "its worker ended", died=True)
    assert store.state(key) == "running"  # of this very start of the machine
    store.close()


def test_one_lock_has_one_holder(tmp_path):
    held = processes.lock(tmp_path / "lock")
    assert processes.lock(tmp_path / "lock", patience=0.05) is None
    held.close()
    free = processes.lock(tmp_path / "lock")
    assert free
    free.close()


@pytest.mark.parametrize("value", ["many", "-1", "nan"])
def test_a_setting_that_is_no_number_is_refused_before_the_engine_starts(
    tmp_path, monkeypatch, value
):
    monkeypatch.setenv("PRUNELAB_WORKERS", value)
    with pytest.raises(StoreError, match="PRUNELAB_WORKERS must be a number of at least 0, got"):
        engine.ensure(tmp_path)
    assert not engine.status(tmp_path).alive


def test_an_engine_without_a_place_for_its_files_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"The engine cannot start in .*set PRUNELAB_HOME"):
        engine.ensure(tmp_path / "file" / "home")
