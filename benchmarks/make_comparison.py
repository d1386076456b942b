"""Makes the comparison and the search that ship: ``python benchmarks/make_comparison.py``.

Real runs, some minutes: three methods prune a perceptron on digits at five sparsities with three
seeds, and a bisection looks for the balance. Runs are kept in the store, so that a second call goes
on where the first was stopped.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tqdm import tqdm

import prunelab as pl
from prunelab import answers, examples
from prunelab.controls import EQUAL_TIME, controls, every
from prunelab.events import Result
from prunelab.notebook import Run
from prunelab.spec import RunSpec, sweep

HEADLINE = ("key", "status", "spec", "unit", "sparsity", "plan", "seconds")
SETTINGS = ("recover", "recipe", "parts", "classes")
STAGE = (
    *("accuracy", "validation_accuracy", "loss", "confusion", "params", "nonzero", "macs"),
    *("bytes", "latency_ms", "training"),
)
MANIFEST = ("seed", "data", "prunelab", "torch", "python")
MASKED = 0  # the seed whose masks are kept


def main() -> None:
    """Run everything, and write headline numbers, answers and some masks."""
    specs = compared()
    into = examples.FOLDER / "comparison"
    shutil.rmtree(into, ignore_errors=True)
    told = []
    for spec in tqdm(specs):
        run = pl.run(progress=False, **vars(spec))
        told.append(headline(run.result))
        kept = examples.compared_folder(spec.key)
        kept.mkdir(parents=True)
        shutil.copy(run.folder / answers.FILE, kept)
        if spec.seed == MASKED:
            shutil.copy(run.folder / "masks.safetensors", kept)
    _write("comparison", told)
    _write("controls", [headline(run.result) for run in _controls(specs)])
    found, runs = pl.balance(
        tolerated=examples.TOLERATED,
        seed=range(examples.SEARCH_SEEDS),
        progress=False,
        **examples.SEARCHED.to_json(),
    )
    sys.stderr.write(f"{found}\n")
    _write("balance", [headline(run.result) for run in runs])


def _controls(specs: Iterable[RunSpec]) -> Iterator[Run]:
    method = examples.COMPARED.method
    for spec in specs:
        if (spec.sparsity, spec.method, spec.scope) == (examples.CONTROLLED, method, ""):
            plan = pl.run(progress=False, **vars(spec)).result.plan
            for control in tqdm(every(spec, plan).values()):
                yield pl.run(progress=False, **vars(control))


def compared() -> list[RunSpec]:
    """Every method at every sparsity, magnitude layer by layer too, and dense trained as long."""
    axes = {"sparsity": examples.COMPARED_SPARSITIES, "seed": range(examples.COMPARED_SEEDS)}
    lines = sweep(examples.COMPARED, method=examples.COMPARED_METHODS, **axes)
    lines += sweep(replace(examples.COMPARED, scope="uniform"), **axes)
    first = [spec for spec in lines if spec.sparsity == examples.CONTROLLED and not spec.scope]
    dense = [
        controls(spec)[EQUAL_TIME] for spec in first if spec.method == examples.COMPARED.method
    ]
    return lines + dense


def headline(result: Result) -> dict[str, Any]:
    """What the pages need of a run."""
    body = result.to_json()
    stages = {
        stage: {name: body[stage][name] for name in STAGE if name in body[stage]}
        for stage in ("dense", "pruned", "recovered")
    }
    settings = {name: body["settings"][name] for name in SETTINGS}
    manifest = {name: body["manifest"][name] for name in MANIFEST if name in body["manifest"]}
    own = {name: getattr(result, name) for name in HEADLINE}
    return own | stages | {"settings": settings, "manifest": manifest}


def _write(name: str, told: list[dict[str, Any]]) -> None:
    text = json.dumps(told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / f"{name}.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())
    sys.stderr.write(f"{name}: {len(told)} runs, {len(text):,} bytes\n")


if __name__ == "__main__":
    main()
