"""Tables and arrays that are none, or too much."""

from __future__ import annotations

import numpy as np
import pandas as pd
from making_files import (
    WIDE,
    Case,
    Trap,
    X,
    Y,
    array,
    arrays,
    lines,
    many_rows,
    parquet,
    text,
    zipped,
)

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
    "10^9 rows declared": Case("x.parquet", many_rows, "has more than 1,000,000 rows"),
    "lists in cells": Case(
        "x.parquet",
        lambda: parquet(pd.DataFrame({"d": [[1, 2]] * 60, "y": Y})),
        "Column 'd' must hold numbers or text",
    ),
    "an executable": Case("x.exe", lambda: b"MZ", r"must end in .csv, .*got 'x.exe'"),
    "a script called page": Case("x.html", lambda: b"<script>", "must end in .csv"),
}
