"""What the papers say and what comes out here: the rows that need no GPU and no night.

    python benchmarks/reproductions.py [--seeds 5] [--write]   # --write: docs/reproductions.md

Rows A-1, L-1, F-1, F-2 and N-1 are exact and take seconds; the table of methods on digits takes a
few minutes.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from prunelab.events import fold
from prunelab.experiment import run
from prunelab.masks import allocate, select
from prunelab.probes import reached, weights
from prunelab.registry import METHODS
from prunelab.spec import RunSpec

PAGE = Path(__file__).parents[1] / "docs" / "reproductions.md"
SPARSITY = 0.98
DIGITS: dict[str, dict[str, str]] = {
    "random, uniform": {"method": "random", "recover": "rewind"},
    "random, Erdős-Rényi-kernel": {"method": "static"},
    "magnitude before training": {"method": "magnitude-at-init"},
    "SNIP": {"method": "snip"},
    "iterative SNIP": {"method": "iterative-snip"},
    "FORCE": {"method": "force"},
    "GraSP": {"method": "grasp"},
    "SynFlow": {"method": "synflow"},
    "SET": {"method": "set"},
    "RigL": {"method": "rigl"},
    "magnitude after training, uniform": {"method": "magnitude", "scope": "uniform"},
    "magnitude after training, global": {"method": "magnitude", "scope": "global"},
    "gradual magnitude, global": {"method": "gradual-magnitude", "scope": "global"},
    "lottery ticket": {"method": "lottery-ticket"},
    "movement": {"method": "movement"},
    "soft movement": {"method": "soft-movement"},
    "variational dropout": {"method": "variational-dropout"},
    "L0": {"method": "l0"},
}
# Stable at this size: the first is worse than the second by far more than their spread.
ORDER = [
    ("random, uniform", "random, Erdős-Rényi-kernel"),
    ("random, Erdős-Rényi-kernel", "SET"),
    ("SET", "RigL"),
    ("magnitude after training, uniform", "magnitude after training, global"),
    ("magnitude before training", "SNIP"),
    *(
        ("random, uniform", name)
        for name in ("SNIP", "iterative SNIP", "FORCE", "GraSP", "SynFlow")
    ),
]


class Row(NamedTuple):
    """One claim: what was published, what was found, whether it holds."""

    name: str
    published: str
    found: str
    holds: bool


def erk() -> Row:
    """A-1: what Erdős-Rényi-kernel keeps of LeNet-300-100 at 90 and 98 %."""
    scores = {
        n: torch.rand(s) for n, s in {"1": (300, 784), "2": (100, 300), "3": (10, 100)}.items()
    }
    found = [list(allocate(scores, s, "erk").values()) for s in (0.9, 0.98)]
    pinned = [[18714, 6906, 1000], [3621, 1336, 367]]
    near = all(
        abs(a - b) <= 1
        for f, p in zip(found, pinned, strict=True)
        for a, b in zip(f, p, strict=True)
    )
    return Row(
        "A-1 ERK of LeNet-300-100, weights kept at 90 and 98 %", str(pinned), str(found), near
    )


def ladder() -> Row:
    """L-1: weights left after 3, 7, 9, 15 and 16 rounds of the lottery."""
    layers = [nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)]
    scores = METHODS["lottery-ticket"].function(nn.Sequential(*layers), None)
    sizes, rates = (235_200, 30_000, 1_000), (0.8, 0.8, 0.9)
    found, same = [], True
    for number in (3, 7, 9, 15, 16):
        exact = [n * r**number for n, r in zip(sizes, rates, strict=True)]
        kept = allocate(scores, 1 - round(sum(exact)) / sum(sizes)).values()
        same &= all(abs(k - e) <= 1.5 for k, e in zip(kept, exact, strict=True))
        found.append(round(100 * sum(kept) / sum(sizes), 1))
    published = [51.3, 21.1, 13.5, 3.6, 2.9]
    return Row(
        "L-1 lottery ladder, % left", str(published), str(found), same and found == published
    )


def flow(seed: int) -> dict[str, tuple[list[int], int]]:
    """F-1, F-2: a deep network pruned to one weight a layer; per method counts and live outputs."""
    torch.manual_seed(seed)
    sizes = [64, 100, 100, 100, 100, 100, 10]
    layers = [nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(sizes)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    body = itertools.chain.from_iterable((layer, nn.ReLU()) for layer in layers)
    net = nn.Sequential(*body)[:-1].double()
    data = (torch.randn(200, 64).double(), torch.arange(200) % 10)
    sparsity = 1 - 6 / 47_400
    given = {"sparsity": sparsity, "seed": seed}
    names = {"synflow": ("sparsity",), "snip": ("seed",), "grasp": ("seed",), "magnitude": ()}
    scores = {
        n: METHODS[n].function(net, data, **{k: given[k] for k in a}) for n, a in names.items()
    }
    scores["synflow in one step"] = METHODS["synflow"].function(
        net, data, sparsity=sparsity, score_rounds=1
    )
    scores["random"] = {n: torch.rand(w.shape) for n, w in weights(net).items()}
    return {name: _pruned(net, s, sparsity) for name, s in scores.items()}


def _pruned(net: nn.Module, scores: dict[str, Tensor], sparsity: float) -> tuple[list[int], int]:
    mask = select(scores, allocate(scores, sparsity))
    held = {n: w.detach().clone() for n, w in weights(net).items()}
    with torch.no_grad():
        for name, w in weights(net).items():
            w.mul_(mask[name])
        live = reached(net, (64,))[0]
        for name, w in weights(net).items():
            w.copy_(held[name])
    return [int(m.sum()) for m in mask.values()], live


def collapse() -> list[Row]:
    """F-1 and F-2 over three seeds."""
    found = [flow(seed) for seed in range(3)]
    best = [f["synflow"] for f in found]
    rest = {name: max(f[name][1] for f in found) for name in found[0] if name != "synflow"}
    alive = all(counts == [1] * 6 and live == 1 for counts, live in best)
    dead = ", ".join(f"{name} {live}" for name, live in rest.items())
    return [
        Row(
            "F-1 SynFlow at one weight a layer", "one weight a layer, a live path", str(best), alive
        ),
        Row("F-2 the others there, live outputs", "none", dead, not any(rest.values())),
    ]


def two_of_four() -> Row:
    """N-1: exactly two of four, and the largest ones."""
    net = nn.Sequential(nn.Linear(784, 300))
    mask = select(METHODS["n-m"].function(net, None, sparsity=0.5), {"0": 117_600})["0"]
    blocks = net[0].weight.detach().abs().reshape(-1, 4)
    kept = (blocks * mask.reshape(-1, 4)).sum(1)
    best = bool((mask.reshape(-1, 4).sum(1) == 2).all()) and torch.allclose(
        kept, blocks.topk(2).values.sum(1)
    )
    return Row(
        "N-1 2:4", "50 %, the two largest of each four", f"{float(mask.float().mean()):.0%}", best
    )


def digits(seeds: int, tell: Callable[[str], None] = print) -> dict[str, list[float]]:
    """Test error in percent of every method at 98 %, one per seed."""
    found = {}
    for name, changes in DIGITS.items():
        results = [fold(run(RunSpec(sparsity=SPARSITY, seed=s, **changes))) for s in range(seeds)]
        found[name] = [100 * (1 - r.recovered["accuracy"]) for r in results]
        tell(f"{name}: {_spread(found[name])}")
    return found


def orderings(found: dict[str, list[float]]) -> list[Row]:
    """The pairs whose order is stable."""
    mean = {name: statistics.fmean(errors) for name, errors in found.items()}
    return [
        Row(
            f"{worse} > {better}",
            "greater",
            f"{mean[worse]:.1f} > {mean[better]:.1f}",
            mean[worse] > mean[better],
        )
        for worse, better in ORDER
    ]


def _spread(errors: list[float]) -> str:
    return f"{statistics.fmean(errors):.2f} ± {statistics.pstdev(errors):.2f}"


def page(rows: list[Row], found: dict[str, list[float]]) -> str:
    """The text of docs/reproductions.md."""
    seeds = len(next(iter(found.values())))
    lines = [
        "# Reproductions",
        "",
        "Written by `python benchmarks/reproductions.py --write`; definitions are on the methods'",
        f"cards. torch {torch.__version__}, {platform.machine()}, one thread.",
        "",
        "| claim | published | found | holds |",
        "| --- | --- | --- | --- |",
        *(f"| {r.name} | {r.published} | {r.found} | {'yes' if r.holds else 'no'} |" for r in rows),
        "",
        f"## Digits at {SPARSITY:.0%}, LeNet-300-100, {seeds} seeds",
        "",
        "Test error in percent, mean ± deviation over seeds; the default recipe of the model. The",
        "test part has 360 images, so one image is 0.28 points.",
        "",
        "| method | error |",
        "| --- | --- |",
        *(f"| {name} | {_spread(errors)} |" for name, errors in found.items()),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Print every row, and write the page where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    exact = [erk(), ladder(), *collapse(), two_of_four()]
    found = digits(args.seeds)
    rows = [*exact, *orderings(found)]
    for row in rows:
        verdict = "holds" if row.holds else "FAILS"
        print(f"{verdict}: {row.name}: {row.found} (published: {row.published})")
    if args.write:
        PAGE.write_text(page(rows, found), encoding="utf-8")


if __name__ == "__main__":
    main()
