"""A spec made ready to run: every default filled in, data split, entries looked up."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch

from prunelab.budgets import WORDS, meet, rounded
from prunelab.catalogue import describe, recoveries, unit_of, validate
from prunelab.masks import Masks, Scores, allocate, choose, removed, select
from prunelab.parts import Parts
from prunelab.rating.watching import Watch, Watched, seen
from prunelab.registry import DATASETS, METHODS, MODELS, UNITS, Entry, Note, Unit, knobs_of
from prunelab.room import affordable
from prunelab.schedules import SCHEDULES
from prunelab.scoring import score, watch_of
from prunelab.spec import RunSpec
from prunelab.speech import phrase
from prunelab.subject import parts_of
from prunelab.training import Recipe, seeded

RETRAIN_LR = 0.1  # Han et al. 2015: retrain at a tenth of the learning rate
BATCH = 64  # of a budget of time
LONGEST = 2  # Liu et al. 2019: scratch-B trains at most twice as long


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a run needs to know before it starts."""

    spec: RunSpec
    method: Entry
    unit: Unit
    unit_entry: Entry
    parts: Parts
    scope: str
    recover: str
    recipe: Recipe
    retrain: Recipe
    train: Recipe  # of a method that scores before or during training
    steps: Any  # the schedule: sparsities by round, or by share of training
    structured: bool

    def build(self) -> Any:
        """The model with its first values, by the seed of the run.

        Raises:
            SpecError: a network too large to be built.
        """
        entry, classes = MODELS[self.spec.model], len(self.parts.classes)
        make = functools.partial(entry.function, self.parts.shape, classes, **self.spec.model_knobs)
        if "network" in entry.traits:
            affordable(make)
        _begin_chance(seeded(self.spec.seed, "init").initial_seed())
        return make()

    @property
    def examples(self) -> bool:
        """Whether it removes examples rather than parts of the model."""
        return self.unit_entry.name == "examples"

    @property
    def watch(self) -> Watch | None:
        """The trainings to watch before the examples are scored, where the method wants any."""
        return watch_of(self.method, self.spec, self.recipe, self._fresh)

    def _fresh(self, seed: int) -> Any:
        spec = replace(self.spec, seed=seed)
        model = replace(self, spec=spec).build()
        if isinstance(model, torch.nn.Module):
            return model.to(device())
        return model.set_params(random_state=seed)

    def choose(
        self,
        model: Any,
        sparsity: float,
        within: Masks | None = None,
        watched: Sequence[Watched] = (),
    ) -> Choice:
        """Score, allocate, select: which units of the model stay at a sparsity."""
        return self.take(model, self.rate(model, sparsity, watched), sparsity, within)

    def rate(self, model: Any, sparsity: float, watched: Sequence[Watched] = ()) -> Rated:
        """The scores of the model's units."""
        if self.watch and not watched:
            watched = seen(self.watch(self.parts))
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always", Note)
            spec = replace(self.spec, sparsity=sparsity)
            scores = dict(score(self.method, self.unit, model, self.parts, spec, watched))
        return Rated(scores, tuple(str(w.message) for w in heard))

    def take(
        self, model: Any, rated: Rated, sparsity: float, within: Masks | None = None
    ) -> Choice:
        """Allocate and select by the scores of a model, within the budget where there is one."""
        if self.spec.budget:
            return self._within_budget(model, *rated, sparsity)
        return self.select(rated.scores, sparsity, within, rated.notes)

    def _within_budget(
        self, model: Any, scores: Scores, notes: tuple[str, ...], sparsity: float
    ) -> Choice:
        """As few units go as the budget allows; the sparsity is a share of its cost."""
        units, kind = sum(s.numel() for s in scores.values()), self.spec.budget
        met = meet(
            kind,
            sparsity,
            units,
            lambda share: self.select(scores, share).mask,
            lambda mask: self.unit.keep(model, self.parts, mask),
            torch.from_numpy(self.parts.validation.x[:BATCH]).to(device()),
        )
        gone = sum(int((~m).sum()) for m in met.mask.values())
        note = phrase(
            f"{gone} of {units} {self.unit_entry.noun} go: {met.after:.1%} of {WORDS[kind]} stay."
        )
        return Choice(scores=scores, mask=met.mask, notes=(*notes, note), asked=gone / units)

    def select(
        self,
        scores: Scores,
        sparsity: float,
        within: Masks | None = None,
        notes: tuple[str, ...] = (),
    ) -> Choice:
        """Allocate and select by scores that are known already."""
        how: dict[str, Any] = {
            "within": within or None,
            "floor": max(int(self.structured), self.spec.floor),
            "layers": self.layers_at(sparsity),
        }
        whole = self.method.whole_ties
        if self.spec.round_to <= 1:
            mask = choose(scores, sparsity, self.scope, **how, whole_ties=whole)
            return Choice(scores=scores, mask=mask, notes=notes)
        sizes = {name: s.numel() for name, s in scores.items()}
        keep = rounded(allocate(scores, sparsity, self.scope, **how), sizes, self.spec.round_to)
        asked = 1 - sum(keep.values()) / sum(sizes.values())
        mask = select(scores, keep, within=within or None, whole_ties=whole)
        return Choice(scores=scores, mask=mask, notes=notes, asked=asked)

    def again(self, scores: Scores, mask: Masks) -> Masks:
        """As many of each group as stay now, chosen anew by other scores, or masks of that size."""
        keep = {name: int(m.sum()) for name, m in mask.items()}
        chosen = all(s.dtype == torch.bool for s in scores.values())
        if chosen and all(int(s.sum()) == keep[name] for name, s in scores.items()):
            return dict(scores)
        return select(scores, keep)

    def layers_at(self, sparsity: float) -> dict[str, float] | None:
        """Sparsity by layer where the spec gives it, as far along as the whole is."""
        end = self.spec.sparsity
        far = math.log(1 - sparsity) / math.log(1 - end) if end else 1.0
        return {name: 1 - (1 - s) ** far for name, s in self.spec.layers.items()} or None

    def asked(self, scores: Scores, sparsity: float) -> float:
        """The sparsity asked for: of the whole, also where it was given layer by layer."""
        layers = self.layers_at(sparsity)
        if not layers:
            return sparsity
        gone = sum(layers.get(name, 0.0) * s.numel() for name, s in scores.items())
        return gone / sum(s.numel() for s in scores.values())

    def recipe_of(self, recover: str) -> Recipe:
        """How what is left is trained."""
        return _retrain(self.spec, self.recipe, recover)

    def settings(self) -> dict[str, Any]:
        """What the spec left open, filled in."""
        return {
            "scope": self.scope,
            "recover": self.recover,
            "recipe": _plain(self.recipe),
            "retrain": _plain(self.retrain),
            "schedule": self.method.schedule,
            "parts": {"train": len(self.parts.train.y), "validation": len(self.parts.validation.y)},
            "classes": list(self.parts.classes),
            **({"watch": self.method.watch} if self.method.watch else {}),
            **({"examples": self.fewer} if self.spec.examples_sparsity else {}),
        }

    @property
    def fewer(self) -> dict[str, int]:
        """How many examples stay where some are pruned beforehand, and of how many."""
        of = len(self.parts.train.y)
        return {"kept": of - removed(self.spec.examples_sparsity, of), "of": of}


class Rated(NamedTuple):
    """Scores by group, and what the method had to say."""

    scores: Scores
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Scores and the mask they led to, by group."""

    scores: Scores
    mask: Masks
    notes: tuple[str, ...] = ()
    asked: float | None = None  # the sparsity of units, where that is not the one asked for


def prepare(spec: RunSpec) -> Job:
    """Check a spec and fill in every default.

    Raises:
        SpecError: the spec cannot run; the message says what to change.
    """
    known = describe()
    validate(spec, known)
    method = METHODS[spec.method]
    name = unit_of(known, spec.method, spec.model)
    unit_entry = UNITS[name]
    data = DATASETS[spec.data]
    recipe = _recipe(spec, MODELS[spec.model].recipe, data.epochs)
    schedule = SCHEDULES[method.schedule]
    names = {knob.name for knob in knobs_of(schedule)}
    knobs = {k: v for k, v in spec.knobs.items() if k in names}
    recover = _recover(spec.recover or method.recover, method.when)
    return Job(
        spec=spec,
        method=method,
        unit=unit_entry.function(),
        unit_entry=unit_entry,
        parts=parts_of(spec.data, spec.data_knobs),
        scope=spec.scope or method.scope,
        recover=recover if recover in recoveries(known, spec.model, name) else "none",
        recipe=recipe,
        retrain=_retrain(spec, recipe, recover),
        train=_recipe(spec, {**MODELS[spec.model].recipe, **method.recipe}, data.epochs),
        steps=schedule(spec.sparsity, **knobs),
        structured=unit_entry.structured,
    )


def _begin_chance(seed: int) -> None:
    """Seed torch; without a GPU the seed of one would be noted with the whole stack of calls."""
    every = torch.cuda.is_available()
    (torch.manual_seed if every else torch.default_generator.manual_seed)(seed)


def device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON has it, so that a stored run equals the one just done."""
    return asdict(recipe) | {"milestones": list(recipe.milestones)}


def _recipe(spec: RunSpec, recommended: Mapping[str, Any], epochs: int) -> Recipe:
    asked = {"lr": spec.lr, "batch_size": spec.batch_size, "optimizer": spec.optimizer or None}
    chosen = {k: v for k, v in asked.items() if v is not None}
    if chosen.get("optimizer", recommended.get("optimizer")) != recommended.get("optimizer"):
        chosen.setdefault("lr", 1e-3 if chosen["optimizer"] == "adam" else 0.05)
    return Recipe(epochs=spec.epochs or epochs, **{**recommended, **chosen})


def _recover(recover: str, when: str) -> str:
    """Before training there is nothing to fine-tune: what is left trains from its first values."""
    return "rewind" if when == "init" and recover in ("finetune", "lr-rewind") else recover


def _retrain(spec: RunSpec, recipe: Recipe, recover: str) -> Recipe:
    changes: dict[str, Any] = {"epochs": spec.recover_epochs or recipe.epochs}
    if recover in ("finetune", "recalibrate-finetune", "distill"):
        changes = {"epochs": spec.recover_epochs or max(1, recipe.epochs // 2)}
        changes |= {"lr": recipe.lr * RETRAIN_LR}
    if recover == "scratch-b":
        changes = {"epochs": recipe.epochs * LONGEST}
    return Recipe(**{**asdict(recipe), **changes})
