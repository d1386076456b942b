"""The header of a safetensors file, checked before a number is read: nothing here needs torch."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.own.pickles import refuse_content
from prunelab.spec import SpecError, unknown
from prunelab.speech import mark, phrase

HEADER = 16 * 2**20  # bytes; a model of 100,000 tensors needs about 10 MiB
BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4,
    "F32": 4, "F64": 8, "I64": 8, "U64": 8,
}  # fmt: skip
FLOATS = ("F16", "BF16", "F32", "F64")
_DIMENSIONS = 8
_ENTRY = {"dtype", "shape", "data_offsets"}
Shape = tuple[int, ...]


class Tensor(NamedTuple):
    """What a header says of one tensor."""

    dtype: str
    shape: Shape
    begin: int
    end: int


def header(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, each checked against the bytes that are there.

    Raises:
        SpecError: a pickle, or a header that is damaged, lies, or claims what is not there.
    """
    refuse_content(path.name, path)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise SpecError(
                f"{path.name} is no safetensors file, or cut off: its header would take "
                f"{length:,} bytes, the file has {size:,}."
            )
        if length > HEADER:
            raise SpecError(f"The header of {path.name} takes {length:,} bytes, over {HEADER:,}.")
        told = _parsed(path.name, file.read(length))
    tensors = {name: _tensor(path.name, name, about) for name, about in told.items()}
    _covered(path.name, tensors, size - 8 - length)
    return tensors


def matching(name: str, found: Mapping[str, Tensor], wanted: Mapping[str, Shape]) -> None:
    """Refuse tensors that are not those of the model, by name and by shape.

    Raises:
        SpecError: one that is missing, one too many, or one of another shape.
    """
    extra = [tensor for tensor in found if tensor not in wanted]
    missing = [tensor for tensor in wanted if tensor not in found]
    if missing:
        near = _instead(missing[0], extra)
        raise SpecError(f"{name} lacks {_some(missing)}.{near} Is it of this model and its knobs?")
    if extra:
        raise SpecError(f"{name} does not fit: {unknown('tensor of this model', extra[0], wanted)}")
    for tensor, shape in wanted.items():
        if found[tensor].shape != shape:
            raise SpecError(
                f"{tensor} in {name} must have shape {shape}, got {found[tensor].shape}. "
                f"Is it of this model, these knobs and these data?"
            )


def _instead(missing: str, extra: list[str]) -> str:
    """What the missing tensor may be called in the file."""
    if not extra:
        return ""
    near = difflib.get_close_matches(missing, extra, n=1, cutoff=0.5)
    return phrase(f" Did you mean {near[0]!r}?" if near else f" It has {_some(extra)} instead.")


def _some(names: Iterable[str]) -> str:
    names = [repr(name) for name in names]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _parsed(name: str, text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise SpecError(f"The header of {name} is not proper JSON: {reason}") from error
    if not isinstance(told, dict):
        raise SpecError(f"The header of {name} must be a JSON object, got {type(told).__name__}.")
    about = told.pop("__metadata__", {})
    plain = isinstance(about, dict) and all(isinstance(v, str) for v in about.values())
    if not plain:
        raise SpecError(f"The metadata of {name} must be texts by name.")
    if not told:
        raise SpecError(f"{name} holds no tensors.")
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _tensor(file: str, name: str, about: Any) -> Tensor:
    if not isinstance(about, dict) or set(about) != _ENTRY:
        raise SpecError(f"{name!r} in {file} must have just dtype, shape and data_offsets.")
    dtype, shape, offsets = about["dtype"], about["shape"], about["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise SpecError(
            f"{name!r} in {file} has the dtype {dtype!r}; it must be one of {', '.join(BYTES)}."
        )
    if not _counts(shape) or len(shape) > _DIMENSIONS:
        raise SpecError(
            f"{name!r} in {file} must have a shape of at most {_DIMENSIONS} whole numbers from 0, "
            f"got {str(shape)[:80]}."
        )
    if not _counts(offsets) or len(offsets) != 2:
        raise SpecError(f"{name!r} in {file} must have two offsets, got {str(offsets)[:80]}.")
    needs = math.prod(shape) * BYTES[dtype]
    if offsets[1] - offsets[0] != needs:
        raise SpecError(
            f"{name!r} in {file} needs {needs:,} bytes for {dtype} {tuple(shape)}, its offsets "
            f"give {offsets[1] - offsets[0]:,}."
        )
    return Tensor(dtype, tuple(shape), offsets[0], offsets[1])


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _covered(file: str, tensors: Mapping[str, Tensor], size: int) -> None:
    """Tensors must lie one after the other, over all the bytes there are."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if tensor.begin != end:
            how = mark(
                "overlaps another tensor" if tensor.begin < end else "leaves a gap before it"
            )
            raise SpecError(f"{name!r} in {file} {how}: it starts at {tensor.begin}, not {end}.")
        end = tensor.end
    if end != size:
        raise SpecError(f"{file} holds {size:,} bytes of numbers, its header describes {end:,}.")
