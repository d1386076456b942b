"""What to run: a RunSpec is plain data, the same from the app, the command line and a notebook."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

Scalar = bool | int | float | str


class SpecError(ValueError):
    """A spec that cannot be run; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run: this model, this data, this method, this sparsity, this seed.

    ``sparsity`` is the share of the prunable units to remove, 0 <= sparsity < 1. ``layers`` sets it
    layer by layer instead. An empty ``scope`` or ``recover`` and a None mean "as the method, the
    model and the data set recommend". Knobs are what else a method, model or data set lets one set.
    """

    data: str = "digits"
    model: str = "lenet-300-100"
    method: str = "magnitude"
    sparsity: float = 0.9
    layers: Mapping[str, float] = field(default_factory=dict)
    scope: str = ""
    recover: str = ""
    seed: int = 0
    epochs: int | None = None
    recover_epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    optimizer: str = ""
    device: str = ""  # "" is whatever the worker has, "cpu" or "gpu"
    knobs: Mapping[str, Scalar] = field(default_factory=dict)
    model_knobs: Mapping[str, Scalar] = field(default_factory=dict)
    data_knobs: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The run's name: readable words and a hash of all that differs from the defaults."""
        words = (self.data, self.model, self.method, f"{100 * self.sparsity:g}", f"s{self.seed}")
        readable = "-".join(word.replace(".", "p") for word in words)
        return f"{_slug(readable)}-{_digest(self.to_json())}"

    @property
    def dense_key(self) -> str:
        """Names the dense model this run starts from; runs that share it train it once."""
        return _digest({k: v for k, v in self.to_json().items() if k in _DENSE_FIELDS}, length=16)

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, so a new field never renames an old run."""
        return {name: value for name, value in asdict(self).items() if value != _DEFAULTS[name]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """The spec that ``to_json`` wrote.

        Raises:
            SpecError: a field this version does not know.
        """
        unknown = sorted(set(data) - set(_DEFAULTS))
        if unknown:
            raise SpecError(f"A spec has no field {unknown[0]!r}; it has {', '.join(_DEFAULTS)}.")
        return cls(**data)


_DENSE_FIELDS = frozenset(
    (
        "data",
        "data_knobs",
        "model",
        "model_knobs",
        "seed",
        "epochs",
        "lr",
        "batch_size",
        "optimizer",
        "device",
    )
)
_DEFAULTS: dict[str, Any] = {
    f.name: f.default_factory() if f.default_factory is not MISSING else f.default
    for f in fields(RunSpec)
}


def sweep(base: RunSpec, **axes: Iterable[Any]) -> list[RunSpec]:
    """Every combination of the given fields over a base spec, in order, without repeats.

    >>> [s.sparsity for s in sweep(RunSpec(), sparsity=[0.5, 0.9])]
    [0.5, 0.9]
    """
    names = list(axes)
    combinations = itertools.product(*(list(axes[name]) for name in names))
    specs = [replace(base, **dict(zip(names, values, strict=True))) for values in combinations]
    return list({spec.key: spec for spec in specs}.values())


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in text.lower())


def _digest(data: Mapping[str, Any], length: int = 10) -> str:
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]
