"""Files of safetensors whose headers lie."""

from __future__ import annotations

from making_files import GOOD, NESTED, Case, tensor, tensors

TENSORS = {
    "a header of 2^60 bytes": Case(
        "m.safetensors", lambda: tensors({"a": 1}, length=2**60), "header would take 1,152,921,504"
    ),
    "a header past the end": Case(
        "m.safetensors", lambda: tensors({}, length=100), "header would take 100 bytes"
    ),
    "nothing": Case("m.safetensors", lambda: b"", "or cut off"),
    "cut off": Case("m.safetensors", lambda: GOOD[:-4], "holds 4 bytes of numbers"),
    "bytes behind the end": Case(
        "m.safetensors", lambda: GOOD + b"more", "holds 12 bytes of numbers, its header describes 8"
    ),
    "no JSON": Case("m.safetensors", lambda: tensors(b"{nonsense"), "is not proper JSON"),
    "no object": Case("m.safetensors", lambda: tensors(b"[1]"), "must be a JSON object, got list"),
    "no text": Case("m.safetensors", lambda: tensors(b"\xff\xfe{"), "is not proper JSON"),
    "JSON nested a hundred thousand deep": Case(
        "m.safetensors", lambda: tensors(NESTED), "not proper JSON: nested too deep"
    ),
    "a name twice": Case(
        "m.safetensors", lambda: tensors(b'{"a":{},"a":{}}'), "a name is there twice"
    ),
    "no tensors": Case(
        "m.safetensors", lambda: tensors({"__metadata__": {"a": "b"}}), "holds no tensors"
    ),
    "strange metadata": Case(
        "m.safetensors", lambda: tensors({"__metadata__": {"a": [1]}}), "metadata of .* texts"
    ),
    "overlapping offsets": Case(
        "m.safetensors",
        lambda: tensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12)),
        "'b' in m.safetensors overlaps another tensor",
    ),
    "a gap": Case(
        "m.safetensors",
        lambda: tensors({"a": tensor(0, 8), "b": tensor(12, 20)}, bytes(20)),
        "'b' in m.safetensors leaves a gap",
    ),
    "an offset past the end": Case(
        "m.safetensors",
        lambda: tensors({"a": tensor(0, 2**40, (2**38,))}, bytes(8)),
        "holds 8 bytes of numbers, its header describes 1,099,511,627,776",
    ),
    "offsets the wrong way": Case(
        "m.safetensors", lambda: tensors({"a": tensor(8, 0)}, bytes(8)), "needs 8 bytes .*give -8"
    ),
    "three offsets": Case(
        "m.safetensors",
        lambda: tensors({"a": {**tensor(0, 8), "data_offsets": [0, 4, 8]}}, bytes(8)),
        "must have two offsets",
    ),
    "a negative shape": Case(
        "m.safetensors", lambda: tensors({"a": tensor(0, 8, (-2,))}, bytes(8)), "whole numbers from"
    ),
    "a huge shape": Case(
        "m.safetensors",
        lambda: tensors({"a": tensor(0, 8, (2**62, 2**62))}, bytes(8)),
        "needs .* bytes for F32",
    ),
    "a shape of half numbers": Case(
        "m.safetensors", lambda: tensors({"a": tensor(0, 8, (0.5,))}, bytes(8)), "whole numbers"
    ),
    "a hundred dimensions": Case(
        "m.safetensors", lambda: tensors({"a": tensor(0, 4, [1] * 100)}, bytes(4)), "at most 8"
    ),
    "an unknown dtype": Case(
        "m.safetensors", lambda: tensors({"a": tensor(0, 8, dtype="O")}, bytes(8)), "dtype 'O'"
    ),
    "a field too many": Case(
        "m.safetensors",
        lambda: tensors({"a": {**tensor(0, 8), "code": "import os"}}, bytes(8)),
        "must have just dtype, shape and data_offsets",
    ),
}
