"""kill -9 of whatever runs, at random moments: no event lost, no run stuck, one end for each."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from checking import all_is_well
from servers import ENDED, HERE, environment, until

from prunelab import engine
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError


class Scene:
    """An app, the engine it starts, and the runs it queues; each part can be killed."""

    def __init__(self, home, runs, epochs, url=None, server=None):
        self.home, self.url, self.server = home, url, server
        self.specs = [
            RunSpec(seed=seed, knobs={"epochs": epochs, "pause": 0.05}) for seed in range(runs)
        ]
        self.queued = []
        self.seen = []
        self.start_app()
        self.store = until(self._open)
        until(lambda: self.store.count() == runs)

    def _open(self):
        with contextlib.suppress(StoreError):
            return Store(self.url, self.home)

    def start_app(self):
        specs = json.dumps([spec.to_json() for spec in self.specs])
        more = {"PRUNELAB_STORE": self.url} if self.url else {}
        self.process = subprocess.Popen(
            [sys.executable, HERE / "fake_app.py", specs],
            env=environment(self.home, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def left(self):
        return self.store.count(state=["queued", "running"])

    def kill(self, victim):
        """Kill one thing and wait until that was noticed; False if it was not there."""
        done = getattr(self, f"_kill_{victim}")()
        self.seen += [victim] if done else []
        return done

    def _run(self):
        """A run that goes on and may still be interrupted without having failed."""
        running = [r for r in self.store.runs(state="running") if r.deaths < 2]
        return random.choice(running) if running else None

    def _noticed(self, run):
        def moved():
            now = self.store.row(run.key)
            return now.attempt > run.attempt or now.state in ENDED or now.state == "queued"

        until(moved, what=f"{run.key} is stuck")
        return True

    def _kill_child(self):
        run = self._run()
        pid = run and self.store.result(run.key).settings.get("pid")
        if not pid or self.store.row(run.key).attempt != run.attempt:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self._noticed(run)

    def _kill_worker(self):
        run = self._run()
        if not run:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(run.worker.split(":")[1])).kill()
        return self._noticed(run)

    def _kill_engine(self):
        pid = engine.status(self.home).pid
        if not pid:
            return False
        os.kill(pid, signal.SIGKILL)
        until(lambda: engine.status(self.home).pid not in (0, pid), what="no engine came back")
        return True

    def _kill_app(self):
        self.process.kill()
        self.queued += self.process.communicate()[0].split()
        self.start_app()
        return True

    def _kill_store(self):
        self.server.kill()
        time.sleep(random.uniform(0, 1.5))
        self.server.start()
        return True

    def rounds(self, victims):
        """Kill one victim after the other, each at a random moment."""
        for victim in victims:
            time.sleep(random.uniform(0.05, 0.6))
            while not self.kill(victim):
                if not self.left():
                    return
                time.sleep(0.05)

    def end(self, seconds=900):
        """Wait for the last run; ``seconds`` without one ending is a run that is stuck."""
        try:
            while left := self.left():
                until(lambda left=left: self.left() < left, seconds, "runs are stuck")
        finally:
            self.process.kill()
            self.queued += self.process.communicate()[0].split()
            engine.stop(self.home)


def play(scene, victims, acks, hold=None):
    seed = random.randrange(10**6)
    random.seed(seed)
    sys.stderr.write(f"seed {seed}\n")
    try:
        scene.rounds(victims)
    finally:
        if hold:
            hold.unlink()
        scene.end()
    all_is_well(scene.store, scene.specs, acks)
    scene.store.close()
    assert set(scene.queued) == {spec.key for spec in scene.specs}
    return scene.seen


def test_a_few_kills_of_everything(settings, hold):
    victims = ["child", "worker", "app", "engine", "child", "app"]
    scene = Scene(settings, runs=3, epochs=30)
    assert play(scene, victims, settings.parent / "acks", hold) == victims


def test_a_few_kills_of_everything_with_postgres(settings, hold, postgres, database):
    victims = ["store", "child"]
    scene = Scene(settings, runs=2, epochs=30, url=database, server=postgres)
    assert play(scene, victims, settings.parent / "acks", hold) == victims


def test_after_a_power_cut_everything_is_as_it_was(settings, hold):
    """All processes at once, and none starts again by itself: what is left is on the disk."""
    scene = Scene(settings, runs=3, epochs=30)
    until(lambda: scene.store.count(state="running") == 2)
    until(lambda: all(r.progress for r in scene.store.runs(state="running")))
    scene.process.kill()
    scene.queued += scene.process.communicate()[0].split()
    family = psutil.Process(engine.status(settings).pid)
    for process in [family, *family.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: not engine.status(settings).alive)
    assert scene.store.count(state="running") == 2  # as the store knows it: nobody could tell it
    scene.start_app()
    hold.unlink()
    scene.end()
    all_is_well(scene.store, scene.specs, settings.parent / "acks")
    assert sorted(scene.store.row(s.key).attempt for s in scene.specs) == [1, 2, 2]
    scene.store.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_kills_of_everything(settings, kind, request):
    """50 kills and more, over as many runs as that takes."""
    more, pool = {}, ["child", "worker", "engine", "app"]
    if kind == "postgres":
        more = {
            "server": request.getfixturevalue("postgres"),
            "url": request.getfixturevalue("database"),
        }
        pool += ["store", "store"]
    victims = [random.choice(pool) for _ in range(55)]
    scene = Scene(settings, runs=40, epochs=100, **more)
    seen = play(scene, victims, settings.parent / "acks")
    assert len(seen) >= 50
    sys.stderr.write(f"{kind}: { {v: seen.count(v) for v in pool} }\n")
