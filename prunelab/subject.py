"""The data a spec names, split: what every run, export and page begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.parts import Parts, split
from prunelab.registry import DATASETS, knobs_of


def parts_of(data: str, knobs: Mapping[str, Any]) -> Parts:
    """The parts of a data set, its own knobs and those of the split applied.

    Raises:
        SpecError: data nothing can be learned from, or that cannot be read.
    """
    shared = {knob.name for knob in knobs_of(split)}
    own = {name: value for name, value in knobs.items() if name not in shared}
    rest = {name: value for name, value in knobs.items() if name in shared}
    return split(DATASETS[data].function(**own), **rest)
