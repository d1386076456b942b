"""Runs side by side: those that differ in seed, sparsity or method train together where it pays.

Each run is a strand, with its own events, files and checkpoints. It stops before every pass over
its examples; passes that fit are made at once by ``cohort``, the others by the run itself. A dense
network that several runs need is trained by the first of them; the others begin when it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from prunelab.checkpoint import sharing
from prunelab.cohort import TOGETHER, Passed, epoch_together, kind, pays
from prunelab.events import Event
from prunelab.experiment import one_thread
from prunelab.registry import MODELS
from prunelab.spec import RunSpec
from prunelab.stack import Stack
from prunelab.storage import DENSE
from prunelab.strands import Strand, ask
from prunelab.training import PASS, Training, alone

MOST = 64  # runs side by side: each holds a few copies of its network,
ROOM = 1 << 24  # bytes, all of them once: more leave the processor's cache, and cost new memory


class Work(NamedTuple):
    """A run to be carried out, and the folder of dense networks that runs share."""

    spec: RunSpec
    call: Callable[[], Any]
    dense: Path


class _Question(NamedTuple):
    training: Training
    epoch: int
    kind: Hashable
    chance: torch.Tensor


def side_by_side(works: Sequence[Work], told: Callable[[], object]) -> list[Any]:
    """What every call returns, in their order; ``told`` is called when one ends.

    The first exception of a call is raised when all have ended.
    """
    strands = [Strand(_joining(work.call)) for work in works]
    try:
        with one_thread(), sharing(min(MOST, len(works))):
            _carry_out(works, strands, told)
    except BaseException as stop:
        why = KeyboardInterrupt() if isinstance(stop, KeyboardInterrupt) else stop
        for strand in (s for s in strands if s.ident is not None):
            strand.end(why)
        raise
    for strand in strands:
        if strand.error:
            raise strand.error
    return [strand.result for strand in strands]


def _carry_out(
    works: Sequence[Work], strands: Sequence[Strand], told: Callable[[], object]
) -> None:
    """Begin what may begin, make the passes all stopped for, let them go on; until all are over."""
    waiting, live = list(range(len(works))), list[int]()
    paid: dict[Hashable, bool] = {}
    stacks: list[Stack] = []
    while waiting or live:
        for number in waiting[:]:
            if len(live) == MOST or _held([strands[i].question for i in live]) >= ROOM:
                break
            if _may_begin(works[number], [works[i] for i in live]):
                waiting.remove(number)
                live.append(number)
                strands[number].resume()
        answers = _pass([strands[i].question for i in live], paid, stacks)
        for number, answer in zip(live, answers, strict=True):
            if not strands[number].over:
                strands[number].resume(answer)
            if strands[number].over:
                told()
        live = [i for i in live if not strands[i].over]


def runs(
    specs: Sequence[RunSpec],
    calls: Sequence[Callable[[], Any]],
    home: Path,
    told: Callable[[], object],
    *,
    together: bool,
) -> list[Any]:
    """What the call of each spec returns; those that may train together go side by side."""
    dense, found = home / "files" / DENSE, dict[int, Any]()
    for places in groups(specs) if together else [[i] for i in range(len(specs))]:
        if len(places) == 1:
            found[places[0]] = calls[places[0]]()
            told()
        else:
            works = [Work(specs[i], calls[i], dense) for i in places]
            found |= zip(places, side_by_side(works, told), strict=True)
    return [found[i] for i in range(len(specs))]


def groups(specs: Sequence[RunSpec]) -> list[list[int]]:
    """Places of the specs that may train together: the same small network on the same data."""
    found: dict[str, list[int]] = {}
    for place, spec in enumerate(specs):
        entry = MODELS[spec.model]
        fits = entry.small and "network" in entry.traits
        same = (spec.data, spec.model, dict(spec.data_knobs), dict(spec.model_knobs), spec.device)
        found.setdefault(json.dumps(same, sort_keys=True) if fits else str(place), []).append(place)
    return list(found.values())


def _may_begin(work: Work, live: Sequence[Work]) -> bool:
    """Whether its dense network is there, or nobody else is about to train it."""
    key = work.spec.dense_key
    if work.spec.weights or (work.dense / key).exists():
        return True
    return all(other.spec.dense_key != key for other in live)


def _held(questions: Sequence[_Question | None]) -> int:
    """The bytes of all networks that wait for a pass."""
    nets = [question.training.net for question in questions if question]
    return sum(p.nbytes for net in nets for p in net.parameters())


def _joining(call: Callable[[], Any]) -> Callable[[], Any]:
    def begin() -> Any:
        PASS.set(_joined)
        return call()

    return begin


def _joined(training: Training, epoch: int) -> Generator[Event, None, float]:
    """One pass over the examples, with whoever makes the same at the same time."""
    same = kind(training, epoch)
    if same is not None:
        answer = ask(_Question(training, epoch, same, torch.get_rng_state()))
        if answer is not None:
            training.standing = answer.standing
            torch.set_rng_state(answer.chance)
            return float(answer.loss)
    return (yield from alone(training, epoch))


def _pass(
    questions: Sequence[_Question | None], paid: dict[Hashable, bool], stacks: list[Stack]
) -> list[Passed | None]:
    """What a pass made together did to each, None where one is alone.

    ``stacks`` are those of the last passes; those that went on are used again.
    """
    held, stacks[:] = stacks[:], []
    answers: list[Passed | None] = [None] * len(questions)
    together: dict[Hashable, list[int]] = {}
    for place, question in enumerate(questions):
        if question is not None:
            together.setdefault(question.kind, []).append(place)
    for places in together.values():
        asked = [q for q in (questions[i] for i in places) if q is not None]
        trainings, epoch = [q.training for q in asked], asked[0].epoch
        if len(places) > 1 and _known(trainings, epoch, paid):
            stack = next((s for s in held if s.holds(trainings)), None) or Stack(trainings)
            stacks.append(stack)
            found = epoch_together(stack, epoch, [q.chance for q in asked])
            for place, passed in zip(places, found, strict=True):
                answers[place] = passed
    return answers


def _known(trainings: Sequence[Training], epoch: int, paid: dict[Hashable, bool]) -> bool:
    """Whether it pays, tried once for so many of the same as a trial looks at."""
    recipe = trainings[0].recipe
    shapes = tuple(tuple(p.shape) for p in trainings[0].net.parameters())
    masked = sum(bool(t.cover.parameters) for t in trainings) > 0
    key = (shapes, recipe.batch_size, recipe.optimizer, masked, min(len(trainings), TOGETHER))
    if key not in paid:
        paid[key] = pays(trainings, epoch)
    return paid[key]
