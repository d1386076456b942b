"""A file that comes to a shelf is found by programs that run already."""

from __future__ import annotations

import importlib
import os
import sys

import pytest

from prunelab import shelves
from prunelab.registry import Registry
from prunelab.spec import SpecError

FILE = """
from {shelf} import SHELF

def score(net, data):
    "Keep {name}."

SHELF.add(score, "{name}", {{}})
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A package of its own with one method, and a way to put another beside it."""
    name = f"shelf_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("SHELF = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Registry("method", name)
    sys.modules.pop(name, None)
    __import__(name)
    sys.modules[name].SHELF = found

    def put(file, text=""):
        (folder / f"{file}.py").write_text(text or FILE.format(shelf=name, name=file))

    put("first")
    return found, put


def test_a_file_that_comes_later_is_found_by_its_name(shelf):
    found, put = shelf
    assert list(found) == ["first"]
    with pytest.raises(SpecError, match="second"):
        found["second"]
    put("second")
    assert found["second"].summary == "Keep second."
    assert list(found) == ["first", "second"]


def test_a_file_that_is_mended_is_no_longer_broken(shelf):
    found, put = shelf
    put("second", "1 / 0\n")
    assert "ZeroDivisionError" in (list(found), found.broken["second"])[1]
    put("second", FILE.format(shelf=found.package, name="second") + "# mended\n")
    assert "second" in found
    assert found.broken == {}


def test_the_catalogue_is_asked_for_anew_when_a_file_comes(tmp_path, monkeypatch):
    catalogue = importlib.import_module("prunelab.catalogue")  # the package has a function of it
    for name in shelves.SHELVES:
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))  # a clock ticks less often than files are made
    asked = []
    monkeypatch.setattr(shelves, "HERE", tmp_path)
    monkeypatch.setattr(catalogue, "asked", lambda *a: asked.append(a) or {"n": len(asked)})
    catalogue._at.cache_clear()
    try:
        assert [catalogue.catalogue()["n"] for _ in range(2)] == [1, 1]
        (tmp_path / "methods" / "biased.py").touch()
        assert [catalogue.catalogue()["n"] for _ in range(2)] == [2, 2]
    finally:
        catalogue._at.cache_clear()
