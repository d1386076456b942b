"""Exports that come back: a folder or a zip is checked as a whole before any of it is used."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from prunelab.events import Result
from prunelab.files import home, within_limit
from prunelab.own import archive
from prunelab.spec import RunSpec, SpecError

ARCHITECTURE, RUN, LIST = "architecture.json", "run.json", "export.json"
_JSON = 64 * 2**20
_KEY = re.compile(r"[a-z0-9-]{1,200}")
_FIELDS = {
    "model": str, "model_knobs": dict, "shape": list, "classes": int, "unit": str,
}  # fmt: skip
_SIDES = 4  # dimensions of one example at most
_LARGEST = 2**24  # numbers in one example
_STATES = ("queued", "running", "finished", "failed", "cancelled")


def is_export(name: str | os.PathLike[str]) -> bool:
    """Whether a name is a folder or zip of an export rather than the key of a stored run."""
    path = Path(name)
    return path.suffix.lower() == ".zip" or (path / RUN).is_file()


def bring(name: str | os.PathLike[str]) -> Path:
    """The folder of an export; a zip is unpacked once, into the home folder.

    Raises:
        SpecError: no such zip, one that must not be unpacked, or files that were changed.
    """
    path = Path(name)
    folder = _unpacked(path) if path.suffix.lower() == ".zip" and not path.is_dir() else path
    if not (folder / RUN).is_file():
        raise SpecError(f"{path.name} holds no {RUN}: it is not what prunelab export writes.")
    _unchanged(path.name, folder)
    return folder


def result(folder: Path) -> Result:
    """What ``run.json`` says.

    Raises:
        SpecError: it is not what a run writes.
    """
    told = read_json(folder / RUN)
    known = {f.name: getattr(Result(), f.name) for f in fields(Result)}
    for name, value in told.items():
        if name not in known:
            raise SpecError(f"{RUN} has a field {name[:80]!r} that no run writes.")
        kind = list if isinstance(known[name], tuple) else type(known[name])
        if not isinstance(value, (int, float) if kind is float else kind):
            raise SpecError(f"{name} in {RUN} must be a {kind.__name__}, got {value!r:.80}.")
    if not _KEY.fullmatch(told.get("key", "")) or told.get("status") not in _STATES:
        raise SpecError(f"{RUN} must have the key and the status of a run.")
    RunSpec.from_json(told.get("spec", {}))
    return Result(**told)


def architecture(folder: Path) -> dict[str, Any]:
    """What ``architecture.json`` says, every value of its kind and within bounds.

    Raises:
        SpecError: a field that is missing, unknown, or out of bounds.
    """
    told = read_json(folder / ARCHITECTURE)
    if set(told) - {"inputs"} != set(_FIELDS):
        raise SpecError(f"{ARCHITECTURE} must have {', '.join(_FIELDS)}, got {list(told)!r:.200}.")
    for name, kind in _FIELDS.items():
        if type(told[name]) is not kind:
            raise SpecError(f"{name} in {ARCHITECTURE} must be a {kind.__name__}.")
    sides = told["shape"]
    sound = 1 <= len(sides) <= _SIDES and all(type(s) is int and s >= 1 for s in sides)
    size = 1
    for side in sides if sound else ():
        size = min(size * side, _LARGEST + 1)
    if not sound or size > _LARGEST:
        raise SpecError(f"shape in {ARCHITECTURE} must be 1 to {_SIDES} sides, got {sides!r:.80}.")
    if not 2 <= told["classes"] <= 100_000:
        raise SpecError(f"classes in {ARCHITECTURE} must be from 2 to 100,000.")
    return told


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file that somebody gave.

    Raises:
        SpecError: no such file, too large, or no JSON object.
    """
    if not path.is_file():
        raise SpecError(f"{path.parent.name} holds no {path.name}.")
    if path.stat().st_size > _JSON:
        raise SpecError(f"{path.name} takes more than {_JSON >> 20} MiB.")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path.name} is not proper JSON: {str(error)[:200]}") from error
    if not isinstance(told, dict):
        raise SpecError(f"{path.name} must be a JSON object, got {type(told).__name__}.")
    return told


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked(path: Path) -> Path:
    if not path.is_file():
        raise SpecError(f"There is no file {str(path)!r}.")
    within_limit(path.name, path.stat().st_size)
    target = home() / "imports" / digest(path)
    if target.is_dir():
        return target
    target.parent.mkdir(exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        archive.unpack(path, partial)
        partial.rename(target)
    except FileExistsError:
        return target  # another process was first
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _unchanged(name: str, folder: Path) -> None:
    """Every file the export lists is there, byte for byte."""
    if not (folder / LIST).is_file():
        return
    listed = read_json(folder / LIST).get("files")
    if not isinstance(listed, dict) or not all(isinstance(v, Mapping) for v in listed.values()):
        raise SpecError(f"{LIST} of {name} must list its files.")
    for file, about in listed.items():
        if Path(file).name != file or not (folder / file).is_file():
            raise SpecError(f"{name} lacks {file!r}, which its {LIST} names.")
        if about.get("sha256") != digest(folder / file):
            raise SpecError(f"{file} of {name} was changed since the export: its checksum differs.")
