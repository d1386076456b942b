"""Trees ordered from another process: one for each data, shape and seed."""

from __future__ import annotations

import json
from pathlib import Path

from prunelab.aside import State, look, order, stop
from prunelab.files import home as default_home
from prunelab.spec import RunSpec

__all__ = ["State", "look", "place", "start", "stop"]
FORMAT = 2  # of the arrays; another number grows the trees anew
SHIPPED = Path(__file__).parents[1] / "examples" / "trees"


def place(spec: RunSpec, home: Path | None = None) -> Path:
    """Where the arrays of a spec's tree are or will be; one tree for each data, shape and seed."""
    name = f"{spec.data}-{spec.dense_key}-{FORMAT}"
    shipped = SHIPPED / name
    return shipped if shipped.exists() else (home or default_home()) / "trees" / name


def start(spec: RunSpec, home: Path | None = None) -> Path:
    """Begin to grow a tree unless it grows or is there; returns at once with its place.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(spec, home)
    return order(folder, "prunelab.trees", [json.dumps(spec.to_json())], home, "tree")
