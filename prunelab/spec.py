"""What to run: a RunSpec is plain data, the same from the app, the command line and a notebook."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from prunelab.speech import phrase

Scalar = bool | int | float | str
LIMIT = 10_000  # runs of one sweep
LONGEST = 4_096  # characters of a text
_MOST = 10_000  # entries of a mapping


class SpecError(ValueError):
    """A spec that cannot be run; the message says what to change."""


def unknown(kind: str, name: str, names: Iterable[str], broken: Mapping[str, str] = {}) -> str:
    """The sentence for a name nobody registered."""
    if trace := broken.get(name.replace("-", "_")):
        return phrase(f"The {kind} {name!r} is broken: {trace.splitlines()[-1]}")
    near, there = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5), sorted(names)
    hint = phrase(f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(there)}.")
    return phrase(f"There is no {kind} {name!r}.{hint}")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run: this model, this data, this method, this sparsity, this seed.

    ``sparsity`` is the share of the prunable units to remove, 0 <= sparsity < 1. ``layers`` sets it
    layer by layer instead. An empty ``scope`` or ``recover`` and a None mean "as the method, the
    model and the data set recommend". Knobs are what else a method, model or data set lets one set.
    ``weights`` names a file of one's own that takes the place of the dense training. ``floor``
    keeps at least so many units of every layer, where the sparsity leaves as many. With a
    ``budget`` the sparsity is a share of parameters, multiply-adds, bytes or time instead of units;
    ``round_to`` keeps a multiple of so many units in every layer.

    ``examples_method`` prunes the training data first: it removes ``examples_sparsity`` of the
    examples, and all that follows learns from those that stay, repeated until they are as many as
    before. Without a sparsity it is as if it were not there.
    """

    data: str = "digits"
    model: str = "lenet-300-100"
    method: str = "magnitude"
    sparsity: float = 0.9
    layers: Mapping[str, float] = field(default_factory=dict)
    scope: str = ""
    floor: int = 0
    budget: str = ""
    round_to: int = 1
    recover: str = ""
    seed: int = 0
    epochs: int | None = None
    recover_epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    optimizer: str = ""
    device: str = ""  # "" is whatever the worker has, "cpu" or "gpu"
    weights: str = ""
    knobs: Mapping[str, Scalar] = field(default_factory=dict)
    model_knobs: Mapping[str, Scalar] = field(default_factory=dict)
    data_knobs: Mapping[str, Scalar] = field(default_factory=dict)
    examples_method: str = ""
    examples_sparsity: float = 0.0
    examples_knobs: Mapping[str, Scalar] = field(default_factory=dict)

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
        told = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in vars(self).items()
            if value != _DEFAULTS[name]
        }
        if not self.examples_sparsity:
            told.pop("examples_method", None)
            told.pop("examples_knobs", None)
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunSpec:
        """The spec that ``to_json`` wrote.

        Raises:
            SpecError: a field this version does not know, or a value of another kind.
        """
        if not isinstance(data, Mapping):
            raise SpecError(f"A spec must be an object, got {type(data).__name__}.")
        unknown = sorted(set(data) - set(_DEFAULTS))
        if unknown:
            name = str(unknown[0])[:80]
            raise SpecError(f"A spec has no field {name!r}; it has {', '.join(_DEFAULTS)}.")
        check_kinds(data)
        return cls(**data)


def check_kinds(data: Mapping[str, Any]) -> None:
    """Refuse fields of a spec that are not of their kind: what else they may be is checked later.

    Raises:
        SpecError: text for a number, a list for a name, a text or a mapping that is too long.
    """
    for name, value in data.items():
        default = _DEFAULTS[name]
        if isinstance(default, str):
            _text(name, value)
        elif isinstance(default, dict):
            _mapping(name, value)
        elif value is not None or default is not None:
            _number(name, value)


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise SpecError(
            f"{name} must be a text of at most {LONGEST:,} characters, got {value!r:.80}."
        )


def _number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        raise SpecError(f"{name} must be a number, got {str(value)[:80]!r}.")


def _mapping(name: str, value: Any) -> None:
    if not isinstance(value, Mapping) or len(value) > _MOST:
        raise SpecError(f"{name} must hold at most {_MOST:,} settings by name, got {value!r:.80}.")
    for setting, what in value.items():
        _text(f"A name in {name}", setting)
        if isinstance(what, str):
            _text(f"{name} {setting[:80]}", what)
        elif not isinstance(what, bool):
            _number(f"{name} {setting[:80]}", what)


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
        "weights",
        "examples_method",
        "examples_sparsity",
        "examples_knobs",
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

    Raises:
        SpecError: more than ``LIMIT`` of them.
    """
    names = list(axes)
    values = [list(itertools.islice(axes[name], LIMIT + 1)) for name in names]
    if (count := math.prod(map(len, values))) > LIMIT:
        raise SpecError(f"The sweep has {count:,} runs or more; at most {LIMIT:,} fit in one.")
    combinations = itertools.product(*values)
    specs = [replace(base, **dict(zip(names, values, strict=True))) for values in combinations]
    return list({spec.key: spec for spec in specs}.values())


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in text.lower())


def _digest(data: Mapping[str, Any], length: int = 10) -> str:
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]
