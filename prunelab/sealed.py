"""Tensors and plain data about them as one file, never a pickle, that is whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, uint8

Tensors = dict[str, Tensor]


class Held(NamedTuple):
    """Tensors by name, and plain data about them."""

    tensors: Tensors
    about: dict[str, Any]


def write(path: Path, run: str, held: Held) -> None:
    """Write tensors and what is said of them; ``run`` says whose they are."""
    about = json.dumps({"run": run, **held.about})
    tensors = {n: t.detach().cpu().contiguous().clone() for n, t in held.tensors.items()}
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial")
    try:
        save_file(tensors, partial, {"about": about, "sum": checksum(tensors, about)})
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def read(path: Path, run: str) -> Held | None:
    """What was written, None where it is another's or damaged.

    Raises:
        OSError, SafetensorError, ValueError, KeyError, TypeError: it is not what ``write`` makes.
    """
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
        about = json.loads(header["about"])
        if about["run"] != run:
            return None
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    return Held(tensors, about) if checksum(tensors, header["about"]) == header["sum"] else None


def checksum(tensors: Mapping[str, Tensor], about: str) -> str:
    """A checksum: safetensors notices a file cut short, but not a byte that has changed."""
    total = zlib.crc32(about.encode())
    for name in sorted(tensors):
        raw = tensors[name].cpu().reshape(-1).view(uint8) if tensors[name].numel() else None
        total = zlib.crc32(name.encode(), total)
        total = total if raw is None else zlib.crc32(raw.numpy().data, total)
    return str(total)
