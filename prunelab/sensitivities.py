"""How much accuracy each layer costs when it alone loses units: a scan without training again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor, nn

from prunelab import figures
from prunelab.bearing import bearable, borne
from prunelab.experiment import one_thread
from prunelab.forecasting import trained
from prunelab.grid import accuracies
from prunelab.job import Job, prepare
from prunelab.masks import Scores, removed, select
from prunelab.scoring import score
from prunelab.spec import RunSpec, SpecError

SPARSITIES = tuple(n / 10 for n in range(1, 10))


@dataclass(frozen=True)
class Sensitivity:
    """Accuracies on the validation part, by layer and by the share of it that is gone."""

    dense: float
    units: Mapping[str, int]
    accuracies: Mapping[str, Mapping[float, float]]

    @property
    def table(self) -> pd.DataFrame:
        """One row for each layer and sparsity."""
        rows = [
            {"layer": name, "units": self.units[name], "sparsity": s, "accuracy": a}
            for name, found in self.accuracies.items()
            for s, a in found.items()
        ]
        return pd.DataFrame(rows)

    def layers(self, drop: float = 0.02) -> dict[str, float]:
        """The most that each layer can lose alone for at most so much accuracy; 0 if nothing.

        For ``layers`` of a run: sensitive layers are skipped, as in Li et al. 2017. A layer counts
        up to the first sparsity that costs more.

        Raises:
            SpecError: a drop outside 0 to 1.
        """
        if not 0 <= drop <= 1:
            raise SpecError(f"drop must be from 0 to 1, got {drop}.")
        return borne(self.dense, self.accuracies, drop)

    def allocate(self, sparsity: float) -> dict[str, float]:
        """Shares of each layer so that this share of all units goes: each loses what it bears.

        For ``layers`` of a run, as ``layers`` above, with the drop that reaches the sparsity.

        Raises:
            SpecError: a sparsity outside 0 to below 1.
        """
        if not 0 <= sparsity < 1:
            raise SpecError(f"sparsity must be at least 0 and below 1, got {sparsity}.")
        return bearable(self.dense, self.accuracies, self.units, sparsity)

    def plot(self) -> Any:
        """A heatmap, layer by sparsity, as a plotly figure."""
        return figures.sensitive(self.dense, self.accuracies).figure


def sensitivity(
    *,
    method: str = "l1-filter",
    sparsities: Iterable[float] = SPARSITIES,
    progress: Callable[[str, float], None] | None = None,
    **fields: Any,
) -> Sensitivity:
    """Prune each layer alone at each sparsity, and look at accuracy; nothing is trained again.

    The dense network is trained, or taken where a run has left it. The test part is not touched.

    Args:
        method: what ranks the units of a layer; one that scores a trained network.
        sparsities: those to try, above 0 and below 1.
        progress: told what is done at present, and which share is done.
        fields: of RunSpec: data, model, seed, epochs, knobs...

    Raises:
        SpecError: a spec that cannot run, a method that scores no trained network, a sparsity out
            of bounds.
    """
    job, tried = prepare(RunSpec(method=method, **fields)), sorted(set(sparsities))
    if job.method.when != "trained":
        raise SpecError(f"A scan needs a method that scores a trained network; {method} does not.")
    if not tried or not 0 < tried[0] <= tried[-1] < 1:
        raise SpecError("sparsities must be above 0 and below 1, at least one.")
    tell = progress or (lambda *_: None)
    with one_thread():
        net = trained(job, tell).eval()
        scores = score(job.method, job.unit, net, job.parts, job.spec)
        return scan(job, net, scores, tried, tell)


def scan(
    job: Job,
    net: nn.Module,
    scores: Scores,
    sparsities: Iterable[float],
    tell: Callable[[str, float], None],
) -> Sensitivity:
    """The scan itself, of a network that is trained and scored."""
    tried, begun, found = tuple(sparsities), 0.5, {}
    for place, name in enumerate(scores):
        tell(f"Pruning {name} alone", begun + (1 - begun) * place / len(scores))
        covers = [_alone(job, net, scores, name, s) for s in tried]
        found[name] = dict(zip(tried, accuracies(net, job.parts.validation, covers), strict=True))
    units = {name: s.numel() for name, s in scores.items()}
    return Sensitivity(accuracies(net, job.parts.validation, [{}])[0], units, found)


def _alone(
    job: Job, net: nn.Module, scores: Scores, layer: str, sparsity: float
) -> Mapping[str, Tensor]:
    """What covers the network without that share of one layer; at least one unit of it stays."""
    keep = {name: s.numel() for name, s in scores.items()}
    keep[layer] = max(1, keep[layer] - removed(sparsity, keep[layer]))
    if job.unit.cover is None:
        raise SpecError(f"{job.method.name} removes no units of a network.")
    return job.unit.cover(net, job.parts, select(scores, keep))
