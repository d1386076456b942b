"""Makes the language models that ship with PruneLab, and what pruning does to them.

    python benchmarks/make_language.py          # --keep leaves the trained weights as they are

Three decoders learn the tales of the project's own grammar; their weights are kept under the hash
of their content. Then, of the first, the neuron methods of the page at every sparsity and seed,
nothing trained afterwards, and one run with all its files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from prunelab import artefacts, examples, pretrained, talk
from prunelab.events import Event, Result, fold, to_json
from prunelab.experiment import run
from prunelab.files import SHIPPED
from prunelab.lm import look
from prunelab.spec import RunSpec, sweep

BASE = RunSpec(
    data="tales", model="decoder", method="random-filter", sparsity=0.0, recover="none",
    data_knobs={"characters": 200_000},
)  # fmt: skip
EPOCHS = {"Llama style": 5, "GPT style": 10, "Pocket": 30}
HEAVY = {"settings": {}, "manifest": {}, "epochs": (), "masks": (), "histograms": {}, "layers": ()}
PROMPT = "on a cold day the crow ran to the mill. "
ASKED = (PROMPT, "the old woman was hungry and wanted ", "two days later the king came back to ")


def main() -> None:
    """Train, prune, write."""
    if "--keep" not in sys.argv:
        shutil.rmtree(SHIPPED, ignore_errors=True)
        SHIPPED.mkdir(parents=True)
        _write(pretrained.INDEX, [train(name) for name in pretrained.SHAPES])
    specs = [
        spec
        for method in pretrained.METHODS
        for spec in sweep(
            replace(pretrained.trained()[pretrained.FIRST].spec, method=method),
            sparsity=pretrained.SPARSITIES,
            seed=range(pretrained.SEEDS),
        )
    ]
    _write(pretrained.SWEEP, [headline(done(spec)) for spec in specs])
    keep_example()


def train(name: str) -> dict[str, Any]:
    """Train one, keep its weights under their hash; the line of the index."""
    spec = replace(BASE, model_knobs=pretrained.SHAPES[name], epochs=EPOCHS[name])
    with tempfile.TemporaryDirectory() as folder:
        result = done(spec, Path(folder))
        content = (Path(folder) / artefacts.DENSE).read_bytes()
    file = f"{hashlib.sha256(content).hexdigest()}.safetensors"
    (SHIPPED / file).write_bytes(content)
    sys.stderr.write(f"{name}: perplexity {result.dense['perplexity']:.3f}\n")
    given = replace(spec, weights=file, epochs=None)
    return {"name": name, "parameters": result.dense["params"], "spec": given.to_json()}


def keep_example() -> None:
    """One run with its events, masks and model, what it says and how fast it is."""
    spec = pretrained.shown()
    there = examples.FOLDER / examples.LANGUAGE
    shutil.rmtree(there, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = list(run(spec, files=folder))
        there.mkdir()
        for file in (artefacts.MASKS, artefacts.MODEL, artefacts.ARCHITECTURE):
            shutil.copy(folder / file, there / file)
    _write(examples.LANGUAGE, [to_json(event) for event in told])
    for prompt in ("", *ASKED):
        place = there / talk.place(Path(name), Path(name), prompt).name
        asked = {"spec": spec.to_json(), "prompt": prompt}
        look.main(asked, there, place)
        (place / "growth.lock").unlink(missing_ok=True)
    (there / "turn.lock").unlink(missing_ok=True)


def done(spec: RunSpec, files: Path | None = None) -> Result:
    """A finished run.

    Raises:
        RuntimeError: it did not finish.
    """
    events: list[Event] = list(run(spec, files=files))
    result = fold(events)
    sys.stderr.write(f"{result.status} {spec.method} {spec.sparsity} {spec.seed}\n")
    if result.status != "finished":
        raise RuntimeError(f"{spec.key}: {result.reason}\n{result.traceback}")
    return result


def headline(result: Result) -> dict[str, Any]:
    """What figures need of a run."""
    short = {**asdict(result), **HEAVY}
    for stage in ("dense", "pruned", "recovered"):
        values = getattr(result, stage)
        short[stage] = {name: values[name] for name in ("accuracy", "perplexity")}
    return short


def _write(name: str, told: Any) -> None:
    with gzip.GzipFile(examples.FOLDER / f"{name}.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(told, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
