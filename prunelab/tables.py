"""A table as a file: CSV for spreadsheets, Parquet for programs, LaTeX for papers."""

from __future__ import annotations

import io

import pandas as pd

from prunelab.harmless import csv
from prunelab.speech import mark

__all__ = ["HEADINGS", "csv", "latex", "parquet"]

# What pages call columns in the reader's language; files and notebooks keep the names.
HEADINGS = frozenset({
    mark("accuracy"), mark("accuracy lost"), mark("active"), mark("after"), mark("against dense"),
    mark("ahead by"), mark("alive"), mark("answer"), mark("apart"), mark("around"), mark("asked"),
    mark("at leaves"), mark("because"), mark("before"), mark("begins at"), mark("behind"),
    mark("best"), mark("best mean"), mark("beyond both alone"), mark("cells alive"),
    mark("class"), mark("closest"), mark("column"), mark("comes in"), mark("compression"),
    mark("connections"), mark("cost"), mark("count"), mark("data"), mark("default"),
    mark("dense"), mark("dense models say"), mark("depth"), mark("done"), mark("dropped"),
    mark("effective"), mark("epoch"), mark("epochs a run"), mark("examples"),
    mark("examples kept"), mark("examples shown"), mark("faster than dense from"),
    mark("features"), mark("filter"), mark("forgotten from sparsity"), mark("form"),
    mark("found"), mark("from"), mark("front"), mark("gone"), mark("grown"), mark("high"),
    mark("holds"), mark("input"), mark("its own accuracy"), mark("its own leaves"), mark("kept"),
    mark("key"), mark("lane"), mark("layer"), mark("leads"), mark("leaves"), mark("left"),
    mark("live"), mark("looked at"), mark("loss"), mark("lost"), mark("low"), mark("macs_before"),
    mark("made"), mark("mean"), mark("medal"), mark("median"), mark("median ms"), mark("method"),
    mark("missing runs"), mark("model"), mark("model says"), mark("most"), mark("multiply-adds"),
    mark("multiply-adds, zeros free"), mark("name"), mark("names"), mark("network"),
    mark("neuron"), mark("node"), mark("open"), mark("other"), mark("output"), mark("outputs"),
    mark("outputs_before"), mark("parameters"), mark("params_before"), mark("part"),
    mark("paths"), mark("perplexity"), mark("phase"), mark("place"), mark("pruned models say"),
    mark("question"), mark("rank"), mark("removed"), mark("right"), mark("right, dense"),
    mark("right, pruned"), mark("row"), mark("rule"), mark("run"), mark("runs"), mark("said"),
    mark("says"), mark("score"), mark("sd"), mark("seconds"), mark("seed"), mark("seeds"),
    mark("seeds wrong"), mark("series"), mark("setting"), mark("shape"), mark("share kept"),
    mark("share of the plane"), mark("shared"), mark("shrunk"), mark("sketch"), mark("source"),
    mark("sparsity"), mark("splits"), mark("start"), mark("state"), mark("stays"), mark("step"),
    mark("test example"), mark("threshold"), mark("to"), mark("to do"), mark("training"),
    mark("training errors saved"), mark("true class"), mark("truth"), mark("unit"), mark("units"),
    mark("validation"), mark("validation accuracy"), mark("validation errors saved"),
    mark("validation_loss"), mark("value"), mark("way"), mark("weight"), mark("weights"),
    mark("weights removed"), mark("went"), mark("what"), mark("what it does"), mark("what it is"),
    mark("why"), mark("with zeros"), mark("worst"), mark("zeros kept"), mark("zeros left"),
    mark("α"),
})  # fmt: skip


def parquet(table: pd.DataFrame) -> bytes:
    """The table as Parquet; columns that hold several kinds of things become text."""
    plain = pd.DataFrame({str(name): _one_kind(column) for name, column in table.items()})
    file = io.BytesIO()
    plain.to_parquet(file, index=False)
    return file.getvalue()


def _one_kind(column: pd.Series) -> pd.Series:
    mixed = column.dtype == object and len({type(value) for value in column.dropna()}) > 1
    return column.map(str) if mixed else column


def latex(table: pd.DataFrame) -> str:
    """The table as a LaTeX tabular (package booktabs); signs that LaTeX reads are escaped."""
    ours = table.map(_typed) if len(table) else table
    ours.columns = [_typed(str(name)) for name in ours.columns]
    text = ours.to_latex(index=False, escape=True, float_format="%.4g", na_rep="--")
    return text.replace("\u00a0", "~")


def _typed(value: object) -> object:
    """Text without signs that a plain LaTeX font lacks."""
    return value.replace("–", "--").replace("−", "-") if isinstance(value, str) else value
