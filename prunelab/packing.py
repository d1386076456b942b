"""Masks and samples of weights as short texts, so that an event can hold them."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack_mask(mask: NDArray[Any]) -> str:
    """A mask as text: one bit a unit, compressed.

    >>> unpack_mask(pack_mask(np.array([True, False, True])), (3,)).tolist()
    [True, False, True]
    """
    return _text(np.packbits(mask.astype(bool)))


def unpack_mask(text: str, shape: Sequence[int]) -> NDArray[np.bool_]:
    """The mask that ``pack_mask`` wrote."""
    bits = np.unpackbits(np.frombuffer(_raw(text), np.uint8), count=math.prod(shape))
    return bits.astype(bool).reshape(tuple(shape))


def pack_values(values: NDArray[Any]) -> str:
    """Numbers in half precision as text: enough for the points of a picture."""
    most = np.finfo(np.float16).max
    return _text(np.clip(values, -most, most).astype(np.float16))


def unpack_values(text: str) -> NDArray[np.float32]:
    """The numbers that ``pack_values`` wrote, in one row."""
    return np.frombuffer(_raw(text), np.float16).astype(np.float32)


def _text(array: NDArray[Any]) -> str:
    return base64.b85encode(zlib.compress(array.tobytes(), 6)).decode()


def _raw(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))
