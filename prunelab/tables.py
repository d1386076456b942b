"""A table as a file: CSV for spreadsheets, Parquet for programs, LaTeX for papers."""

from __future__ import annotations

import io

import pandas as pd

from prunelab.harmless import csv

__all__ = ["csv", "latex", "parquet"]


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
