"""The formula of a score with the numbers put in, shown only where it gives the score itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from prunelab.probes import curvature, examples, gradients, weights
from prunelab.worked.seen import Watched

Rows = list[list[float]]


class Cell(NamedTuple):
    """What a formula may use of one weight, or of one row of weights."""

    w: float
    g: float
    hg: float
    row: list[float]
    sigma: float


# By the label of a score: the formula with numbers, and its value.
FORMULAS: dict[str, Callable[[Cell], tuple[str, float]]] = {
    "|w|": lambda c: (f"|{n(c.w)}|", abs(c.w)),
    "w²": lambda c: (f"({n(c.w)})²", c.w**2),
    "|w · ∂L/∂w|": lambda c: (f"|{n(c.w)} · {n(c.g)}|", abs(c.w * c.g)),
    "w · (H g)": lambda c: (f"{n(c.w)} · {n(c.hg)}", c.w * c.hg),
    "|w| / qσ of its layer": lambda c: (f"|{n(c.w)}| / {n(c.sigma)}", abs(c.w) / c.sigma),
    "L1 norm": lambda c: (" + ".join(f"|{n(v)}|" for v in c.row), sum(map(abs, c.row))),
    "L2 norm": lambda c: (f"√({' + '.join(f'{n(v)}²' for v in c.row)})", math.hypot(*c.row)),
}


def n(value: float) -> str:
    """A number as a card prints it.

    >>> n(-0.4), n(0.00012345), n(3.0)
    ('−0.4', '1.23e−4', '3')
    """
    text = f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
    mantissa, _, power = text.partition("e")
    return (f"{mantissa}e{int(power)}" if power else mantissa).replace("-", "−")


def substituted(job: Watched, layer: str, scores: Rows) -> list[list[str]] | None:
    """The formula of every score of a layer with its numbers, if it gives that very score."""
    formula = FORMULAS.get(job.method.label)
    if formula is None:
        return None
    cells = _cells(job, layer, per_row=len(scores[0]) == 1)
    texts = []
    for row, values in zip(cells, scores, strict=True):
        made = [formula(cell) for cell in row[: len(values)]]
        for (_, value), score in zip(made, values, strict=True):
            if not math.isclose(value, score, rel_tol=1e-4, abs_tol=1e-7):
                return None  # the method scores something else here, such as an earlier network
        texts.append([text for text, _ in made])
    return texts


def _cells(job: Watched, layer: str, *, per_row: bool) -> list[list[Cell]]:
    model = job.moments[-1].model
    everything = examples(job.parts)
    w = _flat(weights(model)[layer])
    slope, curved = torch.zeros_like(w), torch.zeros_like(w)
    if "∂L" in job.method.label:
        slope = _flat(gradients(model, everything)[layer])
    if "H g" in job.method.label:
        kept = {k.name: k.default for k in job.method.knobs}
        curved = _flat(curvature(model, everything, kept["temperature"])[1][layer])
    left = w[w != 0]
    sigma = float(left.double().std(correction=0)) if len(left) > 1 else 1.0
    return [
        [
            Cell(float(w[i, j]), float(slope[i, j]), float(curved[i, j]), w[i].tolist(), sigma)
            for j in range(1 if per_row else w.shape[1])
        ]
        for i in range(len(w))
    ]


def _flat(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().reshape(len(tensor), -1)


def rows(tensor: Any) -> Rows:
    """A tensor as rows of plain numbers: a filter, or an output, is a row."""
    found: Rows = torch.as_tensor(tensor).detach().cpu().double().reshape(len(tensor), -1).tolist()
    return found
