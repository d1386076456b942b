"""LLM-Rank and its rivals on a small language model; writes the table of docs/language-models.md.

A decoder in the style of Llama learns Shakespeare letter by letter, three seeds; a share of the
neurons of every MLP is removed, nothing is trained afterwards. Perplexity on the test part.

    PRUNELAB_DATA=folder-with-shakespeare.txt python benchmarks/language.py
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from written import put

from prunelab.events import fold
from prunelab.experiment import run
from prunelab.spec import RunSpec

METHODS = ("llm-rank", "llm-rank-modified", "activation-norm", "l1-filter", "random-filter")
SPARSITIES, SEEDS = (0.2, 0.3, 0.4), range(3)
BASE = RunSpec(
    data="text",
    model="decoder",
    recover="none",
    epochs=4,
    data_knobs={
        "file": str(Path(os.environ.get("PRUNELAB_DATA", ".")) / "shakespeare.txt"),
        "characters": 300_000,
    },
)


def perplexities(method: str, sparsity: float, dense: Path) -> list[tuple[float, float]]:
    """Of each seed the dense and the pruned perplexity on the test part."""
    found = []
    for seed in SEEDS:
        spec = RunSpec(**{**vars(BASE), "method": method, "sparsity": sparsity, "seed": seed})
        result = fold(run(spec, dense=dense))
        if result.status != "finished":
            sys.exit(f"{method} at {sparsity}, seed {seed}: {result.reason}")
        found.append((result.dense["perplexity"], result.recovered["perplexity"]))
        sys.stderr.write(f"{method} {sparsity} seed {seed}: {found[-1][1]:.3f}\n")
    return found


def table() -> str:
    """The Markdown table: mean ± sample deviation over the seeds."""
    head = ["method", *(f"{100 * s:.0f} % of the neurons removed" for s in SPARSITIES)]
    lines = [head, ["---"] * len(head)]
    whole: list[float] = []
    with TemporaryDirectory() as folder:
        for method in METHODS:
            each = [perplexities(method, s, Path(folder)) for s in SPARSITIES]
            whole = [dense for dense, _ in each[0]]
            lines.append([f"`{method}`", *(shown([after for _, after in e]) for e in each)])
    lines.insert(2, ["dense", *[shown(whole)] * len(SPARSITIES)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(values: list[float]) -> str:
    """Mean and sample deviation."""
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f}"


def main() -> None:
    """Measure, and put the table in its place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="only print the table")
    only = parser.parse_args().print
    found = table()
    sys.stdout.write(f"{found}\n")
    if not only:
        put("language-models.md", "rivals", found)


if __name__ == "__main__":
    main()
