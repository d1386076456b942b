"""Clocks that jump, two engines on one store, and hosts of a Dask cluster that come and go."""

from __future__ import annotations

import re
import signal
import time

import pytest
from checking import all_is_well
from servers import HERE, until

from prunelab import engine, processes
from prunelab.spec import RunSpec
from prunelab.store import Store

QUICK = {"epochs": 20, "pause": 0.05}


def specs_of(count, **knobs):
    return [RunSpec(seed=seed, knobs=QUICK | knobs) for seed in range(count)]


def done(store):
    return not store.count(state=["queued", "running"])


def test_a_clock_that_jumps_ends_no_run(settings, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{HERE}:{HERE / 'clock'}")
    store = Store(home=settings)
    specs = specs_of(2, epochs=80)
    for spec in specs:
        engine.submit(store, spec)
    until(lambda: done(store))
    all_is_well(store, specs, settings.parent / "acks")
    assert [store.row(spec.key).attempt for spec in specs] == [1, 1]
    told = (settings / "engine.log").read_text(encoding="utf-8")
    stamps = [float(at) for at in re.findall(r'"at": ([0-9.]+)', told)]
    assert min(abs(at - time.time()) for at in stamps) > 3000, "the clock was right"
    store.close()


def test_two_engines_on_one_store_run_everything_once(settings, hold, monkeypatch):
    monkeypatch.setenv("PRUNELAB_WORKERS", "1")
    url = f"sqlite:///{settings.parent / 'shared.db'}"
    homes = [settings, settings.parent / "second"]
    stores = [Store(url, home) for home in homes]
    for home in homes:
        engine.ensure(home, url)
    specs = specs_of(8)
    for number, spec in enumerate(specs):
        stores[number % 2].submit(spec)
    until(lambda: stores[0].count(state="running") == 2)  # each engine has come to its first
    hold.unlink()
    until(lambda: done(stores[0]))
    all_is_well(stores[0], specs, settings.parent / "acks")
    rows = stores[0].rows(spec.key for spec in specs)
    assert {row.attempt for row in rows} == {1}
    assert len({row.worker for row in rows}) == 2, "one engine did all"
    for home, store in zip(homes, stores, strict=True):
        engine.stop(home)
        store.close()


def test_hosts_join_and_leave_and_the_scheduler_comes_back(cluster, store, hold):
    specs = specs_of(6, epochs=40)
    for spec in specs:
        engine.submit(store, spec)
    until(lambda: engine.status(store.home).alive)
    assert store.count(state="queued") == 6  # no host, and nothing is lost by that
    first, second = cluster.join("--no-nanny"), cluster.join("--no-nanny")
    until(lambda: store.count(state="running") == 2)
    cluster.leave(first, signal.SIGKILL)
    until(lambda: engine.status(store.home).workers == 1)
    cluster.join("--no-nanny")
    until(lambda: store.count(state="running") == 2)
    hold.unlink()
    cluster.leave(second)
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    until(lambda: "scheduler is away" in engine.status(store.home).problem
          or not engine.status(store.home).workers)  # fmt: skip
    cluster.scheduler = cluster.start_scheduler()
    for worker in list(cluster.workers):
        worker.wait(200)  # a worker whose scheduler is gone ends by itself
        cluster.workers.remove(worker)
    cluster.join("--no-nanny")
    until(lambda: done(store))
    all_is_well(store, specs, store.home.parent / "acks")


def test_a_run_that_wants_a_gpu_waits_for_a_worker_that_has_one(cluster, store):
    wants, other = RunSpec(seed=1, device="gpu", knobs=QUICK), RunSpec(seed=2, knobs=QUICK)
    cluster.join("--no-nanny")
    engine.submit(store, wants)
    engine.submit(store, other)
    until(lambda: store.state(other.key) == "finished")
    until(lambda: store.row(wants.key).note == "waits for a worker with a GPU")
    assert store.state(wants.key) == "queued"
    worker = cluster.join("--no-nanny", "--resources", "GPU=1")
    until(lambda: store.state(wants.key) == "finished")
    assert f":{worker.pid}:" in store.row(wants.key).worker
    assert store.row(wants.key).note == ""


def test_a_held_queue_begins_nothing(settings, store):
    store.pause()
    spec = specs_of(1)[0]
    engine.submit(store, spec)
    until(lambda: engine.status(settings).workers)
    time.sleep(1)
    assert store.state(spec.key) == "queued"
    store.pause(False)
    until(lambda: store.state(spec.key) == "finished")


@pytest.mark.slow
def test_a_hundred_runs_on_two_hosts_with_postgres_while_one_is_killed_twice(
    cluster, settings, database, monkeypatch
):
    monkeypatch.setenv("PRUNELAB_STORE", database)
    store = Store(database, settings)
    specs = specs_of(100, epochs=10)
    hosts = [cluster.join("--no-nanny"), cluster.join("--no-nanny")]
    for spec in specs:
        engine.submit(store, spec)
    for ended in (20, 50):
        until(lambda ended=ended: store.count(state="finished") >= ended, 1500)
        until(lambda: store.count(state="running") == 2)
        cluster.leave(hosts.pop(0), signal.SIGKILL)
        hosts.insert(0, cluster.join("--no-nanny"))
    until(lambda: done(store), 1500)
    all_is_well(store, specs, settings.parent / "acks")
    rows = store.rows(spec.key for spec in specs)
    assert sum(row.attempt == 2 for row in rows) == 2
    assert len({row.worker for row in rows}) == 4
    store.close()


@pytest.mark.slow
def test_the_real_experiment_on_another_host_leaves_its_files_in_the_shared_place(
    cluster, settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("PRUNELAB_RUNNER", "prunelab.experiment:run")
    monkeypatch.setenv("PRUNELAB_FILES", f"file://{tmp_path}/shared")
    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("PRUNELAB_STORE", url)
    cluster.home = tmp_path / "other-home"  # what the host's own PRUNELAB_HOME says
    cluster.join("--no-nanny")
    store = Store(url, settings)
    spec = RunSpec(model="lenet-300-100", sparsity=0.9, epochs=1, recover_epochs=1)
    key = engine.submit(store, spec)
    until(lambda: done(store), 1500)
    assert store.row(key).state == "finished", store.row(key).result.reason
    assert not (settings / "files" / key).exists()
    assert {"run.json", "model.safetensors"} <= {p.name for p in store.folder(key).iterdir()}
    assert str(store.folder(key)).startswith(str(settings / "cache"))
    assert processes.gone(store.row(key).worker) is False
    assert (tmp_path / "shared" / "dense" / spec.dense_key).is_dir()
    store.close()
