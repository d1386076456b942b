"""Real processes to kill: a PostgreSQL server, a Dask cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENDED = ("finished", "failed", "cancelled")


def until(condition, seconds=200.0, what="nothing happened"):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return value


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def environment(home, **more):
    """What every process of a test sees: its home, the runner, this checkout."""
    return os.environ | {"PRUNELAB_HOME": str(home), "PYTHONPATH": f"{ROOT}:{HERE}"} | more


def tool(name):
    """A program of PostgreSQL; Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


class Postgres:
    """A server of its own in a new folder, which can be killed and comes back."""

    def __init__(self, folder, host="127.0.0.1"):
        self.folder, self.host, self.port = folder, host, free_port()
        self.server = None
        self._as = []
        if os.geteuid() == 0:  # which the server refuses to run as
            shutil.chown(folder, "postgres", "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        initdb = [tool("initdb"), "-D", folder / "data", "-A", "trust", "-U", "postgres", "-N"]
        subprocess.run([*self._as, *initdb], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        with (folder / "data" / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet trust\n")
        self.start()

    @property
    def url(self):
        return f"postgresql+psycopg://postgres@{self.host}:{self.port}/postgres"

    def start(self):
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        given = ["-D", self.folder / "data", "-p", str(self.port), "-k", self.folder]
        given += ["-c", f"listen_addresses={self.host}", "-c", "restart_after_crash=off"]
        with (self.folder / "log").open("ab") as log:
            command = [*self._as, tool("postgres"), *given]
            self.server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        until(self._answers, what="the server does not start")

    def _answers(self):
        if self.server.poll() is not None:  # the memory of the killed one is not free yet
            self.start()
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
            ready = [tool("pg_isready"), "-h", self.host, "-p", str(self.port), "-q"]
            return subprocess.run(ready, check=False).returncode == 0
        return False

    def kill(self):
        """Kill -9 of the server and all its processes."""
        server = psutil.Process(self.server.pid)
        for process in [server, *server.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.server.wait()


class Cluster:
    """A Dask cluster as its own commands start it; its workers come and go."""

    def __init__(self, folder, home, host="127.0.0.1"):
        self.folder, self.home, self.host, self.workers = folder, home, host, []
        self.port = free_port()
        self.address = f"tcp://{host}:{self.port}"
        given = ["--host", host, "--port", str(self.port), "--no-dashboard"]
        self.start_scheduler = lambda: self._start("scheduler", *given)
        self.scheduler = self.start_scheduler()

    def _start(self, *given, before=()):
        command = [*before, sys.executable, "-m", "dask", *given]
        shown = environment(self.home)
        with (self.folder / f"{given[0]}.log").open("ab") as log:
            return subprocess.Popen(command, env=shown, stdout=log, stderr=log, cwd=self.folder)

    def join(self, *more, host="", before=()):
        """A worker joins from a host of its own; ``before`` it comes what runs commands there."""
        scratch = tempfile.mkdtemp(dir=self.folder)
        given = ["--nthreads", "1", "--no-dashboard", "--local-directory", scratch]
        where = ["--host", host or self.host]
        worker = self._start("worker", self.address, *where, *given, *more, before=before)
        self.workers.append(worker)
        return worker

    def leave(self, worker, how=signal.SIGTERM):
        """A worker leaves, or its host is lost at once."""
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        for process in family if how == signal.SIGKILL else family[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(how)
        worker.wait(200)
        self.workers.remove(worker)

    def close(self):
        for process in [*self.workers, self.scheduler]:
            for member in psutil.Process(process.pid).children(recursive=True):
                member.kill()
            process.kill()
            process.wait()
