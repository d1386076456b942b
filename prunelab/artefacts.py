"""What a run leaves on disk: safetensors and JSON, never a pickle; and how it is loaded again."""

from __future__ import annotations

import functools
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prunelab import answers, given, imports
from prunelab.events import Epoch, Event, Result, Warned, from_json, to_json
from prunelab.knobs import check_knobs
from prunelab.own import trees
from prunelab.registry import MODELS, UNITS
from prunelab.room import affordable
from prunelab.spec import SpecError

MODEL, MASKS, DENSE = "model.safetensors", "masks.safetensors", "dense.safetensors"
ARCHITECTURE, RUN, TREE = "architecture.json", "run.json", "model.skops"
EXAMPLES, ROWS = "examples.npz", "rows.safetensors"


def save_network(
    folder: Path,
    net: nn.Module,
    *,
    dense: nn.Module,
    masks: Mapping[str, Tensor],
    architecture: Mapping[str, Any],
) -> None:
    """Write a pruned network, the dense one it came from, its masks and how to build it."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / DENSE, dense.state_dict())
    _save(folder / MASKS, {name: mask.to(torch.uint8) for name, mask in masks.items()})
    _save(folder / MODEL, net.state_dict())
    _write(folder / ARCHITECTURE, json.dumps(architecture, indent=1))


def save_tree(folder: Path, estimator: Any, arrays: Mapping[str, Any]) -> None:
    """Write a pruned tree or forest, and the dense one as arrays for its picture."""
    import skops.io

    folder.mkdir(parents=True, exist_ok=True)
    _save_arrays(folder / "tree.npz", arrays)
    partial = folder / f"model.{os.getpid()}.skops"
    skops.io.dump(estimator, partial)
    partial.replace(folder / TREE)


def save_examples(folder: Path, arrays: Mapping[str, Any]) -> None:
    """Write which examples of the training part stay, their scores, and what shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    _save_arrays(folder / EXAMPLES, arrays)


def save_answers(folder: Path, arrays: Mapping[str, Any]) -> None:
    """Write what the dense and the pruned model say of each test example."""
    folder.mkdir(parents=True, exist_ok=True)
    _save_arrays(folder / answers.FILE, arrays)


def save_result(folder: Path, result: Result) -> None:
    """Write ``run.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / RUN, json.dumps(result.to_json(), indent=1))


def load_model(folder: Path, stage: str = "model") -> Any:
    """The model of a run: "model" as it ended, "dense" as it was before pruning.

    Raises:
        FileNotFoundError: the run has left no model.
        SpecError: its files are not what a run writes.
    """
    if (folder / TREE).exists() and stage == "model":
        return trees.read(folder / TREE)
    return _load_network(folder, stage)


def _load_network(folder: Path, stage: str) -> nn.Module:
    path = folder / (MODEL if stage == "model" else DENSE)
    if not path.exists():
        raise FileNotFoundError(f"There is no {path.name} in {folder.name}.")
    try:
        with torch.inference_mode(False):  # whoever asks may be in it, and shapes are traced here
            net = _built(folder, imports.architecture(folder), whole=stage != "model")
    except SpecError:
        raise
    except (ValueError, RuntimeError, TypeError, LookupError) as error:
        raise SpecError(f"{ARCHITECTURE} and {MASKS} describe no network: {error}") from error
    net.load_state_dict(given.read(path, net))
    return net.eval()


def _built(folder: Path, about: Mapping[str, Any], *, whole: bool) -> nn.Module:
    """The network an export describes, before its values are read: dense, or without what went."""
    entry, unit = MODELS[about["model"]], UNITS[about["unit"]]
    if "network" not in entry.traits or not unit.needs <= entry.traits:
        raise SpecError(f"{ARCHITECTURE} names {unit.name} of {entry.name}, which has none.")
    check_knobs(f"model {entry.name}", about["model_knobs"], [vars(k) for k in entry.knobs])
    shape = tuple(about["shape"])
    make = functools.partial(entry.function, shape, about["classes"], **about["model_knobs"])
    affordable(make)
    net: nn.Module = make()
    if whole or not unit.structured:
        return net
    kind, example = unit.function(), torch.zeros(2, *shape)
    masks = given.masks(folder / MASKS, kind.shapes(net, example))
    kept: nn.Module = kind.keep(net, example, masks)
    return kept


def save_dense(
    folder: Path,
    key: str,
    state: Mapping[str, Tensor],
    told: Sequence[Event],
    rows: Tensor | None = None,
) -> None:
    """Keep a dense network for other runs of the same dense key; whoever is first stays.

    ``rows`` are the examples it learned from, where they are not all.
    """
    partial = folder / f"{key}.{uuid.uuid4().hex}"
    partial.mkdir(parents=True)
    _save(partial / MODEL, state)
    if rows is not None:
        _save(partial / ROWS, {"rows": rows})
    about = {"torch": torch.__version__, "epochs": [to_json(e) for e in told]}
    _write(partial / "epochs.json", json.dumps(about))
    try:
        partial.rename(folder / key)
    except OSError:  # another run was first: the same numbers, so ours is not needed
        shutil.rmtree(partial)


class Dense(NamedTuple):
    """A dense network that was kept: its values, what its training told, the rows it learned."""

    state: dict[str, Tensor]
    told: list[Event]
    rows: Tensor | None


def load_dense(folder: Path, key: str) -> Dense | None:
    """A kept dense network, unless another torch trained it."""
    if not (folder / key / MODEL).exists():
        return None
    told = json.loads((folder / key / "epochs.json").read_text(encoding="utf-8"))
    if told["torch"] != torch.__version__:
        shutil.rmtree(folder / key, ignore_errors=True)
        return None
    events: list[Event] = [
        e for e in map(from_json, told["epochs"]) if isinstance(e, Epoch | Warned)
    ]
    rows = load_file(folder / key / ROWS)["rows"] if (folder / key / ROWS).exists() else None
    return Dense(load_file(folder / key / MODEL), events, rows)


def _save(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write tensors whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    save_file({name: t.detach().cpu().contiguous().clone() for name, t in state.items()}, partial)
    partial.replace(path)


def _save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    partial = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(partial, allow_pickle=False, **arrays)
    partial.replace(path)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
