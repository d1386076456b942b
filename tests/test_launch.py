"""``prunelab app``: it answers, and Ctrl-C ends everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from prunelab import engine, launch
from prunelab.spec import SpecError

ROOT = Path(__file__).parents[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as page:
            return page.read() == b"ok"
    except OSError:
        return False


def within(seconds, true):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.1)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_app_answers_and_leaves_nothing_behind(home, stop):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prunelab", "app", "--headless", "--port", str(port)]
    app = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    try:
        within(200, lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"))
        within(200, lambda: engine.status(home).pid)
        started = psutil.Process(app.pid).children(recursive=True)
        started.append(psutil.Process(engine.status(home).pid))
        app.send_signal(stop)
        assert app.wait(60) == 0
        within(200, lambda: not any(p.is_running() and p.status() != "zombie" for p in started))
        assert not engine.status(home).alive
    finally:
        app.kill()
        app.wait()
        engine.stop(home)


def test_a_package_without_its_app_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(launch, "APP", tmp_path / "app.py")
    with pytest.raises(SpecError, match=r"there is no app\.py"):
        launch.app()
