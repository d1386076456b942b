"""A Hugging Face folder: config.json and safetensors, read as data; nothing in it is ever run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.own import tensors
from prunelab.own.pickles import PICKLES
from prunelab.spec import SpecError
from prunelab.speech import mark, phrase

# Hugging Face's name of an architecture -> the model here; a language model adds its own.
ARCHITECTURES: dict[str, str] = {}
ADAPTER = "adapter_config.json"
CONFIG, INDEX, SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"
_JSON = 16 * 2**20
_FILES = 2_000
_REMOTE = ("auto_map", "custom_pipelines", "trust_remote_code")
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")
_ELSEWHERE = {  # what would need or name more than the numbers of a plain model
    "quantization_config": mark("is quantized; save it in float32 or bfloat16"),
    "transformers_weights": mark("names other files of weights; save it with save_pretrained"),
}


class Folder(NamedTuple):
    """What a folder holds: its settings, the model they ask for, and where each tensor lies."""

    config: Mapping[str, Any]
    model: str
    files: Mapping[str, Path]  # by tensor
    tensors: Mapping[str, tensors.Tensor]

    @property
    def parameters(self) -> int:
        """How many numbers all tensors hold."""
        return sum((t.end - t.begin) // tensors.BYTES[t.dtype] for t in self.tensors.values())


def read(path: Path, listed: Mapping[str, str] | None = None) -> Folder:
    """The settings and the tensors' places, every header checked; tokenizer files stay untouched.

    Raises:
        SpecError: no such folder, code asked for, an architecture nobody listed, or missing shards.
    """
    if not path.is_dir():
        raise SpecError(f"There is no folder {str(path)!r}.")
    _plain(path)
    config = _object(path / CONFIG)
    remote = [name for name in _REMOTE if config.get(name)]
    if remote:
        raise SpecError(
            f"{CONFIG} of {path.name} asks to run its own code ({remote[0]}); PruneLab runs none. "
            f"Save the model with an architecture that transformers has itself."
        )
    _nothing_else(path, config)
    model = _architecture(path, config, ARCHITECTURES if listed is None else listed)
    shards = _shards(path)
    found: dict[str, tensors.Tensor] = {}
    places: dict[str, Path] = {}
    for shard, promised in shards.items():
        there = tensors.header(path / shard)
        missing = [name for name in promised if name not in there]
        twice = [name for name in there if name in found]
        if missing or twice:
            lacks = phrase(f"lacks the tensor {missing[0]!r}") if missing else ""
            wrong = lacks or phrase(f"holds {twice[0]!r} once more")
            raise SpecError(f"{shard} of {path.name} {wrong}, unlike what {INDEX} says.")
        found |= there
        places |= dict.fromkeys(there, path / shard)
    return Folder(config, model, places, found)


def _nothing_else(path: Path, config: Mapping[str, Any]) -> None:
    """No kernels of a hub, no adapters, no weights beside those that are checked."""
    for field in _KERNELS:
        if any(mark in str(config.get(field, "")) for mark in "/:@{"):
            raise SpecError(f"{CONFIG} of {path.name} asks for code of a hub ({field}).")
    for field, why in _ELSEWHERE.items():
        if config.get(field):
            raise SpecError(f"The model of {path.name} {why}.")
    if (path / ADAPTER).exists():
        raise SpecError(f"{path.name} holds an adapter; merge it into its model first.")


def _plain(path: Path) -> None:
    """Only files, and no weights that would have to be unpickled."""
    there = sorted(path.iterdir())
    if len(there) > _FILES:
        raise SpecError(f"{path.name} holds {len(there):,} files; the limit is {_FILES:,}.")
    # Hugging Face's own cache links each file of snapshots/NAME to ../../blobs
    root = path.resolve()
    root = root.parents[1] if root.parent.name == "snapshots" else root
    for file in there:
        if file.is_symlink() and not file.resolve().is_relative_to(root):
            raise SpecError(f"{file.name} in {path.name} is a link that leads out of the folder.")
    names = [file.name for file in there]
    if CONFIG not in names:
        raise SpecError(f"{path.name} must hold {CONFIG}; it is no Hugging Face folder without.")
    if INDEX not in names and SINGLE not in names:
        pickled = next((name for name in names if name.lower().endswith(PICKLES)), "")
        hint = phrase(
            f" {pickled} is a pickle, which PruneLab never opens; save it once more with "
            f"model.save_pretrained(FOLDER, safe_serialization=True)."
        )
        raise SpecError(f"{path.name} holds no {SINGLE} and no {INDEX}.{hint if pickled else ''}")


def _object(file: Path) -> dict[str, Any]:
    if file.stat().st_size > _JSON:
        raise SpecError(f"{file.name} takes more than {_JSON >> 20} MiB.")
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{file.name} is not proper JSON: {str(error)[:200]}") from error
    if not isinstance(told, dict):
        raise SpecError(f"{file.name} must be a JSON object, got {type(told).__name__}.")
    return told


def _architecture(path: Path, config: Mapping[str, Any], listed: Mapping[str, str]) -> str:
    asked = config.get("architectures")
    if not isinstance(asked, list) or len(asked) != 1 or not isinstance(asked[0], str):
        raise SpecError(f"{CONFIG} of {path.name} must name one architecture, got {asked!r:.80}.")
    if asked[0] not in listed:
        there = phrase(f"there are: {', '.join(sorted(listed))}" if listed else "none is yet")
        raise SpecError(
            f"The architecture {asked[0][:80]!r} is not listed for Hugging Face folders; {there}."
        )
    return listed[asked[0]]


def _shards(path: Path) -> dict[str, list[str]]:
    """The tensors each file must hold; a single file must hold whatever it holds."""
    if not (path / INDEX).is_file():
        return {SINGLE: []}
    placed = _object(path / INDEX).get("weight_map")
    if not isinstance(placed, dict) or not placed:
        raise SpecError(f"{INDEX} of {path.name} must hold a weight_map.")
    shards: dict[str, list[str]] = {}
    for tensor, shard in placed.items():
        if not isinstance(shard, str) or Path(shard).name != shard or "\\" in shard:
            raise SpecError(f"{INDEX} of {path.name} names a file elsewhere: {shard!r:.80}.")
        if not shard.endswith(".safetensors"):
            raise SpecError(f"{INDEX} of {path.name} names {shard!r:.80}, not safetensors.")
        shards.setdefault(shard, []).append(tensor)
    missing = [shard for shard in shards if not (path / shard).is_file()]
    if missing:
        raise SpecError(
            f"{path.name} lacks {missing[0]}, one of {len(missing)} missing shards; copy them too."
        )
    return shards
