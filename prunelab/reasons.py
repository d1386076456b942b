"""What every method would have done with each unit of a run: asked of another process, kept here.

One file answers for any weight, filter, split or example of the run (``prunelab.reasoning`` makes
it): the scores of the run's own method, and which units each method keeps at the same sparsity.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab import aside
from prunelab.catalogue import catalogue, unit_of, validate
from prunelab.spec import RunSpec
from prunelab.why import Why, explain

FORMAT = 1  # of the file; another number asks anew
FILE = "reasons.npz"
SHIPPED = Path(__file__).parent / "examples" / "files" / "reasons"


class Reasons(NamedTuple):
    """The choices of all methods at one sparsity; a *group* is a layer, a tree or a class."""

    method: str  # of the run
    label: str  # what its score is
    whole: bool  # whether all groups are ranked together
    scores: Mapping[str, NDArray[np.float32]]  # of the run's own method; empty if it has none
    kept: Mapping[str, Mapping[str, NDArray[np.bool_]]]  # by method and group

    @property
    def groups(self) -> list[str]:
        """The layers, trees or classes, in order."""
        return list(next(iter(self.kept.values())))

    def why(self, group: str, unit: int, *, kept: bool) -> Why:
        """Why a unit stays or goes; ``kept`` is what the run itself did with it.

        Raises:
            ValueError: there is no such unit.
        """
        keeps = self.others(group, unit)
        if not self.scores:
            sides = (tuple(n for n, k in keeps.items() if k is side) for side in (True, False))
            return Why(None, 0, 0, kept, None, None, *sides)
        groups = list(self.scores) if self.whole else [group]
        before = groups[: groups.index(group)]
        found = explain(
            np.concatenate([self.scores[g] for g in groups]),
            np.concatenate([self.kept[self.method][g] for g in groups]),
            sum(len(self.scores[g]) for g in before) + unit,
            keeps,
        )
        return found._replace(kept=kept)

    def others(self, group: str, unit: int) -> dict[str, bool]:
        """Whether each other method keeps a unit.

        Raises:
            ValueError: there is no such unit.
        """
        sizes = {name: len(mask) for name, mask in next(iter(self.kept.values())).items()}
        if not 0 <= unit < sizes.get(group, 0):
            raise ValueError(f"There is no unit {unit} of {group!r}.")
        return {n: bool(k[group][unit]) for n, k in self.kept.items() if n != self.method}


def order(spec: RunSpec) -> dict[str, Any]:
    """What to ask, as plain data: runs that differ only in what follows the cut ask the same.

    Raises:
        SpecError: a spec that cannot run.
    """
    plain = replace(spec, recover="", recover_epochs=None)
    if "distill" in spec.recover:  # its knobs are of what follows, too
        known = {knob["name"] for knob in catalogue()["methods"][spec.method]["knobs"]}
        plain = replace(plain, knobs={k: v for k, v in spec.knobs.items() if k in known})
    validate(plain)
    return {"format": FORMAT, "spec": plain.to_json()}


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Where the answer is or will be; those of the examples came with PruneLab."""
    return aside.place("reasons", ordered, home, SHIPPED)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to ask in another process, unless that goes on or is done.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(ordered, home)
    words = [json.dumps(ordered)]
    return aside.order(folder, "prunelab.reasoning", words, home, "file of reasons")


def peers(known: Mapping[str, Any], spec: RunSpec) -> list[str]:
    """The methods that choose among the same units before or after training; the own one first."""
    unit = unit_of(known, spec.method, spec.model)
    able = [
        name
        for name, entry in known["methods"].items()
        if entry["when"] != "training" and unit_of(known, name, spec.model) == unit
        and set(entry["needs"]) <= set(known["models"][spec.model]["traits"])
    ]  # fmt: skip
    return sorted(able, key=lambda name: name != spec.method)


def write(path: Path, found: Reasons) -> None:
    """Keep what was found; masks take a bit a unit."""
    sizes = {name: len(mask) for name, mask in next(iter(found.kept.values())).items()}
    about = {
        "method": found.method, "label": found.label, "whole": found.whole,
        "groups": [[name, sizes[name]] for name in found.groups], "methods": list(found.kept),
    }  # fmt: skip
    arrays: dict[str, Any] = {}
    for number, group in enumerate(found.groups):
        if found.scores:
            arrays[f"score {number}"] = found.scores[group].astype(np.float32)
        for method, masks in found.kept.items():
            arrays[f"kept {method} {number}"] = np.packbits(masks[group])
    aside.keep_arrays(path, about, arrays)


def read(folder: Path) -> Reasons | None:
    """What was found; None while it is not there.

    Raises:
        SpecError: the file is damaged.
    """
    return aside.arrays(folder / FILE, _read, "file of reasons")


def _read(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Reasons:
    groups = [(number, name, size) for number, (name, size) in enumerate(about["groups"])]
    return Reasons(
        about["method"], about["label"], about["whole"],
        {name: arrays[f"score {n}"] for n, name, _ in groups if f"score {n}" in arrays},
        {
            method: {
                name: np.unpackbits(arrays[f"kept {method} {n}"], count=size).astype(bool)
                for n, name, size in groups
            }
            for method in about["methods"]
        },
    )  # fmt: skip
