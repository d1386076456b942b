"""Looks inside a network for the Structure page: ``python -m prunelab.structuring ORDER FOLDER``.

Scores, costs and pictures come first, so that the page has something to show; then every layer is
pruned alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prunelab import aside
from prunelab.experiment import one_thread
from prunelab.filters.maps import maps
from prunelab.filters.ranks import effective_rank, numerical_rank
from prunelab.forecasting import Tell, trained
from prunelab.job import Job, prepare
from prunelab.masks import Scores
from prunelab.measure.macs import OTHERS, macs
from prunelab.parts import Parts
from prunelab.reasoning import choices
from prunelab.scoring import score
from prunelab.sensitivities import SPARSITIES, scan
from prunelab.spec import RunSpec, SpecError
from prunelab.structure import PEERS, PICTURES, SCAN, STUDY
from prunelab.surgery import Plan, shrink
from prunelab.units import filters, heads
from prunelab.units.planning import example_of

LOOKED, SHOWN = 64, 3  # examples whose maps are ranked, and shown
FEW = 24  # maps of a layer that are shown: half of the highest rank, half of the lowest
ASKING = 0.99  # of the progress bar, when the other methods are asked
LONGEST = 1024  # weights of a neuron that a picture shows
PLANS = {"filters": filters.planned, "heads": heads.planned}


def compute(ordered: Mapping[str, Any], folder: Path, tell: Tell) -> None:
    """Write a study, its pictures and its scan into a folder.

    Raises:
        SpecError: a spec that cannot run, or units that cannot be counted apart.
    """
    job = prepare(RunSpec.from_json(ordered["spec"]))
    with one_thread():
        net = trained(job, tell).eval()
        tell("Scoring", 0.4)
        scores = score(job.method, job.unit, net, job.parts, job.spec)
        plan = PLANS[job.unit_entry.name](net, job.parts)
        tell("Looking at filters and maps", 0.45)
        arrays = _filters(net, job.parts, plan) | _maps(net, job.parts, plan)
        np.savez_compressed(folder / PICTURES, allow_pickle=False, **arrays)
        _write(folder / STUDY, _study(job, net, scores, plan) | {"order": dict(ordered)})
        found = scan(job, net, scores, SPARSITIES, tell)
    told = {name: sorted(row.items()) for name, row in found.accuracies.items()}
    _write(folder / SCAN, {"dense": found.dense, "accuracies": told})
    _write(folder / PEERS, _peers(job, net, tell))


def _peers(job: Job, net: nn.Module, tell: Tell) -> dict[str, Any]:
    """The scores that every other method gives the same units."""
    with one_thread():
        found, _ = choices(job, lambda _: net, lambda words, _: tell(words, ASKING))
    return {
        method: {name: score.double().tolist() for name, score in choice.scores.items()}
        for method, choice in found.items() if method != job.spec.method
    }  # fmt: skip


def _study(job: Job, net: nn.Module, scores: Scores, plan: Plan) -> dict[str, Any]:
    groups = [
        {"name": c.name, "layers": list(c.producers), "scores": scores[c.name].tolist()}
        for c in plan.classes
    ]
    return {
        "spec": job.spec.to_json(),
        "noun": job.unit_entry.noun,
        "label": job.method.label,
        "classes": list(job.parts.classes),
        "groups": groups,
        "inexact": plan.inexact,
        "frozen": plan.frozen,
        "costs": costs(net, plan, example_of(net, job.parts)),
    }


def costs(net: nn.Module, plan: Plan, example: Tensor) -> list[dict[str, Any]]:
    """What each parameter costs, by how many units are kept.

    ``dims`` has a pair for each of its axes: what of it always stays, and what each unit of a group
    adds. ``times`` is how often each of its numbers is multiplied for one example, ``out`` its axis
    of outputs if it is the weight of a layer.

    Raises:
        SpecError: an axis in which two groups lie on top of each other.
    """
    held: dict[tuple[str, int], dict[str, float]] = {}
    for c in plan.classes:
        for member in c.members:
            along = held.setdefault((member.tensor, member.dim), {})
            each = int((member.units >= 0).sum()) / c.size
            along[c.name] = along.get(c.name, 0.0) + each
    sizes = {c.name: c.size for c in plan.classes}
    counted, weights = macs(net, example), _weights(net)
    rows = []
    for name, p in net.named_parameters():
        dims = []
        for d, size in enumerate(p.shape):
            of = held.get((name, d), {})
            fixed = size - sum(each * sizes[group] for group, each in of.items())
            if fixed < -1e-9:
                raise SpecError(f"In {name} units of two groups lie on top of each other.")
            dims.append([fixed, of])
        layer = weights.get(name)
        times = sum(counted.get(one, 0) for one in layer or ()) / p.numel()
        out = next((m.dim for c in plan.classes for m in c.members if m.tensor == name and m.layer),
                   0 if layer else None)  # fmt: skip
        rows.append(
            {"layer": layer[0] if layer else name.rpartition(".")[0] or name, "params": True,
             "times": times, "dims": dims, "out": out}
        )  # fmt: skip
    return rows + _others(net, plan, example, counted)


def _weights(net: nn.Module) -> dict[str, list[str]]:
    """The layers whose weight a parameter is, as multiply-adds name them."""
    names = {id(p): name for name, p in net.named_parameters()}
    found: dict[str, list[str]] = {}
    for name, module in net.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and id(weight) in names and weight.ndim > 1:
            found.setdefault(names[id(weight)], []).append(name or "weight")
    return found


def _others(
    net: nn.Module, plan: Plan, example: Tensor, counted: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Products of no layer, such as those of attention: what each head adds to them."""
    if not counted.get(OTHERS):
        return []
    of = {}
    for c in (c for c in plan.classes if c.heads):
        mask = torch.ones(c.size, dtype=torch.bool)
        mask[0] = False
        of[c.name] = counted[OTHERS] - macs(shrink(plan, net, {c.name: mask}), example)[OTHERS]
    sizes = {c.name: c.size for c in plan.classes}
    fixed = counted[OTHERS] - sum(each * sizes[name] for name, each in of.items())
    return [{"layer": OTHERS, "params": False, "times": 1, "dims": [[fixed, of]], "out": None}]


@torch.no_grad()
def _filters(net: nn.Module, parts: Parts, plan: Plan) -> dict[str, Any]:
    """A small picture of the weights of every unit, by the layer that makes it."""
    found, modules = {}, dict(net.named_modules())
    for c in plan.classes:
        layer = modules.get(c.name.partition("/")[0])
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim in (2, 4) and len(weight) == c.size:
            found[f"filter.{c.name}"] = _picture(weight.float().cpu(), parts.shape).half().numpy()
    return found


def _picture(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(units, height, width): the kernel of the input it weighs most, or all weights, folded."""
    if weight.ndim == 4:
        strongest = weight.flatten(2).norm(dim=2).argmax(1)
        return weight[torch.arange(len(weight)), strongest]
    if len(shape) == 3 and weight.shape[1] == np.prod(shape):
        return weight.reshape(len(weight), *shape).mean(1)
    if weight.shape[1] > LONGEST:
        weight = nn.functional.adaptive_avg_pool1d(weight[:, None], LONGEST)[:, 0]
    wide = int(np.ceil(np.sqrt(weight.shape[1])))
    high = -(-weight.shape[1] // wide)
    return nn.functional.pad(weight, (0, high * wide - weight.shape[1])).reshape(-1, high, wide)


@torch.no_grad()
def _maps(net: nn.Module, parts: Parts, plan: Plan) -> dict[str, Any]:
    """Maps of convolutions: those of a few examples with singular values, ranks of all."""
    modules = dict(net.named_modules())
    layers = [n for c in plan.classes for n in c.producers if isinstance(modules.get(n), nn.Conv2d)]
    if not layers:
        return {}
    like = next(net.parameters())
    chosen = _different(parts)
    x = torch.from_numpy(parts.train.x[chosen]).to(like.device, like.dtype)
    found: dict[str, Any] = {
        "images": parts.train.x[chosen[:SHOWN]].astype(np.float16),
        "labels": parts.train.y[chosen[:SHOWN]],
    }
    for name, (first, *_) in maps(net, x, layers).items():
        if min(first.shape[-2:]) > 1:
            found |= {f"{what}.{name}": a for what, a in _ranked(first.float().cpu()).items()}
    return found


def _ranked(some: Tensor) -> dict[str, Any]:
    """The ranks of all maps of a layer, and the highest and lowest ones whole."""
    mean = numerical_rank(some).double().mean(0)
    order = mean.argsort(descending=True, stable=True)
    units = torch.cat([order[: FEW // 2], order[FEW // 2 :][-FEW // 2 :]])
    shown = some[:SHOWN, units]
    return {
        "rank": mean.numpy(),
        "effective": effective_rank(some).mean(0).numpy(),
        "units": units.numpy(),
        "maps": shown.half().numpy(),
        "ranks": numerical_rank(shown).numpy(),
        "sigma": torch.linalg.svdvals(shown.double()).float().numpy(),
    }


def _different(parts: Parts) -> Any:
    """Examples of the training part, the first ones of different classes."""
    first = np.unique(parts.train.y, return_index=True)[1]
    rest = np.setdiff1d(np.arange(min(len(parts.train.y), LOOKED)), first)
    return np.concatenate([first, rest])[:LOOKED]


def _write(path: Path, told: Mapping[str, Any]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(told, separators=(",", ":")), encoding="utf-8")
    partial.replace(path)


def main(ordered: Mapping[str, Any], folder: Path) -> int:
    """Look, and say how far it is."""
    return aside.work(folder, "Loading PyTorch", lambda tell: compute(ordered, folder, tell))


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
