"""Network slimming: a price on the scales of batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from prunelab.course import Course
from prunelab.masks import Scores
from prunelab.probes import NORMS
from prunelab.registry import Range, method
from prunelab.spec import SpecError
from prunelab.units.filters import planned


@method(
    unit="filters",
    when="training",
    schedule="settle",
    recover="finetune",
    paper="Liu et al. 2017, arXiv:1708.06519, equation 1",
    label="|γ|",
    baseline="random-filter",
    subjects=("resnet-narrow",),
    needs={"network", "batch-normalised network"},
)
def slimming(
    net: nn.Module,
    data: Any,
    *,
    course: Course,
    penalty: Annotated[float, Range(0, 1, 1e-5), "price λ of the sum of all |γ|"] = 1e-3,
) -> Iterator[Scores | None]:
    """Train with a price on each scale γ of batch normalisation; filters with a small |γ| go.

    The loss is cross-entropy + λ · Σ|γ|; its gradient is λ · sign(γ), 0 at 0. One ranking over all
    layers. Filters that a shortcut adds together are scored by the sum over their layers.
    Deviations: chosen at 80 % of training (settle=1: at its end, as published), and what is left
    trains on without the price; β of a removed filter is dropped with it, as in the official code;
    γ starts at 1, not at ½; λ is larger than the published 1e-4 because trainings are shorter; and
    no layer loses all its filters.

    Example: γ = (0.9, −0.05, 0.4) at half: −0.05 and then 0.4 would go first.
    """
    scales = _scales(net)
    while not course.mask:
        course.penalty = lambda: penalty * torch.stack([g.abs().sum() for g in scales]).sum()
        yield _scores(net, data) if course.due else None
    course.penalty = None
    while True:
        yield None


def _scales(net: nn.Module) -> list[Tensor]:
    """The scales of all batch normalisation."""
    found: list[Tensor] = [
        m.weight for m in net.modules() if isinstance(m, NORMS) and m.weight is not None
    ]
    if not found:
        raise SpecError("slimming needs batch normalisation with scales; the network has none.")
    return found


def _scores(net: nn.Module, data: Any) -> Scores:
    """|γ| of each filter, added up where several layers go together."""
    layers, parameters = dict(net.named_modules()), dict(net.named_parameters())
    scores = {}
    for group in planned(net, data).classes:
        total, seen = torch.zeros(group.size, dtype=torch.float64), False
        for member in group.members:
            name, _, leaf = member.tensor.rpartition(".")
            if leaf == "weight" and isinstance(layers.get(name), NORMS):
                ours = member.units >= 0
                scale = parameters[member.tensor].detach().abs().double().cpu()
                total.index_add_(0, member.units[ours], scale[ours])
                seen = True
        if not seen:
            raise SpecError(f"{group.name} has no batch normalisation to slim; choose taylor.")
        scores[group.name] = total
    return scores
