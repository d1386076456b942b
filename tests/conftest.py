"""Every test has a home of its own, one torch thread, and no memory of another test."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# A busy machine draws examples slowly, which is no fault of a test.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


@pytest.fixture(scope="session", autouse=True)
def _shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for what tests may share (the catalogue), never the user's own."""
    shared = tmp_path_factory.mktemp("home")
    os.environ["PRUNELAB_HOME"] = str(shared)
    return shared


@pytest.fixture(autouse=True)
def _own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves the page as ``__main__``; a process started then would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """What a test draws without a seed of its own is the same in every order of the tests."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run costs is timed once, not 30 times: only tests of the clock want an interval."""
    from prunelab.measure import costs
    from prunelab.measure import latency as clock

    def once(candidates: dict[str, Callable[[], object]]) -> dict[str, dict[str, Any]]:
        return {name: clock._interval([1000 * took(call)]) for name, call in candidates.items()}

    monkeypatch.setattr(costs, "latency", once)


def took(call: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.fixture(scope="session")
def furnish(_shared_home: Path) -> Callable[[Path], Path]:
    """Puts the catalogue into a home, which each process of it would ask another for in seconds."""
    from prunelab.shelves import asked

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNELAB_HOME", str(_shared_home))
        asked("prunelab.catalogue", "catalogue")

    def put(home: Path) -> Path:
        home.mkdir(parents=True, exist_ok=True)
        for file in _shared_home.glob("catalogue-*.json"):
            shutil.copy(file, home)
        return home

    return put


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, furnish: Callable[[Path], Path]) -> Path:
    """A home of this test alone."""
    furnish(tmp_path)
    monkeypatch.setenv("PRUNELAB_HOME", str(tmp_path))
    monkeypatch.delenv("PRUNELAB_STORE", raising=False)
    monkeypatch.setenv("PRUNELAB_SHARED", "1")  # pages show what a test puts into the store
    return tmp_path


@pytest.fixture
def data_folder() -> Path:
    """Where MNIST is; the test is skipped on a machine without it."""
    folder = os.environ.get("PRUNELAB_DATA", "")
    if not folder or not Path(folder, "mnist.npz").exists():
        pytest.skip("PRUNELAB_DATA names no folder with mnist.npz")
    return Path(folder)


@pytest.fixture
def eager() -> Iterator[None]:
    """Every epoch is kept, however short."""
    from prunelab import checkpoint

    with checkpoint.eager():
        yield


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The epochs that were really trained."""
    from prunelab import training

    seen: list[Any] = []
    plain = training._epoch
    monkeypatch.setattr(training, "_epoch", lambda *a: seen.append(a[3][:2]) or plain(*a))
    return seen
