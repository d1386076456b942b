"""Computes all cuts by hand: ``python -m prunelab.cutting ORDER FOLDER`` does it for the app."""

from __future__ import annotations

import json
import math
import string
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prunelab import aside
from prunelab.experiment import one_thread
from prunelab.forecasting import trained
from prunelab.grid import accuracies, highest, masker
from prunelab.job import Job, prepare
from prunelab.masks import Masks, Scores, allocate, removed
from prunelab.parts import Part
from prunelab.probes import parameter_names
from prunelab.probes import weights as prunable
from prunelab.scissors import ALL, FILE
from prunelab.scoring import score
from prunelab.spec import RunSpec
from prunelab.speech import phrase

Tell = Callable[[str, float], None]
EXAMPLES = 400  # of the validation part, at most
DRAWS = 3  # random masks whose accuracies are averaged
NEAR = 4  # weights shown on each side of the line
BINS = 61  # of a histogram: odd, so that one bar is around zero
HIGH, WIDE = 60, 100  # cells of a picture, at most
TRAINING = 0.3  # share of the progress bar
LETTERS = string.digits + string.ascii_letters + "-_.!"  # one for each place of the line, and over


@dataclass(frozen=True)
class Bench:
    """A trained network, its weights, and how well a mask of it does."""

    job: Job
    net: nn.Module
    weights: Mapping[str, Tensor]
    scores: Scores  # what the threshold lies on
    part: Part
    chance: tuple[Scores, ...]  # random scores, drawn several times

    def right(self, masks: Sequence[Masks]) -> list[float]:
        """Accuracy with each mask, nothing trained again."""
        names = parameter_names(self.net)
        covers = [{names[layer]: m for layer, m in mask.items()} for mask in masks]
        return accuracies(self.net, self.part, covers)


def compute(ordered: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """The rows that ``prunelab.scissors`` reads."""
    with one_thread():
        bench = _bench(RunSpec.from_json(ordered["spec"]), tell)
        places = [ALL, *bench.weights]
        cuts: dict[str, list[dict[str, Any]]] = {}
        ends: dict[str, dict[str, Tensor]] = {}
        for number, place in enumerate(places):
            about = phrase("Cutting all layers" if place == ALL else f"Cutting the layer {place}")
            tell(about, TRAINING + (1 - TRAINING) * number / len(places))
            masks = _masks(bench.scores, place, ordered["stops"], "global")
            cuts[place] = _cuts(bench, place, ordered["stops"], masks)
            ends[place] = {n: _outlived(masks, n) for n in _of(masks[0], place)}
        return {
            "order": dict(ordered),
            "dense": bench.right([{}])[0],
            "examples": len(bench.part.y),
            "draws": DRAWS,
            "layers": [
                _layer(name, w, {place: ends[place][name] for place in (ALL, name)})
                for name, w in bench.weights.items()
            ],
            "histograms": {place: _histogram(_of(bench.weights, place)) for place in places},
            "cuts": cuts,
        }


def _bench(spec: RunSpec, tell: Tell) -> Bench:
    job, random = prepare(spec), prepare(replace(spec, method="random"))
    net = trained(job, lambda words, share: tell(words, share * TRAINING))
    net = net.cpu().eval()  # pictures of weights; and nested masks are quick on the processor
    scores = score(job.method, job.unit, net, job.parts, spec)
    weights = {name: w.detach() for name, w in prunable(net).items()}
    draws = tuple(
        score(random.method, random.unit, net, job.parts, replace(random.spec, seed=draw))
        for draw in range(DRAWS)
    )
    part = job.parts.validation
    few = Part(part.x[:EXAMPLES], part.y[:EXAMPLES])
    return Bench(job, net, weights, scores, few, draws)


def _cuts(
    bench: Bench, place: str, stops: Sequence[float], masks: Sequence[Masks]
) -> list[dict[str, Any]]:
    """Every place of the line: how cuts by magnitude and at random do, and what goes."""
    chances = [bench.right(_masks(s, place, stops, "uniform")) for s in bench.chance]
    means = [sum(found) / len(found) for found in zip(*chances, strict=True)]
    found = zip(stops, masks, bench.right(masks), means, strict=True)
    return [
        {"sparsity": stop, "magnitude": right, "random": mean, **_cut(bench, place, mask)}
        for stop, mask, right, mean in found
    ]


def _cut(bench: Bench, place: str, mask: Masks) -> dict[str, Any]:
    """What goes, and the weights next to the line."""
    near = _near(_of(bench.weights, place), _of(mask, place))
    kept = [int(m.sum()) for m in mask.values()]
    gone = sum(m.numel() for m in mask.values()) - sum(kept)
    return {"threshold": _between(near), "gone": gone, "kept": kept, "near": near}


def _masks(scores: Scores, place: str, stops: Sequence[float], scope: str) -> list[Masks]:
    """A mask for each stop."""
    units = sum(s.numel() for s in scores.values())
    if place == ALL and scope == "global":
        best = highest(scores)
        return [best(units - removed(stop, units)) for stop in stops]
    mask = masker(scores)
    if place == ALL:
        return [mask(allocate(scores, stop, scope)) for stop in stops]
    whole = {name: s.numel() for name, s in scores.items()}
    left = [whole[place] - removed(stop, whole[place]) for stop in stops]
    return [mask(whole | {place: keep}) for keep in left]


def _outlived(masks: Sequence[Masks], name: str) -> Tensor:
    """At how many stops each weight is still there: it goes at the stop of that number."""
    return torch.stack([mask[name] for mask in masks]).sum(0)


def _of(tensors: Mapping[str, Tensor], place: str) -> dict[str, Tensor]:
    return {name: t for name, t in tensors.items() if place in (ALL, name)}


def _near(weights: Mapping[str, Tensor], mask: Masks) -> dict[str, list[list[Any]]]:
    """The largest weights that would go, largest last, and the smallest that would stay."""
    found = []
    for layer, (name, w) in enumerate(weights.items()):
        flat, stays = w.flatten(), mask[name].flatten()
        for side, largest in ((~stays, True), (stays, False)):
            places = side.nonzero().flatten()
            size = flat[places].abs()
            best = places[size.topk(min(NEAR, len(places)), largest=largest).indices]
            found += [(float(flat[i]), layer, int(i), not largest) for i in best]
    found.sort(key=lambda one: abs(one[0]))
    names = list(weights)

    def told(value: float, layer: int, at: int) -> list[Any]:
        where = np.unravel_index(at, weights[names[layer]].shape)
        return [float(f"{value:.5g}"), names[layer], *(int(i) for i in where)]

    goes = [told(v, layer, at) for v, layer, at, stays in found if not stays][-NEAR:]
    stay = [told(v, layer, at) for v, layer, at, stays in found if stays][:NEAR]
    return {"goes": goes, "stays": stay}


def _between(near: Mapping[str, list[list[Any]]]) -> float:
    """The middle between the last weight that goes and the first that stays."""
    if not near["goes"]:
        return 0.0
    sides = [abs(near["goes"][-1][0]), *(abs(one[0]) for one in near["stays"][:1])]
    return float(f"{sum(sides) / len(sides):.5g}")


def _histogram(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Counts of signed weights in bins that lie the same on both sides of zero."""
    every = torch.cat([w.flatten() for w in weights.values()]).numpy()
    most = float(np.abs(every).max()) or 1.0
    counts, _edges = np.histogram(every, bins=BINS, range=(-most, most))
    return {"most": float(f"{most:.5g}"), "counts": counts.tolist()}


def _layer(name: str, weight: Tensor, ends: Mapping[str, Tensor]) -> dict[str, Any]:
    """A layer, and its picture: real weights in their places, one letter a fact of each.

    ``shade`` is the size in thirtieths, 31 more for negative weights; ``ends`` the stop at which
    the weight goes, by the place of the cut.
    """
    rows = _spread(weight.shape[0], HIGH)
    columns = _spread(weight[0].numel(), WIDE)
    small = weight.reshape(len(weight), -1)[rows][:, columns]
    size = (small.abs() / (weight.abs().max() + 1e-30) * 30).round().int()
    return {
        "name": name,
        "units": weight.numel(),
        "shape": list(weight.shape),
        "wide": len(columns),
        "shade": _letters(size + 31 * (small < 0).int()),
        "ends": {
            place: _letters(end.reshape(len(end), -1)[rows][:, columns])
            for place, end in ends.items()
        },
    }


def _letters(values: Tensor) -> str:
    return "".join(LETTERS[int(v)] for v in values.flatten())


def _spread(length: int, most: int) -> list[int]:
    """Evenly spread places, all of them where there are few."""
    step = max(1, math.ceil(length / most))
    return list(range(0, length, step))


def main(ordered: Mapping[str, Any], folder: Path) -> int:
    """Write the cuts into a folder, and say how far it is."""
    return aside.respond(folder / FILE, "Loading PyTorch", lambda tell: compute(ordered, tell))


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
