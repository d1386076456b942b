"""What a run leaves on disk: safetensors and JSON, never a pickle; and how it is loaded again."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from prunelab.events import Epoch, Event, Result, from_json, to_json
from prunelab.registry import MODELS, UNITS

MODEL, MASKS, DENSE = "model.safetensors", "masks.safetensors", "dense.safetensors"
ARCHITECTURE, RUN = "architecture.json", "run.json"


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
    partial = folder / f"tree.{os.getpid()}.npz"
    np.savez_compressed(partial, allow_pickle=False, **arrays)
    partial.replace(folder / "tree.npz")
    partial = folder / f"model.{os.getpid()}.skops"
    skops.io.dump(estimator, partial)
    partial.replace(folder / "model.skops")


def save_result(folder: Path, result: Result) -> None:
    """Write ``run.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / RUN, json.dumps(result.to_json(), indent=1))


def load_model(folder: Path, stage: str = "model") -> Any:
    """The model of a run: "model" as it ended, "dense" as it was before pruning.

    Raises:
        FileNotFoundError: the run has left no model.
    """
    if (folder / "model.skops").exists() and stage == "model":
        import skops.io

        path = folder / "model.skops"
        unsafe = [
            t for t in skops.io.get_untrusted_types(file=path) if not t.startswith("sklearn.")
        ]
        if unsafe:
            raise ValueError(f"The file holds types that are not trusted: {', '.join(unsafe)}.")
        return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    return _load_network(folder, stage)


def _load_network(folder: Path, stage: str) -> nn.Module:
    about = json.loads((folder / ARCHITECTURE).read_text(encoding="utf-8"))
    build = MODELS[about["model"]].function
    net: nn.Module = build(tuple(about["shape"]), about["classes"], **about["model_knobs"])
    if stage == "model" and UNITS[about["unit"]].structured:
        masks = {name: m.bool() for name, m in load_file(folder / MASKS).items()}
        example = torch.zeros(2, *about["shape"])
        net = UNITS[about["unit"]].function().keep(net, example, masks)
    net.load_state_dict(load_file(folder / (MODEL if stage == "model" else DENSE)))
    return net.eval()


def save_dense(
    folder: Path, key: str, state: Mapping[str, Tensor], epochs: Sequence[Event]
) -> None:
    """Keep a dense network for other runs of the same dense key; whoever is first stays."""
    partial = folder / f"{key}.{uuid.uuid4().hex}"
    partial.mkdir(parents=True)
    _save(partial / MODEL, state)
    told = {"torch": torch.__version__, "epochs": [to_json(e) for e in epochs]}
    _write(partial / "epochs.json", json.dumps(told))
    try:
        partial.rename(folder / key)
    except OSError:  # another run was first: the same numbers, so ours is not needed
        shutil.rmtree(partial)


def load_dense(folder: Path, key: str) -> tuple[dict[str, Tensor], list[Epoch]] | None:
    """A kept dense network and the epochs of its training, unless another torch trained it."""
    if not (folder / key / MODEL).exists():
        return None
    told = json.loads((folder / key / "epochs.json").read_text(encoding="utf-8"))
    if told["torch"] != torch.__version__:
        shutil.rmtree(folder / key, ignore_errors=True)
        return None
    epochs = [e for e in map(from_json, told["epochs"]) if isinstance(e, Epoch)]
    return load_file(folder / key / MODEL), epochs


def _save(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write tensors whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    save_file({name: t.detach().cpu().contiguous().clone() for name, t in state.items()}, partial)
    partial.replace(path)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
