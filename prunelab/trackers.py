"""Runs as MLflow and TensorBoard keep them, written by their own libraries."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from prunelab.events import Result
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import phrase

Kind = Literal["mlflow", "tensorboard"]
KINDS: tuple[Kind, ...] = ("mlflow", "tensorboard")
EXPERIMENT = "prunelab"
STAGES = ("dense", "pruned", "recovered")


def track(results: Iterable[Result], to: str, into: Path) -> Path:
    """Write runs for another tool to show: curves by epoch, numbers of each stage, the spec.

    MLflow gets ``into/mlflow.db``, to be opened by ``mlflow ui --backend-store-uri``; TensorBoard
    one folder a run, to be opened by ``tensorboard --logdir``.

    Raises:
        SpecError: another tool, its package is not there, or no run has ended.
    """
    done = [result for result in results if result.status == "finished"]
    if to not in KINDS:
        raise SpecError(f"Runs can be written for {' or '.join(KINDS)}, got {to!r}.")
    if not done:
        raise SpecError("Only finished runs can be written, and none of these is.")
    if why := missing(to):
        raise SpecError(why)
    into.mkdir(parents=True, exist_ok=True)
    return (_mlflow if to == "mlflow" else _tensorboard)(done, into)


def missing(to: str) -> str:
    """What to install where a tool's package is not there, else ""; nothing is imported."""
    there = importlib.util.find_spec(to)
    return "" if there else phrase(f"{to} is not there: pip install 'prunelab[track]'.")


def curves(result: Result) -> list[tuple[str, float, int]]:
    """Every number of every epoch: its name, value, and how many epochs were done."""
    return [
        (name, float(getattr(epoch, name)), step)
        for step, epoch in enumerate(result.epochs, 1)
        for name in ("loss", "validation_loss", "accuracy", "sparsity")
    ]


def numbers(result: Result) -> dict[str, float]:
    """What each stage scores and costs, one number a name, such as ``recovered/bytes/zip``."""
    found = {"sparsity/achieved": float(result.sparsity["achieved"]), "seconds": result.seconds}
    for stage in STAGES:
        found |= _flat(getattr(result, stage), stage)
    return found


def _flat(values: Mapping[str, Any], above: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}/{name}")
        elif isinstance(value, int | float):
            found[f"{above}/{name}"] = float(value)
    return found


def _spec(result: Result) -> dict[str, str]:
    spec = RunSpec.from_json(result.spec)
    first = {"data": spec.data, "model": spec.model, "method": spec.method}
    return {k: str(v) for k, v in {**first, "seed": spec.seed, **spec.to_json()}.items()}


def _tensorboard(results: list[Result], into: Path) -> Path:
    from torch.utils.tensorboard import SummaryWriter

    for result in results:
        with SummaryWriter(str(into / result.key)) as writer:
            told = "\n".join(f"- {name}: {value}" for name, value in _spec(result).items())
            writer.add_text("spec", told)
            for name, value, step in curves(result):
                writer.add_scalar(f"epochs/{name}", value, step)
            for name, value in numbers(result).items():
                writer.add_scalar(name, value, 0)
    return into


def _mlflow(results: list[Result], into: Path) -> Path:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{(into / 'mlflow.db').absolute()}")
    there = client.get_experiment_by_name(EXPERIMENT)
    place = (into / "artifacts").absolute().as_uri()
    experiment = there.experiment_id if there else client.create_experiment(EXPERIMENT, place)
    for result in results:
        run = client.create_run(experiment, run_name=result.key).info.run_id
        metrics = [Metric(f"epochs/{n}", v, 0, step) for n, v, step in curves(result)]
        metrics += [Metric(name, value, 0, 0) for name, value in numbers(result).items()]
        params = [Param(name, value) for name, value in _spec(result).items()]
        for first in range(0, len(metrics), 1000):  # as many as it takes at once
            client.log_batch(run, metrics[first : first + 1000])
        client.log_batch(run, params=params)
        client.set_terminated(run)
    return into / "mlflow.db"
