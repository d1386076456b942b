"""Files that mean harm or are broken, each with the sentence that refuses it."""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
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

PICKLES = {
    "a pickle called safetensors": Case(
        "m.safetensors", lambda: pickle.dumps(Trap()), "is a pickle, which runs any code"
    ),
    "an old pickle called safetensors": Case(
        "m.safetensors", lambda: pickle.dumps(Trap(), 0), "is a pickle, which runs any code"
    ),
    "a pickle of protocol 2": Case(
        "m.safetensors", lambda: pickle.dumps(Trap(), 2), "is a pickle, which runs any code"
    ),
    "a pickle called csv": Case("m.csv", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a pickle called parquet": Case("m.parquet", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a pickle called npz": Case("m.npz", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a pickle called skops": Case("m.skops", lambda: pickle.dumps(Trap()), "is a pickle"),
    "a .pt": Case("m.pt", torch_saved, "'m.pt' is a pickle.*save_file"),
    "a .pth": Case("m.pth", torch_saved, "'m.pth' is a pickle.*save_file"),
    "a .ckpt": Case("m.ckpt", torch_saved, "'m.ckpt' is a pickle.*save_file"),
    "a pytorch_model.bin": Case("pytorch_model.bin", torch_saved, "is a pickle.*save_file"),
    "a .pkl": Case("m.pkl", lambda: pickle.dumps(Trap()), "'m.pkl' is a pickle.*skops.io.dump"),
    "a .joblib": Case("m.joblib", lambda: pickle.dumps(Trap()), "is a pickle.*skops.io.dump"),
    "a .npy": Case("x.npy", lambda: array((2,)), "one array without a name.*np.savez"),
    "a .pt called zip": Case("m.zip", torch_saved, "data.pkl.*is a pickle"),
    "a .pt called npz": Case("m.npz", torch_saved, "data.pkl.*is a pickle"),
    "a .pt called skops": Case("m.skops", torch_saved, "data.pkl.*is a pickle"),
    "a compressed joblib called skops": Case(
        "m.skops", lambda: b"\x78\x9c" + bytes(40), "is a compressed stream"
    ),
    "a .npy called npz": Case("x.npz", lambda: array((2,)), "one array without a name"),
}

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

ARCHIVES = {
    "a bomb": Case("x.zip", bomb, r"would grow 1,0\d\d times when unpacked"),
    "a bomb called npz": Case("x.npz", lambda: bomb("x.npy"), "would grow 1,0"),
    "a bomb called skops": Case("x.skops", lambda: bomb("schema.json"), "would grow 1,0"),
    "4 GB declared": Case("x.zip", lambda: declared(2**32 - 2), "unpacks to 4,096 MiB"),
    "a zip in a zip": Case(
        "x.zip", lambda: zipped({"in.zip": zipped({"a": b""})}), "holds another archive, 'in.zip'"
    ),
    "a way up": Case("x.zip", lambda: zipped({"../../evil": b""}), "leads out of its folder"),
    "an absolute path": Case("x.zip", lambda: zipped({"/etc/evil": b""}), "leads out of its"),
    "a drive": Case("x.zip", lambda: zipped({"C:evil": b""}), "leads out of its folder"),
    "a way up with backslashes": Case(
        "x.zip", lambda: zipped({"a\\..\\..\\evil": b""}), "leads out of its folder"
    ),
    "a link": Case("x.zip", with_link, "is a link or a device"),
    "a million names": Case("x.zip", many_names, "holds 60,000 files; the limit is 10,000"),
    "encrypted": Case("x.zip", encrypted, "is encrypted"),
    "truncated": Case("x.zip", lambda: zipped({"run.json": b"{}"})[:40], "not a readable .zip"),
    "no zip": Case("x.zip", lambda: b"hello", "is not a readable .zip file"),
    "names that differ in case alone": Case("x.zip", twice, "holds 'A.json' twice"),
    "a name that turns writing round": Case(
        "x.zip", lambda: zipped({"gnp\u202e.json": b""}), "invisible characters"
    ),
    "a name of two lines": Case("x.zip", lambda: zipped({"a\nb": b""}), "invisible characters"),
    "neither an export nor a folder": Case(
        "x.zip", lambda: zipped({"hello.txt": b""}), "neither a run .* nor a Hugging Face folder"
    ),
    "a run.json that is none": Case(
        "x.zip", lambda: zipped({"run.json": b'{"spec": 3}'}), "spec in run.json must be a dict"
    ),
    "a run.json of no run": Case("x.zip", lambda: zipped({"run.json": b"{}"}), "the key and the"),
    "an export that lacks a file": Case(
        "x.zip",
        lambda: zipped(
            {
                "run.json": b'{"key": "a", "status": "finished"}',
                "export.json": b'{"files": {"model.safetensors": {}}}',
            }
        ),
        "lacks 'model.safetensors', which its export.json names",
    ),
    "an export whose list leads out": Case(
        "x.zip",
        lambda: zipped({"run.json": b"{}", "export.json": b'{"files": {"../../x": {}}}'}),
        "lacks '../../x'",
    ),
    "a Hugging Face folder of a strange architecture": Case(
        "x.zip",
        lambda: zipped({"config.json": b'{"architectures": ["Evil"]}', "model.safetensors": GOOD}),
        "architecture 'Evil' is not listed",
    ),
}

SKOPS = {
    "a type that is not listed": Case("m.skops", lambda: skops_of(Path("x")), "is not trusted"),
    "another estimator": Case(
        "m.skops",
        lambda: skops_of(__import__("sklearn.svm", fromlist=["SVC"]).SVC()),
        r"SVC .*is not trusted: only DecisionTreeClassifier",
    ),
    "a function": Case("m.skops", lambda: skops_of(np.sum), "is not trusted"),
    "a method of something trusted": Case(
        "m.skops",
        lambda: schema(node("builtins", "dict", "MethodNode", content={})),
        r"builtins.dict \(read by MethodNode\), which is not trusted",
    ),
    "an operator deep inside": Case(
        "m.skops",
        lambda: schema(
            node(
                "sklearn.tree._classes",
                "DecisionTreeClassifier",
                "ObjectNode",
                content=[{"attrs": node("operator", "methodcaller", "OperatorFuncNode")}],
            )
        ),
        r"operator.methodcaller .*is not trusted",
    ),
    "a list instead of a tree": Case("m.skops", lambda: skops_of([1, 2]), "must hold a Decision"),
    "no schema": Case("m.skops", lambda: zipped({"a": b""}), "m.skops is damaged.*schema.json"),
    "a schema that is no JSON": Case(
        "m.skops", lambda: schema(b"{x"), "schema of .*cannot be read"
    ),
    "a schema nested deep": Case("m.skops", lambda: schema(NESTED), "schema of .* cannot be read"),
    "a child out of range": Case("m.skops", lambda: bent(_child_out_of_range), "is not sound"),
    "a cycle": Case("m.skops", lambda: bent(_cycle), "is not sound"),
    "a feature out of range": Case("m.skops", lambda: bent(_feature), "a feature that is not"),
    "NaN in the leaves": Case("m.skops", lambda: bent(_nan_values), "NaN or infinite"),
    "a tree that was never grown": Case(
        "m.skops", lambda: skops_of(type(fitted())()), "has not been fitted"
    ),
    "an array of 10^12 numbers inside": Case(
        "m.skops",
        lambda: schema(
            node(
                "sklearn.tree._classes",
                "DecisionTreeClassifier",
                "ObjectNode",
                content=node("numpy", "ndarray", "NdArrayNode", type="numpy", file="1.npy"),
            ),
            **{"1.npy": array((10**6, 10**6))},
        ),
        r"takes 7,450.6 GiB in memory",
    ),
}

DATA = {
    "objects": Case(
        "x.npz", lambda: arrays(x=np.array([Trap()] * 3), y=Y[:3]), "x holds Python objects"
    ),
    "wrong keys": Case("x.npz", lambda: arrays(a=X, b=Y), "must hold the arrays x, y"),
    "10^12 elements declared": Case(
        "x.npz",
        lambda: zipped({"x.npy": array((10**6, 10**6)), "y.npy": array((10**6,))}),
        "takes 7,450.6 GiB in memory",
    ),
    "a negative side": Case(
        "x.npz", lambda: zipped({"x.npy": array((-3, 5)), "y.npy": array((3,))}), "the shape"
    ),
    "NaN": Case("x.npz", lambda: arrays(x=X * np.nan, y=Y), "60 rows have missing or infinite"),
    "0 rows": Case("x.csv", lambda: b"a,b,y\n", "has a header but no rows"),
    "nothing": Case("x.csv", lambda: b"", "a target and at least one feature, got 0 column"),
    "1 column": Case("x.csv", lambda: lines("y", "1", "2"), "at least one feature, got 1 column"),
    "10^5 columns": Case(
        "x.csv", lambda: lines(WIDE, WIDE), "has 100,000 columns; the limit is 2,000"
    ),
    "a header twice": Case("x.csv", lambda: text(names="a,a,y"), "Two columns are named 'a'"),
    "mixed types": Case(
        "x.csv", lambda: text(row="{i},{j}-x{i},{k}"), "Column 'b' holds 60 different texts"
    ),
    "Latin-1": Case("x.csv", lambda: "a,y\nKöln,1".encode("latin-1"), "must be UTF-8 text"),
    "UTF-16": Case("x.csv", lambda: "a,y\n1,2".encode("utf-16"), "must be UTF-8 text"),
    "NUL bytes": Case("x.csv", lambda: b"a,b,y\n1,\0\0,0\n" * 30, "holds NUL bytes"),
    "unbalanced quotes": Case(
        "x.csv", lambda: text() + b'\n1,2,"no', "is not a proper CSV file: .*EOF inside string"
    ),
    "formulas only": Case(
        "x.csv", lambda: text(row="=1+{i},{j},{k}"), "Column 'a' holds 60 different texts"
    ),
    "a constant target": Case("x.csv", lambda: text(row="{i},{j},no"), "There is only one class"),
    "a target all distinct": Case("x.csv", text, "'a' differs in every row", target="a"),
    "a target that is not there": Case("x.csv", text, "no column '<script>'", target="<script>"),
    "all NaN": Case("x.csv", lambda: text(row="{i},nan,{k}"), r"Values are missing in b \(60\)"),
    "Parquet cut off": Case(
        "x.parquet",
        lambda: parquet(pd.DataFrame({"a": X[:, 0], "y": Y}))[:-20],
        "not a readable Parquet file",
    ),
    "dates": Case(
        "x.parquet",
        lambda: parquet(pd.DataFrame({"d": pd.date_range("2020", periods=60), "y": Y})),
        "Column 'd' must hold numbers or text",
    ),
    "more rows than fit": Case(
        "x.parquet",
        lambda: parquet(pd.DataFrame({"a": np.zeros(10**6 + 1, "i1"), "y": False})),
        "has more than 1,000,000 rows",
    ),
    "lists in cells": Case(
        "x.parquet",
        lambda: parquet(pd.DataFrame({"d": [[1, 2]] * 60, "y": Y})),
        "Column 'd' must hold numbers or text",
    ),
    "an executable": Case("x.exe", lambda: b"MZ", r"must end in .csv, .*got 'x.exe'"),
    "a script called page": Case("x.html", lambda: b"<script>", "must end in .csv"),
    "an ONNX file": Case("x.onnx", lambda: b"\x08\x07", "must end in .csv"),
}
ALL = {
    f"{group}: {name}": case
    for group, cases in (
        ("pickle", PICKLES),
        ("safetensors", TENSORS),
        ("zip", ARCHIVES),
        ("skops", SKOPS),
        ("data", DATA),
    )
    for name, case in cases.items()
}
