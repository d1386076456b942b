"""Data sets: those that come along, those that are fetched, and one's own with all their faults."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from prunelab import downloads, files, npz
from prunelab.datasets import table as own_table
from prunelab.parts import Table, split
from prunelab.registry import DATASETS
from prunelab.spec import SpecError

OWN = ("arrays", "table")
OFFLINE = [name for name in DATASETS if not DATASETS[name].download and name not in OWN]
FETCHED = [name for name in DATASETS if DATASETS[name].download]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PRUNELAB_HOME", str(tmp_path / "home"))
    for name in ("PRUNELAB_DATA", "PRUNELAB_UPLOADS_ONLY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def load(name: str, **knobs: Any) -> Table:
    return DATASETS[name].function(**knobs)  # type: ignore[no-any-return]


def test_every_file_of_the_shelf_loads() -> None:
    assert DATASETS.broken == {}
    assert set(OFFLINE) == {
        *("breast-cancer", "circles", "digits", "iris", "moons", "noisy-table", "spirals", "wine"),
    }
    assert set(FETCHED) == {"mnist", "fashion-mnist", "cifar-10"}


def test_listing_the_shelf_imports_nothing_heavy() -> None:
    code = (
        "import sys; from prunelab.registry import DATASETS; list(DATASETS); "
        "print([m for m in ('torch', 'sklearn', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_has_a_card(name: str) -> None:
    entry = DATASETS[name]
    assert entry.summary.endswith(".")
    assert entry.title
    assert entry.licence
    assert entry.source
    assert entry.epochs >= 1
    assert entry.traits <= {"images", "table"}


@pytest.mark.parametrize("name", OFFLINE)
def test_those_that_come_along_split_cleanly(name: str) -> None:
    table = load(name)
    parts = split(table)
    n, classes = len(table.y), len(table.classes)
    trio = (parts.train, parts.validation, parts.test_once())
    assert sum(len(part.y) for part in trio) == n
    shares = np.bincount(table.y, minlength=classes) / n
    for part, share in zip(trio, (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part.y) - share * n) < 2
        here = np.bincount(part.y, minlength=classes)
        assert np.abs(here - shares * len(part.y)).max() < 2
        assert part.x.dtype == np.float32
        assert part.y.dtype == np.int64
    axes = (0, 2, 3) if "images" in DATASETS[name].traits else (0,)
    assert np.allclose(parts.train.x.mean(axes), 0, atol=1e-5)
    deviation = parts.train.x.std(axes)
    assert np.allclose(deviation[deviation > 0], 1, atol=1e-4)
    assert (table.x.ndim == 4) == ("images" in DATASETS[name].traits)
    assert table.x.ndim == 4 or len(table.features) == table.x.shape[1]
    assert split(load(name)).digest == parts.digest


def test_digits_are_images_between_nought_and_one() -> None:
    table = load("digits")
    assert table.x.shape == (1797, 1, 8, 8)
    assert (table.x.min(), table.x.max()) == (0, 1)


@pytest.mark.parametrize("name", ["circles", "moons", "noisy-table", "spirals"])
def test_computed_data_follow_their_knobs(name: str) -> None:
    few, clean = load(name, rows=600), load(name, rows=600, noise=0.0)
    assert len(few.y) == len(clean.y) == 600
    assert not np.array_equal(few.x, clean.x) or not np.array_equal(few.y, clean.y)


def test_noise_of_the_noisy_table_is_in_its_labels() -> None:
    clean, noisy = load("noisy-table", noise=0.0), load("noisy-table", noise=0.5)
    changed = (clean.y != noisy.y).mean()
    assert 0.3 < changed < 0.9


# --- fetched -----------------------------------------------------------------------------------


def few_images(shape: tuple[int, ...], n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (n, *shape)).astype(np.uint8),
        "y_train": (np.arange(n) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (20, *shape)).astype(np.uint8),
        "y_test": (np.arange(20) % 10).astype(np.uint8),
    }


def no_network(*_: object, **__: object) -> None:
    raise URLError("no route to host")


@pytest.mark.parametrize("name", FETCHED)
def test_without_a_network_the_ways_out_are_named(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", no_network)
    with pytest.raises(SpecError, match=rf"{name} could not be .*no route.* digits, .*PRUNELAB_D"):
        load(name)
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", FETCHED)
def test_what_is_fetched_is_kept_whole(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = 3072 if name == "cifar-10" else 784
    pixels = np.random.default_rng(0).integers(0, 256, (220, width))
    asked: list[dict[str, Any]] = []

    def fetch(**options: Any) -> Any:
        asked.append(options)
        (Path(options["data_home"]) / "raw.gz").write_bytes(b"0")
        target = np.array([str(i % 10) for i in range(220)], dtype=object)
        return SimpleNamespace(data=pixels.astype(np.float64), target=target)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    monkeypatch.setattr(downloads, "TEST", 20)
    table, again = load(name), load(name)
    assert len(asked) == 1
    assert isinstance(asked[0]["data_id"], int)
    assert [path.name for path in home.rglob("*") if path.is_file()] == [f"{name}.npz"]
    assert table.test is not None
    assert np.array_equal(table.test.x.reshape(20, -1), (pixels[-20:] / 255).astype(np.float32))
    assert np.array_equal(table.y, np.arange(200) % 10)
    assert np.array_equal(again.x, table.x)
    assert len(split(table).train.y) == 180


def test_a_download_of_another_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(data=np.zeros((80, 5)), target=np.zeros(80))
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda **_: found)
    with pytest.raises(SpecError, match=r"mnist could not be fetched .*reshape"):
        load("mnist")


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_folder_of_ones_own_comes_first(
    channels_last: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", no_network)
    monkeypatch.setenv("PRUNELAB_DATA", str(tmp_path))
    images = few_images((32, 32, 3))
    expected = images["x_train"].transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    if not channels_last:
        images |= {k: images[k].transpose(0, 3, 1, 2) for k in ("x_train", "x_test")}
    images["y_train"] = images["y_train"][:, None]
    np.savez(tmp_path / "cifar-10.npz", **images)
    table = load("cifar-10")
    assert np.array_equal(table.x, expected)
    assert table.y.shape == (60,)


def test_other_images_in_that_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNELAB_DATA", str(tmp_path))
    np.savez(tmp_path / "mnist.npz", **few_images((14, 14)))
    with pytest.raises(SpecError, match=r"must hold uint8 images of \(1, 28, 28\) .* \(60, 14, 14"):
        load("mnist")
    np.savez(tmp_path / "mnist.npz", **(few_images((28, 28)) | {"y_test": np.full(20, 10)}))
    with pytest.raises(SpecError, match=r"labels of mnist.npz must be whole numbers below 10"):
        load("mnist")
    np.savez(tmp_path / "mnist.npz", x=np.zeros(3))
    with pytest.raises(SpecError, match="must hold the arrays x_train, y_train, x_test, y_test"):
        load("mnist")


# --- one's own table ---------------------------------------------------------------------------


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


# --- one's own arrays --------------------------------------------------------------------------


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


# --- files -------------------------------------------------------------------------------------


def test_an_upload_is_kept_by_its_content(tmp_path: Path, home: Path) -> None:
    stored = files.keep_upload("../../My Data.CSV", people().encode())
    assert len(stored) == 68
    assert stored.endswith(".csv")
    assert [p.name for p in (home / "uploads").iterdir()] == [stored]
    assert files.keep_upload("again.csv", Path(written(tmp_path, people()))) == stored
    assert files.keep_upload("b.csv", b"other") != stored
    assert load("table", file=stored).features[0] == "age"


def test_an_upload_must_be_readable_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"must end in .csv, .parquet, .npz, got 'model.pkl'"):
        files.keep_upload("model.pkl", b"")
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
