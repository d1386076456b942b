"""One's own table, from a CSV or Parquet file."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prunelab.files import find
from prunelab.parts import Table, labels
from prunelab.registry import dataset
from prunelab.spec import SpecError, unknown

if TYPE_CHECKING:
    import pandas as pd

ROWS, COLUMNS, NUMBERS = 1_000_000, 2_000, 50_000_000
_BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
           RuntimeError)  # fmt: skip
TEXTS = 50  # different texts a column may hold


@dataset(
    traits={"table"},
    title="My table",
    licence="your own",
    source="a CSV or Parquet file",
    epochs=30,
)
def table(
    *,
    file: Annotated[str, "path of a CSV or Parquet file with a header"] = "",
    target: Annotated[str, "column that holds the classes; empty for the last"] = "",
) -> Table:
    """A table of your own: numbers as they are, each text of a column as a feature of its own."""
    path = find(file, ".csv", ".parquet")
    frame = _csv(path) if path.suffix.lower() == ".csv" else _parquet(path)
    columns = list(frame.columns)
    chosen = target or columns[-1]
    if chosen not in columns:
        raise SpecError(unknown("column", chosen, columns))
    _complete(frame)
    codes, classes = labels(_classes(frame[chosen]), chosen)
    found: list[tuple[str, NDArray[np.float32]]] = []
    for name in columns:
        found += _features(frame, name) if name != chosen else ()
        _within(len(frame), len(found))
    x = np.stack([values for _, values in found], axis=1)
    return Table(x=x, y=codes, classes=classes, features=tuple(name for name, _ in found))


def _csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        separator, names = _header(path)
        _named(names)
        _textual(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            return pd.read_csv(
                path,
                sep=separator,
                index_col=False,
                low_memory=False,
                nrows=ROWS + 1,
            )
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name} must be UTF-8 text; save it as “CSV UTF-8”.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise SpecError(f"{path.name} is not a proper CSV file: {error}") from error


def _textual(path: Path) -> None:
    with path.open("rb") as file:
        if any(b"\0" in part for part in iter(lambda: file.read(2**20), b"")):
            raise SpecError(f"{path.name} holds NUL bytes; it must be UTF-8 text.")


def _header(path: Path) -> tuple[str, list[str]]:
    """The separator and the names of the columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline(10 * 2**20)
    separator = max(",;\t|", key=line.count)
    return separator, next(csv.reader([line], delimiter=separator), [])


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _named(file.schema_arrow.names)
            _within(file.metadata.num_rows, 1)
            frame: pd.DataFrame = file.read().to_pandas()
    except SpecError:
        raise
    except _BROKEN as error:  # also of what the file notes for pandas
        raise SpecError(f"{path.name} is not a readable Parquet file: {error}") from error
    return frame


def _named(names: Sequence[str]) -> None:
    """Refuse a header that cannot be used."""
    if len(names) < 2:
        raise SpecError(
            f"The table must have a target and at least one feature, got {len(names)} column(s)."
        )
    if len(names) > COLUMNS:
        raise SpecError(f"The table has {len(names):,} columns; the limit is {COLUMNS:,}.")
    if "" in names:
        raise SpecError(
            f"Column {list(names).index('') + 1} has no name; name it, or remove it if it only "
            f"numbers the rows."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"Two columns are named {twice[0]!r}; each needs a name of its own.")


def _within(rows: int, features: int) -> None:
    if rows > ROWS:
        raise SpecError(f"The table has more than {ROWS:,} rows; take a sample of it.")
    if rows * features > NUMBERS:
        raise SpecError(
            f"{rows:,} rows of {features:,} features are more than {NUMBERS:,} numbers; "
            f"take a sample, or drop columns."
        )


def _complete(frame: pd.DataFrame) -> None:
    if frame.empty:
        raise SpecError("The table has a header but no rows.")
    counts = frame.isna().sum()
    holes = [f"{name} ({n})" for name, n in counts[counts > 0].items()]
    if holes:
        more = f" and {len(holes) - 5} more columns" if len(holes) > 5 else ""
        raise SpecError(
            f"Values are missing in {', '.join(holes[:5])}{more}; fill them or drop those rows."
        )


def _classes(column: pd.Series[Any]) -> NDArray[Any]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return column.astype(str).to_numpy(dtype=object)


def _features(frame: pd.DataFrame, name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The column as one feature if it holds numbers, or one for each text it holds."""
    import pandas as pd

    column = frame[name]
    if pd.api.types.is_numeric_dtype(column):
        with np.errstate(over="ignore"):
            values = column.to_numpy(dtype=np.float64).astype(np.float32)
        if not np.isfinite(values).all():
            raise SpecError(f"Column {name!r} holds infinite or too large numbers.")
        yield name, values
        return
    if not isinstance(column.dtype, pd.CategoricalDtype) and not pd.api.types.is_string_dtype(
        column
    ):
        raise SpecError(f"Column {name!r} must hold numbers or text, got {column.dtype}.")
    words = column.astype(str)
    texts = sorted(words.unique())
    if len(texts) > TEXTS:
        raise SpecError(
            f"Column {name!r} holds {len(texts):,} different texts, at most {TEXTS} are possible; "
            f"drop it or group its values."
        )
    for text in texts:
        yield f"{name} = {text}", (words == text).to_numpy().astype(np.float32)
