"""Pruning examples of one's own: (X, y) in, the rows that stay out; also as a resampler."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from prunelab.cover import Cover
from prunelab.job import device
from prunelab.masks import choose
from prunelab.parts import Part, Parts
from prunelab.rating.watching import fresh, seen
from prunelab.registry import METHODS, MODELS, UNITS
from prunelab.scoring import score, watch_of
from prunelab.spec import RunSpec, SpecError
from prunelab.training import Recipe, fit
from prunelab.units.examples import kept_indices

EPOCHS = 30
WATCHED = 256  # rows whose accuracy the epochs report; nothing is chosen by it


class Kept(NamedTuple):
    """The rows that stay, of the kinds that were given, and where they were."""

    x: Any
    y: Any
    kept_indices: NDArray[np.int64]


class ExamplePruner(BaseEstimator):  # type: ignore[misc]
    """Keep the examples that matter: a resampler as imbalanced-learn's pipelines take it.

    ``fit_resample(X, y)`` returns the rows that stay; ``sample_indices_`` says which.

    Args:
        method: any that removes examples, such as "el2n" or "k-center".
        sparsity: share to remove, 0..1.
        scope: "global", or "uniform" for the same share of every class.
        model: the network or estimator that scores; None for a small network trained here.
        seed: of everything drawn.
        knobs: of the method.
    """

    def __init__(
        self,
        method: str = "random-examples",
        sparsity: float = 0.5,
        *,
        scope: str = "",
        model: Any = None,
        seed: int = 0,
        knobs: dict[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.sparsity = sparsity
        self.scope = scope
        self.model = model
        self.seed = seed
        self.knobs = knobs

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """The rows of X and y that stay."""
        found = prune_examples(
            (X, y),
            self.method,
            self.sparsity,
            self.model,
            scope=self.scope,
            seed=self.seed,
            **(self.knobs or {}),
        )
        self.sample_indices_ = found.kept_indices
        return found.x, found.y


def prune_examples(
    examples: tuple[Any, Any],
    method: str,
    sparsity: float,
    model: Any = None,
    *,
    scope: str = "",
    seed: int = 0,
    **knobs: Any,
) -> Kept:
    """Keep the examples that a method finds worth keeping.

    Args:
        examples: X (rows, features) or images (rows, channels, height, width), and their labels;
            arrays or pandas.
        method: one that removes examples.
        sparsity: share to remove.
        model: an untrained network or estimator that scores; None for a small network.
        scope: "global", or "uniform" for the same share of every class.
        seed: of everything drawn.
        knobs: of the method.

    Raises:
        SpecError: a method of another kind, or examples nothing can be learned from.
        ValueError: a sparsity outside 0 <= sparsity < 1.
    """
    entry = METHODS[method]
    if "examples" not in entry.units:
        raise SpecError(f"{method} removes {entry.units[0]}, not examples.")
    x, y = examples
    parts = _parts(x, y)
    chosen = model if model is not None else _network(parts, seed)
    recipe = Recipe(epochs=EPOCHS, **MODELS["mlp"].recipe)
    spec = RunSpec(method=method, sparsity=sparsity, seed=seed, knobs=knobs)
    watch = watch_of(entry, spec, recipe, lambda other: _fresh(chosen, other))
    watched = seen(watch(parts)) if watch else []
    unit = UNITS["examples"].function()
    trained = chosen if watch else _trained(chosen, parts, recipe, seed)
    scores = score(entry, unit, trained, parts, spec, watched)
    rows = kept_indices(parts, choose(scores, sparsity, scope or entry.scope))
    return Kept(_rows(x, rows), _rows(y, rows), rows)


def _parts(x: Any, y: Any) -> Parts:
    """One's own rows, standardised, as the training part; nothing is held back."""
    values = np.asarray(x, dtype=np.float32)
    given = np.asarray(y)
    if values.ndim not in (2, 4) or len(values) != len(given) or not len(given):
        raise SpecError(
            f"X must be (rows, features) or (rows, channels, height, width) with a label for each "
            f"row, got {values.shape} and {given.shape}."
        )
    if not np.isfinite(values).all():
        raise SpecError("X has missing or infinite values; fill or drop those rows first.")
    if (given.dtype.kind == "f" and not np.isfinite(given).all()) or None in given.tolist():
        raise SpecError("Some rows have no label; drop them first.")
    classes, codes = np.unique(given, return_inverse=True)
    if len(classes) < 2:
        raise SpecError("There is only one class; scores of examples compare classes.")
    axes = (0, 2, 3) if values.ndim == 4 else (0,)
    mean, deviation = values.mean(axes, keepdims=True), values.std(axes, keepdims=True)
    deviation[deviation == 0] = 1.0
    part = Part((values - mean) / deviation, codes.reshape(-1).astype(np.int64))
    return Parts(
        classes=tuple(map(str, classes)),
        features=(),
        train=part,
        validation=Part(part.x[:WATCHED], part.y[:WATCHED]),
        digest="",
        rows=np.arange(len(codes)),
        wrong=np.zeros(len(codes), dtype=bool),
        mean=mean[0].astype(np.float64),
        deviation=deviation[0].astype(np.float64),
        _test=Part(part.x[:0], part.y[:0]),
    )


def _network(parts: Parts, seed: int) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: torch.nn.Module = MODELS["mlp"].function(parts.shape, len(parts.classes))
    return net


def _fresh(model: Any, seed: int) -> Any:
    made = fresh(model, seed)
    return made.to(device()) if isinstance(made, torch.nn.Module) else made


def _trained(model: Any, parts: Parts, recipe: Recipe, seed: int) -> Any:
    made = _fresh(model, seed)
    if not isinstance(made, torch.nn.Module):
        return made.fit(parts.train.x.reshape(len(parts.train.x), -1), parts.train.y)
    for _ in fit(made, parts, recipe, phase="dense", seed=seed, cover=Cover({})):
        pass
    return made.eval()


def _rows(given: Any, rows: NDArray[np.int64]) -> Any:
    return given.iloc[rows] if hasattr(given, "iloc") else np.asarray(given)[rows]
