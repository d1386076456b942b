"""Weights of one's own for a network that is listed: read into its very names and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from prunelab.events import Event, Warned
from prunelab.files import find
from prunelab.job import Job
from prunelab.measure.quality import quality
from prunelab.own import tensors
from prunelab.spec import SpecError

_KINDS: dict[str, tuple[str, ...]] = {"float": tensors.FLOATS, "int": ("I64", "I32", "U8", "BOOL")}


def start(job: Job, net: nn.Module) -> Iterator[Event]:
    """Put the weights a spec names into a network, and say so where they know nothing of the data.

    Raises:
        SpecError: they cannot be read, or are of another network.
    """
    device = next(net.parameters()).device
    state = read(find(job.spec.weights, ".safetensors"), net)
    net.load_state_dict({name: t.to(device) for name, t in state.items()})
    part = job.parts.validation
    most = float(np.bincount(part.y.ravel()).max() / part.y.size)
    accuracy = quality(net, part, len(job.parts.classes))["accuracy"]
    if accuracy <= most:
        yield Warned(
            message=f"Your weights are right {accuracy:.1%} of the time, no more than always "
            f"answering the most frequent class. Were they trained on inputs of mean 0 and "
            f"deviation 1, and on the classes in this order: {', '.join(job.parts.classes[:10])}?"
        )
    if job.recover in ("rewind", "shuffle") or job.method.when == "init":
        yield Warned(message="The first values of your weights are not known; fresh ones are used.")


def read(path: Path, net: nn.Module) -> dict[str, Tensor]:
    """The state of a network from a safetensors file, every number finite, of the net's dtypes.

    Raises:
        SpecError: as ``tensors.header``, tensors of another model, or NaN or infinity among them.
    """
    like = net.state_dict()
    found = tensors.header(path)
    tensors.matching(path.name, found, {name: tuple(t.shape) for name, t in like.items()})
    for name, tensor in like.items():
        _same_kind(path.name, name, found[name].dtype, tensor)
    return {name: _finite(path.name, name, t, like[name]) for name, t in load(path).items()}


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a file whose header has been checked.

    Raises:
        SpecError: the file was changed or damaged since.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise SpecError(f"{path.name} is damaged: {error}") from error


def masks(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The masks of an export: one for each group, nothing but 0 and 1.

    Raises:
        SpecError: other groups or shapes, or other values.
    """
    found = tensors.header(path)
    tensors.matching(path.name, found, shapes)
    read = load(path)
    for name, mask in read.items():
        if mask.dtype not in (torch.uint8, torch.bool) or bool((mask.byte() > 1).any()):
            raise SpecError(f"The mask {name!r} in {path.name} must hold only 0 and 1.")
    return {name: mask.bool() for name, mask in read.items()}


def _same_kind(file: str, name: str, dtype: str, like: Tensor) -> None:
    kind = "float" if like.is_floating_point() else "int"
    if dtype not in _KINDS[kind]:
        raise SpecError(f"{name} in {file} must be one of {', '.join(_KINDS[kind])}, got {dtype}.")


def _finite(file: str, name: str, tensor: Tensor, like: Tensor) -> Tensor:
    """In the network's own dtype; a number too large for it counts as infinite."""
    made = tensor.to(like.dtype)
    if made.is_floating_point() and not bool(torch.isfinite(made).all()):
        wrong = int((~torch.isfinite(made)).sum())
        raise SpecError(f"{name} in {file} has {wrong:,} values that are NaN or infinite.")
    return made
