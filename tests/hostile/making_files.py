"""What hostile files are made of: tensors, archives, arrays, tables and trees, bent at will."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save

Y = np.arange(60) % 2
X = np.arange(180.0, dtype=np.float32).reshape(60, 3)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


class Case(NamedTuple):
    """A file by its name, what writes it, and the refusal."""

    file: str
    content: Callable[[], bytes]
    match: str
    target: str = ""


def tensors(about: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    """A safetensors file with this header, whatever that says."""
    text = about if isinstance(about, bytes) else json.dumps(about).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin: int, end: int, shape: Any = (2,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    return file.getvalue()


def twice() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.json", "{}")
        archive.writestr("A.json", "[]")
    return file.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped({"run.json": b"{}"}, zipfile.ZIP_STORED))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def bomb(ending: str = "zeros") -> bytes:
    """Some kilobytes that would be 64 MiB."""
    return zipped({ending: bytes(64 * 2**20)})


def declared(size: int) -> bytes:
    """A zip whose members say they are of such a size."""
    content = bytearray(zipped({"run.json": b"{}"}, zipfile.ZIP_STORED))
    start = content.index(b"PK\x01\x02")
    content[start + 24 : start + 28] = struct.pack("<I", size)
    return bytes(content)


def many_names() -> bytes:
    """An end that speaks of a million members."""
    content = bytearray(zipped({"a": b""}))
    end = content.index(b"PK\x05\x06")
    content[end + 8 : end + 12] = struct.pack("<HH", 60_000, 60_000)
    return bytes(content)


def array(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    file = io.BytesIO()
    about = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


def arrays(**named: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **named)
    return file.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def varint(number: int) -> bytes:
    """A number as Parquet's own header writes it."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def many_rows() -> bytes:
    """A table of 60 rows whose header says 10^9."""
    content = parquet(pd.DataFrame({"a": X[:, 0], "y": Y}))
    size = int.from_bytes(content[-8:-4], "little")
    count = b"\x16"  # the type of a field, before the number of rows, doubled
    true, lie = count + varint(2 * len(Y)), count + varint(2 * 10**9)
    header = content[-8 - size : -8].replace(true, lie)
    return content[: -8 - size] + header + struct.pack("<I", len(header)) + b"PAR1"


def torch_saved() -> bytes:
    file = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, file)
    return file.getvalue()


def skops_of(thing: Any) -> bytes:
    import skops.io

    return skops.io.dumps(thing)


def schema(told: Any, **members: bytes) -> bytes:
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    return zipped({"schema.json": text, **members})


def node(module: str, kind: str, loader: str, **more: Any) -> dict[str, Any]:
    return {"__module__": module, "__class__": kind, "__loader__": loader, **more}


def fitted(**knobs: Any) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=0, **knobs).fit(X, Y)


def bent(bend: Callable[[dict[str, Any]], None]) -> bytes:
    """A tree whose arrays were changed by hand."""
    model = fitted()
    kind, arguments, state = model.tree_.__reduce__()
    state = {**state, "nodes": state["nodes"].copy(), "values": state["values"].copy()}
    bend(state)
    model.tree_ = kind(*arguments)
    model.tree_.__setstate__(state)
    return skops_of(model)


def _child_out_of_range(state: dict[str, Any]) -> None:
    state["nodes"]["right_child"][0] = 10**6


def _cycle(state: dict[str, Any]) -> None:
    state["nodes"]["left_child"][1 if state["nodes"]["left_child"][1] > 0 else 2] = 0


def _feature(state: dict[str, Any]) -> None:
    state["nodes"]["feature"][0] = 10**6


def _nan_values(state: dict[str, Any]) -> None:
    state["values"][:] = np.nan


def text(rows: int = 60, names: str = "a,b,y", row: str = "{i},{j},{k}") -> bytes:
    lines = [row.format(i=i, j=2 * i, k="no" if i % 2 else "yes") for i in range(rows)]
    return "\n".join([names, *lines]).encode()


def lines(*rows: str) -> bytes:
    return "\n".join(rows).encode()


GOOD = save({"a": np.zeros(2, np.float32)})
NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
WIDE = ",".join(f"c{i}" for i in range(100_000))
