"""A store in one zip file: runs and events as JSON lines, files beside them; and back again.

What comes back is not trusted: names, sizes, ratios and every line are checked before anything is
kept, and a file that fails leaves the store as it was.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from prunelab import ledger, storage
from prunelab.database import StoreError
from prunelab.events import Event, from_json, to_json
from prunelab.spec import RunSpec, SpecError
from prunelab.store import Store
from prunelab.told import every

FORMAT = 1
ENDED = ("finished", "failed", "cancelled")
COUNT, TOTAL, RATIO, LINE = 200_000, 20 * 2**30, 500, 64 * 2**20
_FILE = re.compile(r"files/([a-z0-9-]{1,200})/([A-Za-z0-9_][A-Za-z0-9._-]{0,99})")
_SUFFIXES = {".safetensors", ".json", ".npz", ".skops", ".onnx", ".txt", ".csv", ".bin"}
_LISTS = {"about.json", "runs.jsonl", "events.jsonl"}


class Moved(NamedTuple):
    """How many runs were written or read, and how many were left out: there already, or active."""

    runs: int
    left: int


def save(store: Store, path: Path) -> Moved:
    """Write every run that has ended into one zip file, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    rows = store.runs(10**7, state=ENDED)[::-1]
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("about.json", json.dumps({"format": FORMAT, "runs": len(rows)}))
            for name, lines in (("runs", _runs(rows)), ("events", _events(store, rows))):
                with archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                    file.writelines(json.dumps(line).encode() + b"\n" for line in lines)
            for row in rows:
                _save_files(archive, store, row.key)
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return Moved(len(rows), store.count() - len(rows))


def load(store: Store, path: Path) -> Moved:
    """Add the runs of such a file to a store; those it has already stay as they are.

    Raises:
        StoreError: it is no such file, or one that was made to do harm; nothing was changed.
    """
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory(dir=store.home) as room:
            _check(archive)
            about = json.loads(_read(archive, "about.json"))
            if about.get("format") != FORMAT:
                raise StoreError(f"{path.name} is of format {about.get('format')!r}, not {FORMAT}.")
            runs = {run["key"]: _run(run) for run in _lines(archive, "runs.jsonl")}
            known = {row.key for row in store.rows(runs)}
            new = {key: run for key, run in runs.items() if key not in known}
            files = _unpack(archive, Path(room), new)
            with store.writing() as connection:
                for key, told in _by_run(archive, new):
                    values = {n: v for n, v in new[key].items() if n != "spec"}
                    ledger.adopt(connection, new[key]["spec"], values, told)
                for folder in files:
                    _keep(folder, storage.folder(store.home, folder.name))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path.name} is no zip file that can be read: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path.name} is no export of a store: {error}.") from error
    return Moved(len(new), len(known))


def _runs(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        told = {n: getattr(row, n) for n in _COLUMNS}
        yield told | {"spec": row.spec.to_json()}


_COLUMNS = ("key", "owner", "space", "state", "created", "started", "finished", "priority")


def _events(store: Store, rows: Any) -> Iterator[list[Any]]:
    for row in rows:
        with store.reading() as connection:
            told = every(connection, row.key)
        yield from ([row.key, attempt, number, to_json(event)] for attempt, number, event in told)


def _save_files(archive: zipfile.ZipFile, store: Store, key: str) -> None:
    folder = store.folder(key)
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        name = f"files/{key}/{path.name}"
        if path.is_file() and not path.is_symlink() and _allowed(name):
            archive.write(path, name)


def _allowed(name: str) -> bool:
    return bool(_FILE.fullmatch(name)) and Path(name).suffix in _SUFFIXES


def _check(archive: zipfile.ZipFile) -> None:
    """Refuse by what the archive says of itself, before anything is unpacked."""
    members = archive.infolist()
    names = [m.filename for m in members]
    if len(members) > COUNT:
        raise StoreError(f"The archive holds {len(members):,} files; the limit is {COUNT:,}.")
    if len(set(names)) < len(names):
        raise StoreError("The archive holds two files of the same name.")
    if missing := sorted(_LISTS - set(names)):
        raise StoreError(f"The archive is no export of a store: it has no {missing[0]}.")
    for member in members:
        _check_member(member)
    total = sum(m.file_size for m in members)
    if total > TOTAL:
        raise StoreError(f"The archive unpacks to {total / 2**30:.0f} GB; the limit is 20 GB.")


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if name not in _LISTS and not _allowed(name):
        raise StoreError(f"The archive holds {name[:80]!r}, which is no file of a run.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise StoreError(f"{name!r} in the archive is no plain file.")
    if member.flag_bits & 1:
        raise StoreError(f"{name!r} in the archive is encrypted.")
    if member.file_size > 2**20 and member.file_size > RATIO * max(1, member.compress_size):
        raise StoreError(f"{name!r} unpacks to more than {RATIO} times its size.")


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return file.read(LINE)


def _lines(archive: zipfile.ZipFile, name: str) -> Iterator[Any]:
    with archive.open(name) as file:
        while line := file.readline(LINE):
            if len(line) == LINE:
                raise StoreError(f"A line of {name} is longer than {LINE:,} bytes.")
            yield json.loads(line)


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    """A line about a run, with everything it claims checked."""
    spec = RunSpec.from_json(run["spec"])
    run = {"space": run["owner"], **run}  # older exports know no spaces
    kept = {name: run[name] for name in _COLUMNS}
    key = kept["key"]
    if not isinstance(key, str) or not storage.KEY.fullmatch(key) or not key.startswith(spec.key):
        raise SpecError(f"{str(key)[:80]!r} is not the key of its spec")
    if kept["state"] not in ENDED:
        raise ValueError(f"a run cannot be {kept['state']!r}")
    if not isinstance(kept["owner"], str) or len(kept["owner"]) > 255:
        raise ValueError("an owner must be a text of at most 255 letters")
    if kept["space"] not in ("", kept["owner"]):
        raise ValueError("a run is its owner's or everybody's")
    for name in ("created", "started", "finished"):
        kept[name] = None if kept[name] is None else float(kept[name])
    return kept | {"spec": spec, "priority": int(kept["priority"])}


def _by_run(
    archive: zipfile.ZipFile, new: Mapping[str, Any]
) -> Iterator[tuple[str, list[tuple[int, int, Event]]]]:
    """The events of each new run; those of one run lie together."""
    silent = set(new)
    for key, lines in itertools.groupby(_lines(archive, "events.jsonl"), lambda line: line[0]):
        told = [(int(a), int(n), from_json(body)) for _, a, n, body in lines]
        if key in new:
            if key not in silent:
                raise StoreError(f"The events of {key} lie in two places.")
            silent.remove(key)
            yield key, told
    yield from ((key, []) for key in sorted(silent))


def _unpack(archive: zipfile.ZipFile, room: Path, new: Mapping[str, Any]) -> list[Path]:
    for member in archive.infolist():
        found = _FILE.fullmatch(member.filename)
        if found and found[1] in new:
            target = room / found[1] / found[2]
            target.parent.mkdir(exist_ok=True)
            with archive.open(member) as file, target.open("wb") as out:
                _pour(file, out, member)
    return sorted(room.iterdir())


def _pour(file: IO[bytes], out: IO[bytes], member: zipfile.ZipInfo) -> None:
    """Copy no more than was said: a header may lie."""
    left = member.file_size
    while block := file.read(2**20):
        left -= len(block)
        if left < 0:
            raise StoreError(f"{member.filename!r} is larger than the archive says.")
        out.write(block)


def _keep(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(target)
    folder.rename(target)
