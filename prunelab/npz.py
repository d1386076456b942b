"""Arrays from a file somebody gave: sizes and kinds are checked before anything is read."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.own import archive
from prunelab.spec import SpecError

LIMIT = 2**30  # bytes all arrays may take, as float32 where they are stored in less
_NUMBERS, _TEXT = "biuf", "US"
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError)


def read(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """The named arrays of an ``.npz`` file; nothing is unpickled.

    Raises:
        SpecError: no such arrays, damaged, Python objects inside, or too large.
    """
    headers = declared(path)
    if missing := [name for name in names if name not in headers]:
        raise SpecError(
            f"{path.name} must hold the arrays {', '.join(names)}; {', '.join(missing)} is missing "
            f"among: {', '.join(headers) or 'nothing'}."
        )
    for name in names:
        _allow(name, *headers[name])
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except _BROKEN as error:
        raise SpecError(f"{path.name} is damaged: {error}") from error


def declared(path: Path, ending: str = "") -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """The shape and dtype each array in a zip declares, by name; those of one ending, or all.

    Raises:
        SpecError: no zip of arrays, or they would take more than ``LIMIT``.
    """
    try:
        archive.checked(path)
        headers = _headers(path, ending)
    except _BROKEN as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{path.name} is not a readable .npz file: {error}") from error
    size = sum(math.prod(shape) * max(4, kind.itemsize) for shape, kind in headers.values())
    if size > LIMIT:
        raise SpecError(f"{path.name} takes {size / 2**30:,.1f} GiB in memory; the limit is 1 GiB.")
    return headers


def _headers(path: Path, ending: str) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    found = {}
    with zipfile.ZipFile(path) as zipped:
        for member in [name for name in zipped.namelist() if name.endswith(ending)]:
            with zipped.open(member) as file:
                version = np.lib.format.read_magic(file)
                if version not in readers:
                    raise ValueError(f"{member} has format {version}")
                shape, _, kind = readers[version](file)
                if any(side < 0 for side in shape):
                    raise ValueError(f"{member} has the shape {shape}")
                found[member.removesuffix(".npy")] = (shape, kind)
    return found


def _allow(name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
    if kind.hasobject:
        raise SpecError(
            f"{name} holds Python objects, which could run code; save it as plain numbers."
        )
    if kind.kind not in _NUMBERS + _TEXT:
        raise SpecError(f"{name} must hold numbers, got {kind}.")
