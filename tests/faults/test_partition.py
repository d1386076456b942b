"""A host whose network is cut and comes back: short, and longer than the lease of its run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from checking import all_is_well
from servers import Cluster, Postgres, tool, until

from prunelab import engine
from prunelab.spec import RunSpec
from prunelab.store import LEASE, Store

# Slow: another network on the machine disturbs browsers, and the stories run at the same time.
pytestmark = pytest.mark.slow
HERE, THERE = "10.89.73.1", "10.89.73.2"


class Wire:
    """A second host: a network namespace of Linux, reached by one wire that can be cut."""

    def __init__(self):
        self.name, self.end = f"far{os.getpid()}", f"fw{os.getpid()}"
        self.before = ["ip", "netns", "exec", self.name]
        far = f"{self.end}f"
        for command in (
            f"netns add {self.name}",
            f"link add {self.end} type veth peer name {far} netns {self.name}",
            f"addr add {HERE}/30 dev {self.end}",
            f"link set {self.end} up",
            f"-n {self.name} addr add {THERE}/30 dev {far}",
            f"-n {self.name} link set {far} up",
            f"-n {self.name} link set lo up",
        ):
            self._ip(command)
        self.far = far

    def _ip(self, command):
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)

    def cut(self):
        """Nothing comes through, and nobody is told: packets vanish, as with a broken switch."""
        self._ip(f"-n {self.name} link set {self.far} down")

    def mend(self):
        self._ip(f"-n {self.name} link set {self.far} up")

    def close(self):
        for command in (f"link del {self.end}", f"netns del {self.name}"):
            subprocess.run(["ip", *command.split()], check=False, capture_output=True)


@pytest.fixture
def wire():
    if os.geteuid() or not shutil.which("ip") or not tool("initdb"):
        pytest.skip("needs root for a second network, and PostgreSQL")
    made = None
    try:
        made = Wire()
    except subprocess.CalledProcessError:
        pytest.skip("this machine gives no second network")
    yield made
    made.close()


@pytest.fixture
def far(wire, tmp_path, settings, monkeypatch):
    """PostgreSQL and a scheduler here, one worker on the far host."""
    folder = Path(tempfile.mkdtemp(prefix="prunelab-pg-"))
    folder.chmod(0o755)
    server = Postgres(folder, HERE)
    cluster = Cluster(tmp_path, settings, HERE)
    monkeypatch.setenv("PRUNELAB_SCHEDULER", cluster.address)
    monkeypatch.setenv("PRUNELAB_STORE", server.url)
    cluster.join("--no-nanny", host=THERE, before=wire.before)
    yield cluster, server.url
    engine.stop(settings)
    cluster.close()
    server.kill()
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("lost", [False, True])
def test_a_run_waits_for_a_short_cut_and_moves_after_a_long_one(wire, far, settings, lost):
    cluster, url = far
    store = Store(url, settings)
    spec = RunSpec(seed=1, knobs={"epochs": 400, "pause": 0.1})
    key = engine.submit(store, spec)
    until(lambda: len(store.result(key).epochs) > 3)
    host = store.row(key).worker
    wire.cut()
    if lost:
        cluster.join("--no-nanny")
        until(lambda: store.row(key).attempt == 2)
        assert store.attempts(key)[0].how == f"no sign of life for {LEASE:g} s"
    else:
        time.sleep(12)
        assert (store.state(key), store.row(key).attempt) == ("running", 1)
    before = len(store.result(key).epochs)
    wire.mend()
    until(lambda: len(store.result(key).epochs) > before + 3)
    until(lambda: store.state(key) == "finished", 800)
    all_is_well(store, [spec], settings.parent / "acks")
    assert store.row(key).attempt == 1 + lost
    assert (store.row(key).worker != host) == lost
    store.close()
