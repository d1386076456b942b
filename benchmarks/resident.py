"""The most memory a call needs above what its process had, in a process of its own.

Of the GPU, where there is one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed is no longer resident


def asked(file: str, *words: str) -> int:
    """What ``python file --extra WORDS`` prints, a number of bytes."""
    command = [sys.executable, file, "--extra", *words]
    said = subprocess.run(
        command, env=os.environ | RETURNED, check=True, capture_output=True, text=True
    )
    return int(said.stdout)


def most(call: Callable[[], object]) -> int:
    """The most bytes this process has resident during a call, above those before it (Linux)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before = _resident("VmRSS")
    kept = call()
    found = _resident("VmHWM") - before
    del kept
    return found


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(field)))
