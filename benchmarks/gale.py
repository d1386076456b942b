"""docs/gale.md and its figure, from the record of row G-1 alone.

python -m benchmarks.reproductions --only G-1    # measures
python -m benchmarks.gale                        # writes the page
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.pictures import picture
from benchmarks.reproductions import book, gale, report
from prunelab import figures
from prunelab.events import Result
from prunelab.spec import RunSpec

DOCS = Path(__file__).parents[1] / "docs"
Numbers = Mapping[str, Sequence[float]]
HEAD = """# Five ways to a sparse network, at equal budget

Gale, Elsen and Hooker (2019) trained the same network with several methods at the same cost and
asked which keeps most of its accuracy. This is that comparison at the size of a laptop:
LeNet-300-100 on digits. Every network trains from first values for the same number of epochs and
ends with exactly as many weights; random pruning draws its mask first and trains what is left.

```sh
.venv/bin/prunelab sweep --preset gale --data digits
```

In a notebook it is `pl.sweep(preset="gale", data="digits")`; on the Sweep page, *Compare*.

![Accuracy against sparsity of the five methods](gale.png)
"""


def main() -> None:
    """Write both."""
    record = book.load()["G-1"]
    (DOCS / "gale.md").write_text(page(record), encoding="utf-8")
    draw(record["numbers"], DOCS / "gale.png")


def page(record: Mapping[str, Any]) -> str:
    """The text of the page."""
    numbers = record["numbers"]
    shares = " | ".join(f"{100 * s:g} %" for s in gale.GALE.sparsity)
    rows = [
        f"| {method} | "
        + " | ".join(report.spread(numbers[gale.quantity(method, s)]) for s in gale.GALE.sparsity)
        + " |"
        for method in gale.GALE.methods
    ]
    lines = [
        HEAD,
        f"Test error in per cent, mean ± sample deviation of {record['seeds']} seeds, "
        f"{record['epochs']} epochs; the dense network: "
        f"{report.spread(numbers[gale.DENSE])}. One of the 360 test images is 0.28 points.",
        "",
        f"| method | {shares} |",
        "| --- |" + " --- |" * len(gale.GALE.sparsity),
        *rows,
        "",
        words(numbers),
        "",
        "Written by `python -m benchmarks.gale` from `reproductions.json`.",
        "",
    ]
    return "\n".join(lines)


def words(numbers: Numbers) -> str:
    """What the table says, by its own numbers."""
    at = max(gale.GALE.sparsity)
    order = sorted(gale.GALE.methods, key=lambda m: gale.mean(numbers, gale.quantity(m, at)))
    worst = "Random is worst" if gale.random_is_worst(numbers) else "Random is not always worst"
    return f"{worst} from 90 % on. At {100 * at:g} % the order is: {', '.join(order)}."


def results(numbers: Numbers) -> list[Result]:
    """As much of each run as the figure needs."""
    return [
        Result(
            key=f"{method}-{sparsity:g}-{seed}",
            status="finished",
            spec=RunSpec(method=method, sparsity=sparsity, seed=seed).to_json(),
            sparsity={"asked": sparsity, "achieved": sparsity},
            dense={"accuracy": 1 - numbers[gale.DENSE][seed] / 100},
            recovered={"accuracy": 1 - wrong / 100},
        )
        for method in gale.GALE.methods
        for sparsity in gale.GALE.sparsity
        for seed, wrong in enumerate(numbers[gale.quantity(method, sparsity)])
    ]


def draw(numbers: Numbers, file: Path) -> None:
    """The figure of the Sweep page as a picture."""
    figure = figures.tradeoff(results(numbers), log=True).figure
    figure.update_layout(width=1000, height=520)
    picture(figure, file)


if __name__ == "__main__":
    main()
