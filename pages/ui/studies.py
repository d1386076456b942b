"""What was found inside a network, read from its folder once for all visitors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pages.ui import elsewhere
from prunelab import structure
from prunelab.structure import Scan, Study

Arrays = Mapping[str, NDArray[Any]]


def study(folder: Path) -> Study | None:
    """What was found inside a network, read once; None while there is nothing.

    Raises:
        SpecError: the file is damaged.
    """
    return elsewhere.once(structure.read, folder / structure.STUDY)


def scanned(folder: Path) -> Scan | None:
    """How much each layer bears; None while that is not known."""
    return structure.scanned(folder)


def pictures(folder: Path) -> Arrays:
    """The filters and maps of a study as arrays, read once."""
    return elsewhere.once(structure.pictures, folder / structure.PICTURES) or {}
