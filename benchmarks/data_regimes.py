"""Which examples to keep: accuracy by method and share kept, clean and with wrong labels.

``python benchmarks/data_regimes.py [--write] [--seeds 3]`` runs every way of choosing examples, on
digits and on 10,000 rows of MNIST; ``--write`` puts the tables into docs/data-pruning.md. Runs are
kept in the store (PRUNELAB_HOME), so that after a break it goes on.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm
from written import put

import prunelab as pl

FLIP = 0.2
KEPT = (0.05, 0.1, 0.3, 0.6)
FEWER = (0.3,)  # where labels are wrong, on the larger data set
SUBJECTS: dict[str, dict[str, Any]] = {
    "digits": {"data": "digits"},
    "MNIST, 10,000 rows": {
        "data": "mnist",
        "data_knobs": {"limit": 10_000},
        "epochs": 10,
        "lr": 0.03,  # of 0.1, 0.03, 0.01 and 0.003 the best of the dense network on validation
    },
}
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "random-examples": ({}, ""),
    "random-examples, each class": ({}, "uniform"),
    "el2n": ({}, ""),
    "el2n, easiest": ({"keep": "easiest"}, ""),
    "el2n, hardest 10 % skipped": ({"skip": 0.1}, ""),
    "grand": ({}, ""),
    "forgetting": ({}, ""),
    "aum": ({}, ""),
    "aum, easiest": ({"keep": "easiest"}, ""),
    "aum, each class": ({}, "uniform"),
    "aum, easiest, each class": ({"keep": "easiest"}, "uniform"),
    "data-map": ({}, ""),
    "ccs": ({}, ""),
    "moderate": ({}, ""),
    "herding": ({}, ""),
    "k-center": ({}, ""),
    "prototypes": ({}, ""),
    "label-errors": ({}, ""),
    "condensed-nn": ({}, ""),
    "edited-nn": ({}, ""),
}
NOISY = ("random-examples", "el2n", "aum", "aum, easiest")
SLOW = ("condensed-nn", "edited-nn")  # many distances between 784 numbers: on digits alone
FINDERS = ("aum", "el2n", "grand", "forgetting", "label-errors")


class Cell(NamedTuple):
    """The runs of one way at one share, one for each seed."""

    way: str
    kept: float
    runs: Sequence[Any]

    @property
    def accuracies(self) -> list[float]:
        """Test accuracy after as many steps as on all examples."""
        return [run.result.recovered["accuracy"] for run in self.runs]


def main() -> None:
    """Run the tables and print or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=list(SUBJECTS))
    asked = parser.parse_args()
    text = (
        f"Test accuracy in %, mean ± sample deviation of {asked.seeds} seeds, on "
        f"{platform.machine()}. Bold is further above random than twice the standard error of the "
        f"difference, italic as far below.\n"
    )
    for name, subject in SUBJECTS.items():
        if asked.only in (None, name):
            text += "".join(_section(name, subject, range(asked.seeds)))
    if asked.write:
        put("data-pruning.md", "regimes", text)
    sys.stdout.write(text)


def _section(name: str, subject: dict[str, Any], seeds: Sequence[int]) -> Iterator[str]:
    for flip in (0.0, FLIP):
        words = f"{FLIP:.0%} of the training labels wrong" if flip else "clean labels"
        small = subject["data"] == "digits"
        kept, ways = (KEPT, tuple(WAYS)) if small or not flip else (FEWER, NOISY)
        ways = tuple(way for way in ways if small or way not in SLOW)
        cells = list(_cells(subject, flip, seeds, ways, kept, f"{name}, {words}"))
        whole = [run.result.dense["accuracy"] for run in cells[0].runs]
        yield f"\n**{name}, {words}.** All examples: {_spread(whole)}.\n\n"
        yield "| method | " + " | ".join(f"{k:.0%} kept" for k in kept) + " |\n"
        yield "| --- " * (len(kept) + 1) + "|\n"
        random = {c.kept: c.accuracies for c in cells if c.way == "random-examples"}
        for way in ways:
            row = [_marked(c.accuracies, random[c.kept]) for c in cells if c.way == way]
            method = way.split(",")[0]
            yield f"| `{method}`{way[len(method) :]} | {' | '.join(row)} |\n"
        if flip:
            yield f"\nHow well a score finds the wrong labels (ROC-AUC): {_found(cells)}.\n"


def _cells(
    subject: dict[str, Any],
    flip: float,
    seeds: Sequence[int],
    ways: Sequence[str],
    shares: Sequence[float],
    words: str,
) -> Iterator[Cell]:
    knobs = subject.get("data_knobs", {}) | ({"flip": flip} if flip else {})
    with tqdm(total=len(ways) * len(shares) * len(seeds), desc=words) as bar:
        for way in ways:
            chosen, scope = WAYS[way]
            for kept in shares:
                fields = {
                    **subject,
                    "model": "mlp",
                    "method": way.split(",")[0],
                    "sparsity": round(1 - kept, 4),
                    "scope": scope,
                    "knobs": chosen,
                    "data_knobs": knobs,
                }
                runs = []
                for seed in seeds:
                    runs.append(pl.run(**fields, seed=seed, progress=False))
                    bar.update()
                yield Cell(way, kept, runs)


def _found(cells: Sequence[Cell]) -> str:
    """ROC-AUC of difficulty against the labels that were flipped."""
    words = []
    ways = {cell.way for cell in cells}
    for method in (name for name in FINDERS if name in ways):
        runs = next(c.runs for c in cells if c.way == method and c.kept == 0.3)
        areas = []
        for run in runs:
            with np.load(run.folder / "examples.npz", allow_pickle=False) as kept:
                area = roc_auc_score(kept["wrong"], kept["score"])
            areas.append(area if method != "label-errors" else 1 - area)  # it keeps the right ones
        spread = statistics.stdev(areas) if len(areas) > 1 else 0.0
        words.append(f"{method} {statistics.fmean(areas):.3f} ± {spread:.3f}")
    return ", ".join(words)


def _marked(values: list[float], random: list[float]) -> str:
    """A cell, marked where it is apart from random by more than twice the standard error."""
    text = _spread(values)
    if len(values) < 2 or values == random:
        return text
    error = (statistics.variance(values) / len(values)) + statistics.variance(random) / len(random)
    gap = statistics.fmean(values) - statistics.fmean(random)
    if abs(gap) <= 2 * error**0.5:
        return text
    return f"**{text}**" if gap > 0 else f"*{text}*"


def _spread(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{100 * statistics.fmean(values):.1f} ± {100 * deviation:.1f}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
