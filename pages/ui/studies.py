"""What was found inside a network, read from its folder once for all visitors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from numpy.typing import NDArray

from prunelab import structure
from prunelab.structure import Scan, Study

Arrays = Mapping[str, NDArray[Any]]


def study(folder: Path) -> Study | None:
    """What was found inside a network, read once; None while there is nothing.

    Raises:
        SpecError: the file is damaged.
    """
    path = folder / structure.STUDY
    return _study(folder, path.stat().st_mtime_ns) if path.exists() else None


@st.cache_resource(max_entries=12, show_spinner=False)
def _study(folder: Path, changed: int) -> Study | None:
    return structure.read(folder)


def scanned(folder: Path) -> Scan | None:
    """How much each layer bears; None while that is not known."""
    return structure.scanned(folder)


@st.cache_resource(max_entries=6, show_spinner=False)
def _pictures(folder: Path, changed: int) -> Arrays:
    return structure.pictures(folder)


def pictures(folder: Path) -> Arrays:
    """The filters and maps of a study as arrays, read once."""
    path = folder / structure.PICTURES
    return _pictures(folder, path.stat().st_mtime_ns) if path.exists() else {}
