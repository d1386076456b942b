"""The runs of a comparison, as the rules look at them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from prunelab.catalogue import unit_of
from prunelab.events import Result
from prunelab.figures.means import points
from prunelab.spec import RunSpec
from prunelab.speech import many

CONTROLS = ("reinit", "shuffle", "scratch-e", "scratch-b")
K = TypeVar("K")


class Said(NamedTuple):
    """What a rule found."""

    holds: bool
    said: str
    todo: str = ""
    missing: tuple[RunSpec, ...] = ()
    instead_of: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One finished run of the comparison."""

    key: str  # of the spec
    spec: RunSpec
    result: Result
    series: str  # the method, and what tells it from others of the same method
    subject: str  # data and model
    baseline: str  # the random method it must beat
    structured: bool
    network: bool

    @property
    def at(self) -> float:
        """The sparsity that was asked for."""
        return self.spec.sparsity

    @property
    def random(self) -> bool:
        """Whether it removes at random, and so is a baseline itself."""
        return self.spec.method == self.baseline

    @property
    def control(self) -> bool:
        """Whether it is no method of its own but the control of one."""
        return self.spec.recover in CONTROLS

    @property
    def budget(self) -> int:
        """Epochs of training beside those of the dense model."""
        return sum(n for phase, n in self.result.plan.items() if phase != "dense")


@dataclass(frozen=True)
class Case:
    """All finished runs that are compared, and what there is to choose from."""

    entries: tuple[Entry, ...]
    known: Mapping[str, Any]

    @classmethod
    def of(cls, results: Iterable[Result], known: Mapping[str, Any]) -> Case:
        """The finished runs among results."""
        done = {r.key: r for r in results if r.status == "finished"}
        return cls(tuple(_entry(p, done[p.key], known) for p in points(done.values())), known)

    @functools.cached_property
    def pruned(self) -> list[Entry]:
        """The runs that remove something; those at sparsity 0 are controls."""
        return [entry for entry in self.entries if entry.at > 0]

    @functools.cached_property
    def own(self) -> list[Entry]:
        """Methods themselves, not the controls of one."""
        return [entry for entry in self.pruned if not entry.control]

    @functools.cached_property
    def keys(self) -> frozenset[str]:
        """The names of all runs."""
        return frozenset(entry.key for entry in self.entries)

    def by(self, name: Callable[[Entry], K], *, pruned: bool = True) -> dict[K, list[Entry]]:
        """The runs in groups."""
        groups: dict[K, list[Entry]] = {}
        for entry in self.pruned if pruned else self.entries:
            groups.setdefault(name(entry), []).append(entry)
        return groups

    def absent(self, specs: Iterable[RunSpec]) -> tuple[RunSpec, ...]:
        """Those that are not among the runs, each once."""
        wanted = {spec.key: spec for spec in specs}
        return tuple(spec for key, spec in wanted.items() if key not in self.keys)


def _entry(point: Any, result: Result, known: Mapping[str, Any]) -> Entry:
    spec = RunSpec.from_json(result.spec)
    method = known["methods"].get(spec.method, {"baseline": ""})
    unit = unit_of(known, spec.method, spec.model) if method["baseline"] else ""
    return Entry(
        key=spec.key,
        spec=spec,
        result=result,
        series=point.series,
        subject=point.subject,
        baseline=method["baseline"],
        structured=bool(unit) and known["units"][unit]["structured"],
        network="network" in known["models"].get(spec.model, {"traits": ()})["traits"],
    )


def are(runs: Sized) -> str:
    """How many runs something is true of, as the start of a sentence.

    >>> are([1, 2])
    '2 runs are'
    """
    return many("One run is", "{n} runs are", len(runs))
