"""Structured methods at the same cost: accuracy with a spread over seeds, and what is smaller.

python benchmarks/structured_table.py digits [--seeds 5] [--write]
python benchmarks/structured_table.py mnist --seeds 3 [--write]

Every run of a seed starts from the same dense network and fine-tunes as long; the sparsity is the
share of the filters of every layer. With --write the table goes into docs/structured.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from written import put

from prunelab.events import Failed, fold
from prunelab.experiment import run
from prunelab.spec import RunSpec

CASES = {
    "digits": RunSpec(
        model="resnet-narrow", sparsity=0.5, scope="uniform", epochs=20, recover_epochs=10
    ),
    "mnist": RunSpec(
        data="mnist", model="lenet-5", sparsity=0.8, scope="uniform", epochs=1, recover_epochs=1
    ),
}
METHODS = (
    "random-filter", "l1-filter", "l2-filter", "fpgm", "taylor", "apoz", "thinet", "hrank",
    "effective-rank",
)  # fmt: skip
CONTROLS = (("l1-filter", "scratch-e"), ("l1-filter", "distill"), ("l1-filter", "recalibrate"))


def main() -> None:
    """Print the table, or write it where it is shown."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("case", choices=CASES)
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for line in table(CASES[given.case], range(given.seeds), Path(folder)):
            print(line, flush=True)
            lines.append(line)
    if given.write:
        put("structured.md", f"accuracy {given.case}", "\n".join(lines))


def table(base: RunSpec, seeds: Sequence[int], dense: Path) -> Iterator[str]:
    """The rows: a method or a control each."""
    yield (
        f"{base.data}, {base.model}, {base.sparsity:.0%} of the filters of every layer, "
        f"{len(seeds)} seeds, epochs: {base.epochs} dense and {base.recover_epochs} after pruning; "
        f"accuracy in % on the test part, mean ± standard deviation.\n"
    )
    yield "| method | recovered by | right after | recovered | parameters | multiply-adds |"
    yield "|---|---|---|---|---|---|"
    first = [(method, "finetune") for method in METHODS]
    normalised = base.model != "lenet-5"  # else there are no statistics to measure anew
    controls = [c for c in CONTROLS if normalised or c[1] != "recalibrate"]
    for number, (method, recover) in enumerate([*first, *controls]):
        spec = replace(base, method=method, recover=recover)
        found = [_result(replace(spec, seed=seed), dense) for seed in seeds]
        if number == 0:
            yield _row("dense", "", "", [r.dense for r in found])
        after = _spread([r.pruned["accuracy"] for r in found])
        yield _row(method, recover, after, [r.recovered for r in found])


def _row(method: str, recover: str, after: str, measured: Sequence[Any]) -> str:
    first = measured[0]
    accuracy = _spread([m["accuracy"] for m in measured])
    return (
        f"| {method} | {recover} | {after} | {accuracy} | {first['params']:,} | "
        f"{first['macs']['shipped']:,} |"
    )


def _result(spec: RunSpec, dense: Path) -> Any:
    events = list(run(spec, dense=dense))
    if isinstance(events[-1], Failed):
        raise SystemExit(events[-1].reason)
    return fold(events)


def _spread(values: Sequence[float]) -> str:
    percent = [100 * v for v in values]
    return f"{statistics.mean(percent):.1f} ± {statistics.stdev(percent):.1f}"


if __name__ == "__main__":
    main()
