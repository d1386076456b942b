"""Tables as files: what is read back is what was written, and nothing can be taken for code."""

from __future__ import annotations

import io

import pandas as pd
from paging import show, store  # noqa: F401

from prunelab import tables
from prunelab.spec import RunSpec

TABLE = pd.DataFrame(
    {"method": ["l1_filter", "a & b 50 %"], "accuracy": [0.95, None], "seeds": [3, 4]}
)


def test_parquet_gives_the_table_back():
    back = pd.read_parquet(io.BytesIO(tables.parquet(TABLE)))
    pd.testing.assert_frame_equal(back, TABLE)


def test_parquet_takes_columns_of_several_kinds():
    mixed = pd.DataFrame({"value": pd.Series([1, "two", [3]], dtype=object), 7: [1, 2, 3]})
    back = pd.read_parquet(io.BytesIO(tables.parquet(mixed)))
    assert back["value"].tolist() == ["1", "two", "[3]"]
    assert back["7"].tolist() == [1, 2, 3]


def test_latex_escapes_what_latex_reads():
    text = tables.latex(TABLE.assign(note=["5\u00a0–\u00a06", "x"]))
    assert r"l1\_filter & 0.95 & 3 & 5~--~6 \\" in text
    assert r"a \& b 50 \% & -- & 4 & x \\" in text
    assert text.startswith(r"\begin{tabular}")


def test_csv_is_no_formula():
    assert tables.csv(pd.DataFrame({"a": ["=1+1"]})) == "a\n'=1+1\n"


def test_every_figure_offers_its_table_in_three_forms(store):  # noqa: F811
    buttons = [b.proto for b in show("lab", run=RunSpec().key).get("download_button")]
    assert [b.label for b in buttons[:3]] == ["CSV", "Parquet", "LaTeX"]
