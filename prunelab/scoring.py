"""Calls the function of a method, with all that it asks for by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from prunelab.masks import Scores
from prunelab.rating.watching import Watch, Watched
from prunelab.registry import Entry, Unit
from prunelab.spec import RunSpec
from prunelab.training import Learner, Recipe


def watch_of(
    method: Entry, spec: RunSpec, recipe: Recipe, build: Callable[[int], Any]
) -> Watch | None:
    """The trainings a method wants to see, by its knobs ``runs`` or ``folds``, and ``share``."""
    if not method.watch:
        return None
    knobs = {knob.name: knob.default for knob in method.knobs} | dict(spec.knobs)
    return Watch(
        kind=method.watch,
        build=build,
        recipe=recipe,
        runs=knobs[method.watch],
        share=knobs["share"],
        seed=spec.seed,
    )


def score(
    method: Entry,
    unit: Unit,
    model: Any,
    parts: Any,
    spec: RunSpec,
    watched: Sequence[Watched] = (),
) -> Scores:
    """The scores of a method, in the order the unit obeys; of one that learns, its first ones."""
    scores = call(method, unit, model, parts, spec, Learner(), watched)
    if isinstance(scores, Generator):
        scores = next(scores)
    return unit.order(model, scores) if unit.order else scores


def call(
    method: Entry,
    unit: Unit,
    model: Any,
    parts: Any,
    spec: RunSpec,
    learner: Learner,
    watched: Sequence[Watched] = (),
) -> Any:
    """Call a method's function with its knobs and whatever it asks for by name."""
    given = {"unit": unit, "seed": spec.seed, "sparsity": spec.sparsity}
    given |= {"memory": learner.memory, "course": learner.course, "watched": watched}
    wanted = method.function.__kwdefaults__ or {}
    extra = {k: v for k, v in given.items() if asks(method, k)}
    knobs = {k: v for k, v in spec.knobs.items() if k in wanted}
    return method.function(model, parts, **extra, **knobs)


def asks(method: Entry, name: str) -> bool:
    """Whether a method's function wants to be given something."""
    code = method.function.__code__
    return name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
