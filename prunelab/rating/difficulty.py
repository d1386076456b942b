"""From one number an example to scores by class: which side to keep, and ties broken at random."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.training import tensors

Numbers = NDArray[np.float64]
Side = Literal["hardest", "easiest", "middle"]
EMBEDDING = 50  # principal components that stand in where no network gives features
BATCH = 1024


def by_class(values: Numbers, data: Any) -> Scores:
    """The values of each class's rows, in the order of the training part."""
    return {
        name: torch.from_numpy(np.ascontiguousarray(values[data.train.y == number]))
        for number, name in enumerate(data.classes)
    }


def keep_side(hard: Numbers, side: Side, skip: float, data: Any, seed: int) -> Scores:
    """Scores of examples whose difficulty is ``hard``: the side to keep is highest.

    ``skip`` puts that share of the hardest last of all, where wrong labels gather. "middle" keeps
    those around the median of difficulty. Ties are broken at random.

    Raises:
        ValueError: a difficulty that is NaN.
    """
    if not np.isfinite(hard).all():
        raise ValueError(f"{int((~np.isfinite(hard)).sum())} examples have no finite difficulty.")
    hard = untied(hard, seed)
    if side == "easiest":
        score = -hard
    elif side == "middle":
        score = -np.abs(hard - np.median(hard))
    else:
        score = hard.copy()
    out = np.argsort(-hard, kind="stable")[: round(skip * len(hard))]
    score[out] = score.min() - 1 - (hard[out] - hard[out].min() if len(out) else 0)
    return by_class(score, data)


def untied(values: Numbers, seed: int) -> Numbers:
    """The values with ties broken at random, by less than any two of them differ."""
    levels = np.unique(values)
    if len(levels) == len(values):
        return values.copy()
    gap = float(np.diff(levels).min()) if len(levels) > 1 else 1.0
    word = hashlib.sha256(f"{seed} ties".encode()).digest()[:8]
    random = np.random.default_rng(int.from_bytes(word, "big"))
    noise: Numbers = values + 0.5 * gap * random.random(len(values))
    return noise


def embedding(model: Any, data: Any) -> Numbers:
    """Features (rows, d) float64: what the last layer of a trained network receives.

    For an estimator, the first 50 principal components of its inputs.
    """
    if isinstance(model, nn.Module):
        return _penultimate(model, data)
    from sklearn.decomposition import PCA

    x = data.train.x.reshape(len(data.train.x), -1).astype(np.float64)
    found: Numbers = PCA(min(EMBEDDING, *x.shape), random_state=0).fit_transform(x)
    return found


@torch.no_grad()
def _penultimate(net: nn.Module, data: Any) -> Numbers:
    names = {id(w): name for name, w in weights(net).items()}
    last = net.get_submodule(list(names.values())[-1])
    kept: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda _, given: kept.append(given[0].flatten(1)))
    modes = {module: module.training for module in net.modules()}
    try:
        net.eval()
        x, _ = tensors(data.train, next(net.parameters()).device)
        for some in torch.split(x, BATCH):
            net(some)
    finally:
        hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return torch.cat(kept).double().cpu().numpy()
