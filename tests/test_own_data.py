"""One's own tables and arrays, with all that can be wrong with them, and where they are kept."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from prunelab import files, npz
from prunelab.datasets import table as own_table
from prunelab.parts import Table, split
from prunelab.registry import DATASETS
from prunelab.spec import SpecError


@pytest.fixture(autouse=True)
def _private(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRUNELAB_UPLOADS_ONLY", raising=False)


def load(name: str, **knobs: Any) -> Table:
    return DATASETS[name].function(**knobs)  # type: ignore[no-any-return]


def written(tmp_path: Path, text: str | bytes, name: str = "own.csv") -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def people(rows: int = 40) -> str:
    lines = [f"{i},{'Bonn' if i % 3 else 'Köln'},{i % 2 == 0},{'yn'[i % 2]}" for i in range(rows)]
    return "\n".join(["age,city,member,buys", *lines])


def test_a_table_of_numbers_and_texts(tmp_path: Path) -> None:
    table = load("table", file=written(tmp_path, people()))
    assert table.features == ("age", "city = Bonn", "city = Köln", "member")
    assert table.classes == ("n", "y")
    assert table.x[:3].tolist() == [[0, 0, 1, 1], [1, 1, 0, 0], [2, 1, 0, 1]]
    assert table.y[:3].tolist() == [1, 0, 1]
    assert len(split(table).train.y) == 24
    other = load("table", file=written(tmp_path, people()), target="city")
    assert other.features == ("age", "member", "buys = n", "buys = y")
    assert other.classes == ("Bonn", "Köln")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_and_a_byte_order_mark(tmp_path: Path, separator: str) -> None:
    text = "\ufeff" + people().replace(",", separator)
    table = load("table", file=written(tmp_path, text))
    assert table.features[0] == "age"
    assert np.array_equal(table.x, load("table", file=written(tmp_path, people())).x)


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    frame = pd.read_csv(io.StringIO(people()))
    frame["city"] = frame["city"].astype("category")
    frame.to_parquet(tmp_path / "own.parquet")
    table = load("table", file=str(tmp_path / "own.parquet"))
    plain = load("table", file=written(tmp_path, people()))
    assert table.features == plain.features
    assert np.array_equal(table.x, plain.x)
    assert np.array_equal(table.y, plain.y)


def numbers(rows: int = 40, *, names: str = "a,b,y", last: str = "01") -> str:
    lines = [f"{i},{2 * i},{last[i % len(last)]}" for i in range(rows)]
    return "\n".join([names, *lines])


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing at all": ("", r"a target and at least one feature, got 0 column"),
    "only a header": ("a,b,y\n", "has a header but no rows"),
    "one column": ("y\n1\n2\n", r"a target and at least one feature, got 1 column"),
    "a column twice": (numbers(names="a,a,y"), "Two columns are named 'a'"),
    "a nameless column": (numbers(names=",b,y"), "Column 1 has no name; name it, or remove it"),
    "long rows": ("a,b,y\n" + "1,2,0,5\n" * 20, "is not a proper CSV file: Length of header"),
    "one long row": (numbers() + "\n1,2,3,4,5", "is not a proper CSV file: .*Expected 3 fields"),
    "open quotes": (numbers() + '\n1,2,"0', "is not a proper CSV file: .*EOF inside string"),
    "another encoding": ("a,b,y\n1,2,Köln".encode("latin-1"), "must be UTF-8 text; save it as"),
    "another encoding above": ("ä,b,y\n1,2,0".encode("latin-1"), "must be UTF-8 text"),
    "a pickle": (pickle.dumps({"a": 1}), "must be UTF-8 text"),
    "short rows": (numbers() + "\n1\n2,3", r"Values are missing in b \(1\), y \(2\); fill them"),
    "one class": (numbers(last="0"), "There is only one class"),
    "a rare class": (numbers(last="0") + "\n1,2,1", "Class '1' has 1 examples"),
    "infinite": (numbers() + "\ninf,1,0", "Column 'a' holds infinite or too large numbers"),
    "too large": (numbers() + "\n1e300,1,0", "Column 'a' holds infinite or too large numbers"),
    "names": (
        "name,y\n" + "\n".join(f"n{i},{i % 2}" for i in range(60)),
        "Column 'name' holds 60 different texts, at most 50 are possible",
    ),
    "a wide table": (
        ",".join(f"c{i}" for i in range(2001)) + "\n" + ",".join("1" * 2001),
        "has 2,001 columns; the limit is 2,000",
    ),
    "many holes": (
        "a,b,c,d,e,f,y\n" + ",,,,,,0\n" * 20,
        r"missing in a \(20\), b \(20\), .*e \(20\) and 1 more columns",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_work_is_refused(case: str, tmp_path: Path) -> None:
    text, reason = REFUSED[case]
    with pytest.raises(SpecError, match=reason):
        split(load("table", file=written(tmp_path, text)))


def test_a_target_must_exist_and_hold_classes(tmp_path: Path) -> None:
    file = written(tmp_path, numbers(names="alpha,beta,outcome"))
    with pytest.raises(SpecError, match=r"no column 'outcom'. Did you mean 'outcome'"):
        load("table", file=file, target="outcom")
    with pytest.raises(SpecError, match="target 'alpha' differs in every row"):
        load("table", file=file, target="alpha")
    assert load("table", file=file, target="outcome").features == ("alpha", "beta")


def test_a_constant_feature_is_allowed(tmp_path: Path) -> None:
    text = "a,b,y\n" + "\n".join(f"7,{i},{i % 2}" for i in range(40))
    parts = split(load("table", file=written(tmp_path, text)))
    assert (parts.train.x[:, 0] == 0).all()


def test_limits_on_rows_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, numbers(60))
    frame = pd.read_csv(io.StringIO(numbers(60)))
    frame.to_parquet(tmp_path / "own.parquet")
    monkeypatch.setattr(own_table, "NUMBERS", 100)
    with pytest.raises(SpecError, match="60 rows of 2 features are more than 100 numbers"):
        load("table", file=file)
    monkeypatch.setattr(own_table, "ROWS", 50)
    for name in (file, str(tmp_path / "own.parquet")):
        with pytest.raises(SpecError, match="has more than 50 rows; take a sample"):
            load("table", file=name)


def test_parquet_that_cannot_work_is_refused(tmp_path: Path) -> None:
    for content in (b"PAR1 nonsense PAR1", pickle.dumps(1)):
        with pytest.raises(SpecError, match=r"own.parquet is not a readable Parquet file"):
            load("table", file=written(tmp_path, content, "own.parquet"))
    frame = pd.DataFrame({"when": pd.date_range("2020", periods=40), "y": np.arange(40) % 2})
    frame.to_parquet(tmp_path / "dates.parquet")
    with pytest.raises(SpecError, match=r"Column 'when' must hold numbers or text, got datetime64"):
        load("table", file=str(tmp_path / "dates.parquet"))


def saved(tmp_path: Path, **arrays: Any) -> str:
    np.savez(tmp_path / "own.npz", **arrays)
    return str(tmp_path / "own.npz")


@pytest.mark.parametrize(
    ("shape", "seen"), [((5,), (5,)), ((4, 6), (1, 4, 6)), ((3, 4, 6), (3, 4, 6))]
)
def test_arrays_of_rows_and_of_images(
    tmp_path: Path, shape: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).normal(size=(40, *shape))
    table = load("arrays", file=saved(tmp_path, x=x, y=np.array(["no", "yes"] * 20)))
    assert table.x.shape == (40, *seen)
    assert table.x.dtype == np.float32
    assert np.array_equal(table.x.ravel(), x.astype(np.float32).ravel())
    assert table.classes == ("no", "yes")
    assert split(table).shape == seen


def header(*shape: int) -> bytes:
    """An array's header without its numbers."""
    file = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()


def zipped(tmp_path: Path, **members: bytes) -> str:
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return str(tmp_path / "own.npz")


Y = np.arange(40) % 2
X = np.zeros((40, 3))
BAD_ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no y": ({"x": X}, "must hold the arrays x, y; y is missing among: x"),
    "objects": ({"x": np.array([{}] * 40), "y": Y}, "x holds Python objects, which could run code"),
    "complex": ({"x": X + 0j, "y": Y}, "x must hold numbers, got complex128"),
    "text": ({"x": np.array([["a"]] * 40), "y": Y}, "x must hold numbers, got <U1"),
    "flat": ({"x": X[:, 0], "y": Y}, r"x must be \(n, features\), .*got shape \(40,\)"),
    "short y": ({"x": X, "y": Y[:39]}, r"one class for each of the 40 rows, got shape \(39,\)"),
    "wide y": (
        {"x": X, "y": Y[:, None]},
        r"class for each of the 40 rows, got shape \(40, 1\)",
    ),
    "channels last": (
        {"x": np.zeros((40, 8, 8, 3)), "y": Y},
        r"its channels first, got \(40, 8, 8, 3\); save x.transpose\(0, 3, 1, 2\)",
    ),
    "holes": ({"x": X * np.nan, "y": Y}, "40 rows have missing or infinite values"),
    "too large": ({"x": X + 1e300, "y": Y}, "40 rows have missing or infinite values"),
    "numbers as target": ({"x": X, "y": np.arange(40) * 0.1}, "target 'y' differs in every row"),
    "empty": ({"x": X[:0], "y": Y[:0]}, "The data are empty"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_arrays_that_cannot_work_are_refused(case: str, tmp_path: Path) -> None:
    arrays, reason = BAD_ARRAYS[case]
    with pytest.raises(SpecError, match=reason):
        split(load("arrays", file=saved(tmp_path, **arrays)))


def test_a_declared_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = zipped(tmp_path, x=header(10**6, 10**6), y=header(10**6))
    with pytest.raises(SpecError, match=r"takes 7,450.6 GiB in memory; the limit is 1 GiB"):
        load("arrays", file=file)


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"own.npz is damaged"):
        load("arrays", file=zipped(tmp_path, x=header(40, 3), y=header(40)))
    with pytest.raises(SpecError, match=r"not a readable .npz file: .*has format \(3, 0\)"):
        load("arrays", file=zipped(tmp_path, x=np.lib.format.magic(3, 0), y=header(1)))
    for content in (pickle.dumps({"x": 1}), b"", b"PK\x03\x04 cut"):
        with pytest.raises(SpecError, match=r"own.npz is not a readable .npz file"):
            load("arrays", file=written(tmp_path, content, "own.npz"))


def test_no_pickle_is_ever_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path, x=X, y=Y, extra=np.array([{}], dtype=object))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was opened")

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    assert set(npz.read(Path(file), "x", "y")) == {"x", "y"}


def test_an_upload_is_kept_by_its_content(tmp_path: Path, home: Path) -> None:
    stored = files.keep_upload("../../My Data.CSV", people().encode())
    assert len(stored) == 68
    assert stored.endswith(".csv")
    assert [p.name for p in (home / "uploads").iterdir()] == [stored]
    assert files.keep_upload("again.csv", Path(written(tmp_path, people()))) == stored
    assert files.keep_upload("b.csv", b"other") != stored
    assert load("table", file=stored).features[0] == "age"


def test_an_upload_must_be_readable_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"must end in .csv, .parquet, .npz.*, got 'model.exe'"):
        files.keep_upload("model.exe", b"")
    monkeypatch.setattr(files, "LIMIT", 2**20)
    with pytest.raises(SpecError, match=r"big.csv takes 2 MiB; the limit is 1 MiB"):
        files.keep_upload("big.csv", b"0" * 2**21)


def test_a_file_must_be_named_and_be_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Name a file"):
        load("table")
    with pytest.raises(SpecError, match=r"There is no file '.*gone.csv'"):
        load("table", file=str(tmp_path / "gone.csv"))
    with pytest.raises(SpecError, match=r"must end in .npz, got '.*own.csv'"):
        load("arrays", file=written(tmp_path, people()))
    with pytest.raises(SpecError, match="There is no file '0000"):
        files.find("0" * 64 + ".csv")
    with pytest.raises(SpecError, match=r"must not go up with '..', got '../own.csv'"):
        files.find("../own.csv")


def test_a_public_app_reads_uploads_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = files.keep_upload("own.csv", people().encode())
    monkeypatch.setenv("PRUNELAB_UPLOADS_ONLY", "1")
    assert files.find(stored).is_file()
    with pytest.raises(SpecError, match="reads uploaded files only, got the path '/etc/passwd'"):
        files.find("/etc/passwd")


def test_home_is_in_the_users_folder_unless_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRUNELAB_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert files.home() == tmp_path / ".prunelab"
    assert files.home().is_dir()
