"""Processes told apart by start time, not by pid alone; and a lock that ends with its holder."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
import time
from pathlib import Path
from typing import IO


def identity(pid: int | None = None) -> str:
    """A name no other process ever has: host, pid and start; "" for one that is gone."""
    pid = pid or os.getpid()
    born = _born(pid)
    return f"{platform.node()}:{pid}:{born}" if born else ""


def gone(name: str) -> bool:
    """Whether the process of that identity surely ended; one on another host is not known to."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    if host != platform.node() or not rest.isdigit():
        return False
    return identity(int(rest)) != name


def kill(pid: int) -> None:
    """End a process and all it started, at once; returns when they are gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    deadline = time.monotonic() + 2.0
    while any(_born(member.pid) for member in family) and time.monotonic() < deadline:
        time.sleep(0.01)


def memory(pid: int) -> int:
    """Bytes in memory of a process and all it started; 0 for one that is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)
    except psutil.NoSuchProcess:
        return 0


def lock(path: Path, *, patience: float = 0.0, shared: bool = False) -> IO[bytes] | None:
    """Lock a file until the returned object is closed or the process ends; None if it is taken."""
    deadline = time.monotonic() + patience
    file = path.open("ab")
    while not _try_lock(file, shared):
        if time.monotonic() > deadline:
            file.close()
            return None
        time.sleep(0.02)
    return file


@functools.cache
def _boot() -> str:
    """Tells one start of the machine from the next, in which a pid may be another's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""


def _born(pid: int) -> str:
    """Start time in ticks since boot where the system tells them: a changed clock is no matter."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        state, *fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return "" if sys.platform == "linux" else _created(pid)
    return "" if state == "Z" else _boot() + fields[18]


def _created(pid: int) -> str:
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.0f}"
    except psutil.NoSuchProcess:
        return ""


def _try_lock(file: IO[bytes], shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
