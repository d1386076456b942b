"""One layer's weights and mask from the files of a run, as plain arrays: torch is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file

from prunelab.spec import SpecError


def layer_arrays(folder: Path, layer: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The trained weights of a layer (rows are outputs) and the bool mask of those that stay.

    A mask over filters is spread over their weights.

    Raises:
        SpecError: no such layer in the files, or no files.
    """
    try:
        weight = _read(folder / "dense.safetensors", f"{layer}.weight")
        mask = _read(folder / "masks.safetensors", layer).astype(bool)
    except (FileNotFoundError, KeyError) as error:
        raise SpecError(f"The run has kept no weights of a layer {layer!r}.") from error
    if mask.shape != weight.shape:
        mask = mask.reshape(-1, *[1] * (weight.ndim - 1)) & (weight == weight)
    return weight, mask


def _read(path: Path, name: str) -> NDArray[Any]:
    with safe_open(path, framework="numpy") as file:
        if name not in file.keys():  # noqa: SIM118 - not a mapping
            raise KeyError(name)
        array: NDArray[Any] = file.get_tensor(name)
        return array


def kept_units(folder: Path) -> dict[str, NDArray[Any]]:
    """The masks of a run by layer: 1 stays.

    Raises:
        ValueError: the run kept no masks.
    """
    path = folder / "masks.safetensors"
    if not path.exists():
        raise ValueError(f"The run {folder.name} kept no masks.")
    masks: dict[str, NDArray[Any]] = load_file(path)
    return masks
