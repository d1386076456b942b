"""Fixtures: an engine that runs telling.py, servers that can be killed, disks that can be full."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from servers import HERE, Cluster, Postgres, tool

from prunelab import engine
from prunelab.store import Store

collect_ignore = ["clock"]  # importing it, as the doctests would, sets the clock of the whole run


@pytest.fixture(scope="module")
def postgres():
    if not tool("initdb") or not tool("postgres"):
        pytest.skip("no PostgreSQL on this machine; make system installs it on Debian")
    folder = Path(tempfile.mkdtemp(prefix="prunelab-pg-"))
    folder.chmod(0o755)
    server = Postgres(folder)
    yield server
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def database(postgres):
    """An empty database on the server."""
    import psycopg

    name = f"test_{time.monotonic_ns()}"
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url.rpartition("/")[0] + "/" + name


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The engine of this test runs tests/faults/telling.py, and tells what was acknowledged."""
    monkeypatch.setenv("PRUNELAB_RUNNER", "telling:run")
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("PRUNELAB_WORKERS", "2")
    monkeypatch.setenv("PRUNELAB_TEST_ACKS", str(tmp_path / "acks"))
    monkeypatch.setenv("PRUNELAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PRUNELAB_STORE", raising=False)
    yield tmp_path / "home"
    engine.stop(tmp_path / "home")


@pytest.fixture
def hold(settings, monkeypatch):
    """No run ends while this file is there, however slow the machine."""
    place = settings.parent / "hold"
    place.touch()
    monkeypatch.setenv("PRUNELAB_TEST_HOLD", str(place))
    return place


@pytest.fixture
def cluster(tmp_path, settings, monkeypatch):
    made = Cluster(tmp_path, settings)
    monkeypatch.setenv("PRUNELAB_SCHEDULER", made.address)
    yield made
    engine.stop(settings)
    made.close()


@pytest.fixture
def tmpfs(tmp_path):
    """A small disk of 24 MB that can be filled, or made read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def store(settings):
    opened = Store(home=settings)
    yield opened
    opened.close()
