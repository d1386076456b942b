"""The shelves of methods, models, data sets and units, and what another process says of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prunelab.files import home

HERE = Path(__file__).parent
SHELVES = ("methods", "models", "datasets", "units")


class CatalogueError(RuntimeError):
    """What there is to choose from cannot be read; the message ends with the reason."""


def arrivals() -> tuple[int, ...]:
    """When a file last came to each shelf or went."""
    return tuple((HERE / shelf).stat().st_mtime_ns for shelf in SHELVES)


def asked(
    module: str, name: str, more: Sequence[Path] = (), about: Sequence[str] = ()
) -> dict[str, Any]:
    """What another process prints as JSON, kept on disk until a shelf or one of ``more`` changes.

    ``about`` is what the process is told to speak of.

    Raises:
        CatalogueError: it failed; the message ends with what it said.
    """
    kept = home() / f"{name}-{_fingerprint(more, about)}.json"
    if kept.exists():
        return _read(kept.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", module, *about]
    answer = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise CatalogueError(f"The {name} could not be read:\n{answer.stderr}")
    found = _read(answer.stdout)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_text(answer.stdout, encoding="utf-8")
    partial.replace(kept)
    return found


def _fingerprint(more: Sequence[Path], about: Sequence[str]) -> str:
    """Changes when a file of a shelf, what describes the shelves, or one of ``more`` changes."""
    files = [
        HERE / f"{name}.py" for name in ("catalogue", "registry", "schedules", "choices", "after")
    ]
    files += more
    for shelf in SHELVES:
        files += sorted((HERE / shelf).glob("*.py"))
    stats = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return hashlib.sha256(repr((stats, about)).encode()).hexdigest()[:12]


def _read(text: str) -> dict[str, Any]:
    return json.loads(text)  # type: ignore[no-any-return]
