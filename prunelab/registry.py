"""One decorator each for methods, models, data sets and units; the signature is the form.

A keyword-only annotated argument of a registered function becomes a flag, a slider and a table row:
``drop: Annotated[float, Range(0, 1), "share of weights to drop"] = 0.3``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from prunelab.spec import SpecError, unknown

# What a method may ask for by name, beside its knobs: the unit it scores, the seed of the run, the
# sparsity to reach; while it trains, what it remembers and the course of training; and what was
# seen of trainings on the examples it scores.
GIVEN = ("unit", "seed", "sparsity", "memory", "course", "watched")


class Note(UserWarning):
    """What a method tells the person who reads the result: ``warnings.warn(text, Note)``."""


@dataclass(frozen=True)
class Range:
    """Inclusive bounds of a number, and the step of its slider."""

    low: float
    high: float
    step: float | None = None


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One setting of a registered function, as plain data."""

    name: str
    kind: Literal["bool", "int", "float", "text", "choice"]
    default: Any
    help: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One registered function with what is known about it."""

    name: str
    function: Callable[..., Any]
    summary: str
    doc: str
    knobs: tuple[Knob, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __getattr__(self, fact: str) -> Any:
        """``entry.unit`` reads the fact "unit"."""
        try:
            return self.facts[fact]
        except KeyError:
            raise AttributeError(f"{self.name} has no fact {fact!r}.") from None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What is counted, covered by a mask, and removed: weights, filters, the splits of a tree.

    ``model`` is a network or estimator, ``data`` its ``Parts`` (or None), ``mask`` a bool tensor
    per group with the shape of its scores, True stays.

    Args:
        shapes: ``(model, data) -> {group: shape of its scores}``, the prunable set.
        keep: ``(model, data, mask) -> model``, a new model without the units that are False.
        rows: ``(model, data, mask) -> [{name, shape, units, kept}]``, one row a layer for people.
        cover: ``(model, data, mask) -> {parameter name: bool tensor}``, what stays zero while a
            network trains (networks only).
        order: ``(model, scores) -> scores`` with any structure obeyed (a split needs its parent).
    """

    shapes: Callable[[Any, Any], dict[str, tuple[int, ...]]]
    keep: Callable[[Any, Any, Mapping[str, Any]], Any]
    rows: Callable[[Any, Any, Mapping[str, Any]], list[dict[str, Any]]]
    cover: Callable[[Any, Any, Mapping[str, Any]], dict[str, Any]] | None = None
    order: Callable[[Any, Mapping[str, Any]], dict[str, Any]] | None = None


class Registry(Mapping[str, Entry]):
    """The registered things of one kind, found by importing every file of one package.

    A file that cannot be imported is kept in ``broken`` with its traceback; the rest still work.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self.broken: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}
        self._discovered = False

    def add(self, function: Callable[..., Any], name: str, facts: Mapping[str, Any]) -> None:
        """Register a function under a name.

        Raises:
            ValueError: another file already took the name.
        """
        taken = self._entries.get(name)
        if taken and taken.function.__module__ != function.__module__:
            raise ValueError(f"Two files register the {self.kind} {name!r}.")
        doc = inspect.getdoc(function) or ""
        self._entries[name] = Entry(
            name=name,
            function=function,
            summary=doc.split("\n", 1)[0],
            doc=doc,
            knobs=knobs_of(function),
            facts=facts,
        )

    def __getitem__(self, name: str) -> Entry:
        """The entry of that name, in a file that came since if need be; else says what is near."""
        if name not in self:
            raise SpecError(unknown(self.kind, name, self._entries, self.broken))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        """Whether something registered that name; a file may have come since they were read."""
        self._discover()
        if name not in self._entries:
            self._read()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        self._discover()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        """How many there are."""
        self._discover()
        return len(self._entries)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        self._read()

    def _read(self) -> None:
        """Import the files that are not imported yet; those that were broken are tried again."""
        importlib.invalidate_caches()
        self.broken.clear()
        package = importlib.import_module(self.package)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            try:
                importlib.import_module(f"{self.package}.{module.name}")
            except Exception:  # noqa: BLE001 - one broken file must not take the rest down
                self.broken[module.name] = traceback.format_exc()


METHODS = Registry("method", "prunelab.methods")
MODELS = Registry("model", "prunelab.models")
DATASETS = Registry("data set", "prunelab.datasets")
UNITS = Registry("unit", "prunelab.units")


def method(  # noqa: PLR0913 - each is one fact of the method's card
    *,
    unit: str | tuple[str, ...],
    when: Literal["init", "trained", "training"] = "trained",
    schedule: Literal["one-shot", "rounds", "lottery", "cubic", "settle"] = "one-shot",
    scope: str = "global",
    recover: str = "finetune",
    paper: str = "",
    label: str = "score",
    baseline: str = "random",
    whole_ties: bool = False,
    latent: bool = False,
    start: Literal["first", "trained"] = "first",
    watch: Literal["", "runs", "folds"] = "",
    recipe: Mapping[str, Any] | None = None,
    subjects: Iterable[str] = (),
    needs: Iterable[str] = (),
) -> Callable[..., Any]:
    """Register a function that scores: ``score(model, data, *, knobs) -> {group: tensor}``.

    A method that learns while the network trains is the same function as a generator: it yields
    scores (or None where nothing is to be chosen anew) and is resumed after each backward pass,
    while the gradients are still dense.

    Higher stays. ``unit`` is what is removed (several: the first that fits the model), ``when`` it
    scores, ``schedule`` how the sparsity grows, ``scope`` and ``recover`` the defaults, ``label``
    what a score is called on an axis, ``baseline`` the random method to compare with.
    ``whole_ties``: units of equal score go or stay together, so more may go than was asked.
    ``latent``: pruned weights keep their values while training, only the forward pass lacks them.
    ``start``: the values training starts from. ``recipe``: how it trains where the spec leaves it
    open. ``watch``: the trainings to watch before examples are scored, whole or leaving out a fold
    each. ``subjects``: the models the laws try it on, where not every small one.
    """
    units = (unit,) if isinstance(unit, str) else unit
    facts = {
        "units": units,
        "when": when,
        "schedule": schedule,
        "scope": scope,
        "recover": recover,
        "paper": paper,
        "label": label,
        "baseline": baseline,
        "whole_ties": whole_ties,
        "latent": latent,
        "start": start,
        "watch": watch,
        "recipe": dict(recipe or {}),
        "subjects": tuple(subjects),
        "needs": frozenset(needs),
    }
    return _decorator(METHODS, facts)


def model(
    *, traits: Iterable[str], needs: Iterable[str] = (), small: bool = True, **recipe: Any
) -> Callable[..., Any]:
    """Register ``build(shape, classes, *, knobs) -> nn.Module or scikit-learn estimator``.

    ``traits`` is what the model has (network, convolutional, tree, forest), ``needs`` what its data
    must have (images); ``small`` models train on digits in seconds, so every law runs on them; the
    rest is the training recipe (lr, batch_size, optimizer...).
    """
    facts = {"traits": frozenset(traits), "needs": frozenset(needs)}
    return _decorator(MODELS, {**facts, "small": small, "recipe": recipe})


def dataset(
    *,
    traits: Iterable[str],
    title: str,
    licence: str,
    source: str,
    epochs: int = 30,
    download: bool = False,
    needs: Iterable[str] = (),
    **facts: Any,
) -> Callable[..., Any]:
    """Register ``load(*, knobs) -> Table`` (see ``prunelab.parts``) with its card.

    ``needs`` is what a model must have to learn from it.
    """
    card = {"title": title, "licence": licence, "source": source, "download": download}
    card |= {"needs": frozenset(needs)}
    return _decorator(DATASETS, {"traits": frozenset(traits), "epochs": epochs, **card, **facts})


def unit(
    *, needs: Iterable[str], noun: str, structured: bool = False, unless: Iterable[str] = ()
) -> Callable[..., Any]:
    """Register a kind of unit: a function without arguments that returns its ``Unit`` record.

    ``needs`` is what a model must have, ``unless`` what it must not.
    """
    fitting = {"needs": frozenset(needs), "unless": frozenset(unless)}
    facts = {**fitting, "noun": noun, "structured": structured}
    return _decorator(UNITS, facts)


def _decorator(registry: Registry, facts: Mapping[str, Any]) -> Callable[..., Any]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        registry.add(function, function.__name__.strip("_").replace("_", "-"), facts)
        return function

    return register


def knobs_of(function: Callable[..., Any]) -> tuple[Knob, ...]:
    """The keyword-only arguments of a function as knobs; those in ``GIVEN`` are not settings.

    Raises:
        TypeError: an argument without annotation or default.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return tuple(
        _knob(p, hints.get(p.name, p.annotation))
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in GIVEN
    )


def _knob(parameter: inspect.Parameter, hint: Any) -> Knob:
    name = parameter.name
    if hint is inspect.Parameter.empty or parameter.default is inspect.Parameter.empty:
        raise TypeError(f"The knob {name!r} must have an annotation and a default.")
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    bounds = next((n for n in notes if isinstance(n, Range)), None)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    kinds: dict[Any, Any] = {bool: "bool", int: "int", float: "float", str: "text"}
    if not choices and kind not in kinds:
        raise TypeError(
            f"The knob {name!r} must be a bool, int, float, str or Literal, got {kind}."
        )
    return Knob(
        name=name,
        kind="choice" if choices else kinds[kind],
        default=parameter.default,
        help=next((n for n in notes if isinstance(n, str)), ""),
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        step=bounds.step if bounds else None,
        choices=choices,
    )
