"""Comparisons of the literature as sweeps with a name, the same for app, notebook and terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.catalogue import catalogue, own_knobs
from prunelab.spec import RunSpec, SpecError, sweep, unknown


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A sweep with a name: its methods, and what each changes in a spec."""

    title: str
    about: str
    methods: Mapping[str, Mapping[str, Any]]
    sparsity: tuple[float, ...]
    seeds: int = 3


PRESETS = {
    "gale": Preset(
        title="Gale et al. 2019",
        about="Random, gradual magnitude, variational dropout, L0 and RigL at equal budget. "
        "Each trains one network from first values for the same number of epochs and ends with "
        "exactly as many weights (arXiv:1902.09574; RigL came later).",
        methods={
            "random": {"recover": "rewind"},  # drawn first, so that all of the training is sparse
            "gradual-magnitude": {},
            "variational-dropout": {},
            "l0": {},
            "rigl": {},
        },
        sparsity=(0.8, 0.9, 0.95, 0.98, 0.99),
    ),
}
_CHOSEN = ("method", "recover", "scope", "knobs", "layers")  # by the preset


def specs(name: str, fields: Mapping[str, Any]) -> list[RunSpec]:
    """The runs of a preset. ``fields`` of a spec, values or lists of them, replace or add.

    >>> len(specs("gale", {"data": "digits", "seed": range(2)}))
    50

    Raises:
        SpecError: an unknown preset, a field that the preset chooses, or an empty list.
    """
    if name not in PRESETS:
        raise SpecError(unknown("preset", name, PRESETS))
    preset = PRESETS[name]
    for field, value in fields.items():
        if field in _CHOSEN:
            raise SpecError(f"The preset {name} chooses its {field}; leave {field} out.")
        if _several(value) and not value:
            raise SpecError(f"{field} must have at least one value.")
    chosen = {"sparsity": preset.sparsity, "seed": range(preset.seeds), **fields}
    axes = {field: value if _several(value) else [value] for field, value in chosen.items()}
    return [
        spec
        for method, changes in preset.methods.items()
        for spec in sweep(RunSpec(method=method, **changes), **axes)
    ]


def _several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | Mapping)


def combine(fields: Mapping[str, Any]) -> list[RunSpec]:
    """The specs of fields of which some are lists of values; each method gets the knobs it has.

    Raises:
        SpecError: one of the lists is empty, or a spec cannot be.
    """
    lists = {
        name: list(value)
        for name, value in fields.items()
        if isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    }
    empty = [name for name, values in lists.items() if not values]
    if empty:
        raise SpecError(f"{empty[0]} must have at least one value.")
    base = RunSpec(**{name: value for name, value in fields.items() if name not in lists})
    specs = sweep(base, **lists)
    return own_knobs(specs, catalogue()) if len(lists.get("method", ())) > 1 else specs
