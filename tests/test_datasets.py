"""Data sets that come along, and those that are fetched once and kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets

from prunelab import downloads
from prunelab.parts import Table, split
from prunelab.registry import DATASETS
from prunelab.spec import SpecError

OWN = ("arrays", "table")
TEXTS = [name for name in DATASETS if "text" in DATASETS[name].traits]
OFFLINE = [name for name in DATASETS if not DATASETS[name].download and name not in (*OWN, *TEXTS)]
FETCHED = [name for name in DATASETS if DATASETS[name].download]


@pytest.fixture(autouse=True)
def _no_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRUNELAB_DATA", raising=False)


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
    assert entry.traits <= {"images", "table", "text"}
    assert entry.needs == ({"language model"} if "text" in entry.traits else set())


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


def few_images(shape: tuple[int, ...], n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (n, *shape)).astype(np.uint8),
        "y_train": (np.arange(n) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (20, *shape)).astype(np.uint8),
        "y_test": (np.arange(20) % 10).astype(np.uint8),
    }


def files(home: Path) -> list[str]:
    """What is in a home beside the catalogue it came with."""
    found = [path for path in home.rglob("*") if path.is_file()]
    return [path.name for path in found if not path.match("catalogue-*.json")]


def no_network(*_: object, **__: object) -> None:
    raise URLError("no route to host")


@pytest.mark.parametrize("name", FETCHED)
def test_without_a_network_the_ways_out_are_named(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", no_network)
    with pytest.raises(SpecError, match=rf"{name} could not be .*no route.* digits, .*PRUNELAB_D"):
        load(name)
    assert files(home) == []


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
    assert files(home) == [f"{name}.npz"]
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
