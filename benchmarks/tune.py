"""How the recipes of methods that learn their sparsity were chosen: by validation accuracy.

    python benchmarks/tune.py [--seeds 3] [--write]   # --write: docs/tuning.md

Every setting is trained on digits with seeds that no table of results uses; the mean validation
accuracy at the end, over the sparsities and the seeds, chooses. The test part is never opened.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.cover import Cover
from prunelab.events import Epoch
from prunelab.experiment import one_thread
from prunelab.job import prepare
from prunelab.lab import Lab, state
from prunelab.learn import train_and_prune
from prunelab.registry import METHODS
from prunelab.spec import RunSpec

PAGE = Path(__file__).parents[1] / "docs" / "tuning.md"
FIRST_SEED = 10  # results are told of the seeds from 0
SPARSITIES = {
    "variational-dropout": (0.9, 0.98, 0.99),  # at 99 % one sees which settings stand at a cliff
    "l0": (0.9, 0.98),
}
RECIPE = ("lr", "milestones")
LR, LATE = (3e-3, 1e-2, 3e-2), ((0.9,), (0.5, 0.8))
RATES = (0.02, 0.05, 0.1)
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "variational-dropout": {"lr": LR, "milestones": LATE, "noise_lr": RATES},
    "l0": {"lr": LR, "milestones": LATE, "gate_lr": RATES},
}


class Row(NamedTuple):
    """One setting, and the validation accuracy in percent of every run with it."""

    setting: dict[str, Any]
    found: list[float]


def accuracy(method: str, setting: dict[str, Any], sparsity: float, seed: int) -> float:
    """Validation accuracy in percent at the end of one training."""
    knobs = {name: value for name, value in setting.items() if name not in RECIPE}
    job = prepare(RunSpec(method=method, sparsity=sparsity, seed=seed, knobs=knobs))
    job = replace(job, train=replace(job.train, **{n: setting[n] for n in RECIPE}))
    net = job.build()
    lab = Lab(net=net, first=state(net), mask={}, cover=Cover({}))
    seen = [event for event in train_and_prune(job, lab) if isinstance(event, Epoch)]
    return 100 * seen[-1].accuracy


def tune(method: str, seeds: int) -> Iterator[Row]:
    """Every setting of a method's grid."""
    grid = GRIDS[method]
    for values in itertools.product(*grid.values()):
        setting = dict(zip(grid, values, strict=True))
        runs = itertools.product(SPARSITIES[method], range(FIRST_SEED, FIRST_SEED + seeds))
        yield Row(setting, [accuracy(method, setting, s, seed) for s, seed in runs])


def best(rows: list[Row]) -> Row:
    """The setting of highest mean; the first of equals."""
    return max(rows, key=lambda row: statistics.fmean(row.found))


def chosen(method: str, setting: dict[str, Any]) -> bool:
    """Whether a setting is the default of the method."""
    entry = METHODS[method]
    default = {knob.name: knob.default for knob in entry.knobs} | dict(entry.recipe)
    return all(default[name] == value for name, value in setting.items())


def page(found: dict[str, list[Row]], seeds: int) -> str:
    """The text of docs/tuning.md."""
    lines = [
        "# How recipes were chosen",
        "",
        "Written by `python benchmarks/tune.py --write`. LeNet-300-100 on digits, the epochs of",
        f"the data set, seeds {FIRST_SEED} to {FIRST_SEED + seeds - 1}: mean ± sample deviation of",
        "the **validation** accuracy in percent over sparsities and seeds; the highest mean is the",
        "default. The test part is never opened, and no result is told of these seeds.",
    ]
    for method, rows in found.items():
        names = list(rows[0].setting)
        shares = ", ".join(f"{s:.0%}" for s in SPARSITIES[method])
        lines += ["", f"## {method}", "", f"Sparsities {shares}.", ""]
        lines += [f"| {' | '.join(names)} | accuracy | |"]
        lines += [f"|{' --- |' * (len(names) + 2)}"]
        for row in rows:
            values = " | ".join(f"{row.setting[name]}" for name in names)
            spread = f"{statistics.fmean(row.found):.2f} ± {statistics.stdev(row.found):.2f}"
            note = "highest" if row is best(rows) else ""
            note += ", default" if note and chosen(method, row.setting) else ""
            lines += [f"| {values} | {spread} | {note} |"]
    return "\n".join([*lines, ""])


def main() -> None:
    """Print every setting, and write the page where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found: dict[str, list[Row]] = {}
    with one_thread():
        for method in GRIDS:
            found[method] = []
            for row in tune(method, args.seeds):
                found[method].append(row)
                print(f"{method} {row.setting}: {statistics.fmean(row.found):.2f} %", flush=True)
            print(f"{method}: {best(found[method]).setting}", flush=True)
    if args.write:
        PAGE.write_text(page(found, args.seeds), encoding="utf-8")


if __name__ == "__main__":
    main()
