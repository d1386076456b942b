"""Valid files with some bytes changed: a loader gives what it can or a refusal, nothing else."""

from __future__ import annotations

import contextlib
import io
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making_files import X, Y, arrays, fitted, parquet, skops_of, text, zipped
from safetensors.torch import save
from torch import nn

from prunelab import given as weights
from prunelab.own import apart, archive, folder
from prunelab.own import trees as own_trees
from prunelab.spec import RunSpec, SpecError

NET = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def predicted(file: Path) -> None:
    model = own_trees.read(file)
    model.predict(X[:, : model.n_features_in_])


def unpacked(file: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        archive.unpack(file, Path(scratch))
        folder.read(Path(scratch), {"A": "a"})


@cache
def valid(kind: str) -> bytes:
    frame = pd.DataFrame({"a": X[:, 0], "c": ["x", "y"] * 30, "y": Y})
    made: dict[str, Any] = {
        "csv": text,
        "parquet": lambda: parquet(frame),
        "npz": lambda: arrays(x=X, y=Y),
        "safetensors": lambda: save(NET.state_dict()),
        "skops": lambda: skops_of(fitted(max_depth=2)),
        "zip": lambda: zipped(
            {
                "config.json": b'{"architectures": ["A"]}',
                "model.safetensors": save({"w": torch.zeros(3)}),
                "tokenizer.json": b"{}",
            }
        ),
    }
    return made[kind]()  # type: ignore[no-any-return]


READERS = {
    "csv": apart.summary,
    "parquet": apart.summary,
    "npz": apart.summary,
    "safetensors": lambda file: weights.read(file, NET),
    "skops": predicted,
    "zip": unpacked,
}


@st.composite
def mutations(draw: st.DrawFn, kind: str) -> bytes:
    """Bytes changed, cut out, doubled, or put in; sometimes the file ends early."""
    content = bytearray(valid(kind))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        how = draw(st.sampled_from(["set", "flip", "cut", "insert", "double", "end"]))
        if how == "set":
            content[at] = draw(st.integers(0, 255))
        elif how == "flip":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del content[at : at + draw(st.integers(1, 16))]
        elif how == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=16))
        elif how == "double":
            content[at:at] = content[at : at + 32]
        else:
            del content[max(1, at) :]
        if not content:
            content = bytearray(b"\0")
    return bytes(content)


@pytest.mark.parametrize(
    "examples", [150, pytest.param(5_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
@pytest.mark.parametrize("kind", READERS)
def test_a_changed_file_is_read_or_refused(kind: str, examples: int, tmp_path: Path) -> None:
    file = tmp_path / f"x.{kind}"
    file.write_bytes(valid(kind))
    READERS[kind](file)  # unchanged it works, so a refusal is of the change

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(mutations(kind))
    def read(content: bytes) -> None:
        file.write_bytes(content)
        with contextlib.suppress(SpecError):
            READERS[kind](file)

    read()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(vars(RunSpec()))), JSON, max_size=4) | JSON)
def test_any_json_is_a_spec_with_a_key_or_refused(told: Any) -> None:
    with contextlib.suppress(SpecError):
        assert RunSpec.from_json(told).key.isascii()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_look_for_pickles(content: bytes) -> None:
    from prunelab.own.pickles import refuse_content

    with contextlib.suppress(SpecError):
        refuse_content("x", content)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 5), st.recursive(st.integers() | st.text(), st.lists, max_leaves=5))
def test_every_pickle_is_known_by_its_content(protocol: int, thing: Any) -> None:
    import pickle

    from prunelab.own.pickles import refuse_content

    if protocol >= 2 or isinstance(thing, list):
        with pytest.raises(SpecError, match="is a pickle"):
            refuse_content("x", pickle.dumps(thing, protocol))


def test_arrays_inside_a_npz_are_not_unpickled_whatever_the_header_says(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, X)
    hidden = file.getvalue().replace(b"'<f4'", b"'|O' ")
    (tmp_path / "x.npz").write_bytes(zipped({"x.npy": hidden, "y.npy": hidden}))
    with pytest.raises(SpecError, match="x holds Python objects"):
        apart.summary(tmp_path / "x.npz")
