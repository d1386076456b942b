"""Pickles run code when they are opened, so none ever is: they are known by name and by content."""

from __future__ import annotations

import re
from pathlib import Path

from prunelab.spec import SpecError
from prunelab.speech import mark, phrase

HEAD = 64  # bytes that tell a pickle
_NETWORKS = (".pt", ".pth", ".ckpt", ".bin", ".pth.tar")
_ESTIMATORS = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
PICKLES = _NETWORKS + _ESTIMATORS
_PACKED = re.compile(  # gzip, bzip2, xz, zstd, an old joblib's own, zlib
    rb"\x1f\x8b|BZh\d1AY|\xfd7zXZ|\x28\xb5\x2f\xfd|ZF0x|\x78[\x01\x9c\xda]"
)
_OLD = re.compile(
    rb"(c[\w.]+\n[\w.]+\n|\([dlp0-9]*p\d+\n|\(?[dl]p\d+\n|\(c[\w.]+\n|[\]}]q[\x00-\x1f])"
)
_SAFETENSORS = mark(
    "Convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, "
    "weights_only=True), 'model.safetensors')."
)
_SKOPS = mark("Convert it where you trust it: skops.io.dump(joblib.load(FILE), 'model.skops').")
_EITHER = mark(
    "Convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, "
    "weights_only=True), 'model.safetensors'), or skops.io.dump(joblib.load(FILE), 'model.skops')."
)
_NPZ = mark("Save the arrays by name: np.savez('data.npz', x=x, y=y).")


def refuse_name(name: str) -> None:
    """Refuse an ending that belongs to pickles.

    Raises:
        SpecError: such a name; it says how to convert the file.
    """
    lower = name.lower()
    if lower.endswith(_NETWORKS):
        raise SpecError(_why(name, _SAFETENSORS))
    if lower.endswith(_ESTIMATORS):
        raise SpecError(_why(name, _SKOPS))
    if lower.endswith(".npy"):
        raise SpecError(f"{name!r} holds one array without a name. {_NPZ}")


def _why(name: str, instead: str) -> str:
    return phrase(
        f"{name!r} is a pickle, which runs any code inside it when it is opened, so PruneLab opens "
        f"none. {instead}"
    )


def refuse_content(name: str, content: bytes | Path) -> None:
    """Refuse a pickle under whatever name; ``archive.checked`` does so for the members of a zip.

    Raises:
        SpecError: such content, a compressed stream that may hide it, or an array of objects.
    """
    head = _head(content)
    if looks_like_safetensors(head):
        return
    if is_pickle(head):
        raise SpecError(_why(name, _EITHER))
    if _PACKED.match(head):
        raise SpecError(f"{name!r} is a compressed stream, not what its name says; unpack it.")
    if head.startswith(b"\x93NUMPY"):
        raise SpecError(f"{name!r} holds one array without a name. {_NPZ}")


def is_pickle(head: bytes) -> bool:
    """Whether the first bytes are those of a pickle, of any protocol."""
    binary = len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and head[2] > 0x1F
    return binary or bool(_OLD.match(head))


def looks_like_safetensors(head: bytes) -> bool:
    """Whether the file starts with the length of a header and the header's brace."""
    return head[4:8] == bytes(4) and head[8:9] == b"{"


def _head(content: bytes | Path) -> bytes:
    if isinstance(content, bytes):
        return content[:HEAD]
    with content.open("rb") as file:
        return file.read(HEAD)
