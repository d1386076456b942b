"""Runs that came with PruneLab beside those of the store, so that a page has both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pages.ui import desk
from prunelab import answers, examples
from prunelab.answers import Answers
from prunelab.events import Result


def finished(keys: Iterable[str], shipped: Mapping[str, Result]) -> dict[str, Result]:
    """Finished runs by key, in their order: those of the store, and of those that shipped."""
    wanted = list(keys)
    mine = {row.key: row.result for row in desk.store().rows(wanted) if row.state == "finished"}
    return {key: shipped[key] for key in wanted if key in shipped} | mine


def race(keys: Iterable[str]) -> dict[str, Result]:
    """The finished runs of a race by key: those that came with PruneLab, and those of the store."""
    return finished(keys, {entrant.result.key: entrant.result for entrant in examples.race()})


def together(keys: Iterable[str]) -> dict[str, Result]:
    """The finished runs of a plane by key: those that shipped and those of the store."""
    return finished(keys, examples.both())


def controls(keys: Iterable[str]) -> dict[str, Result]:
    """The finished controls by key: those of the comparison that shipped and those of the store."""
    return finished(keys, examples.controls())


def answers_by_sparsity(results: Iterable[Result]) -> dict[float, list[Answers]]:
    """What the models of one line said of each test example, by sparsity."""
    return answers.by_sparsity(results, desk.folder)
