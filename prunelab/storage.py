"""Where the files of runs are: a folder of this machine, and a shared place where one is set.

A run always writes into a folder of the machine it runs on. With PRUNELAB_FILES set to a URL that
fsspec can open (another folder, s3://bucket/path, ...) its files are copied there before the run
counts as finished, and whoever reads them elsewhere gets a copy of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prunelab.database import StoreError

KEY = re.compile(r"[a-z0-9-]{1,200}")
DENSE = "dense"
_UPLOAD = re.compile(r"[0-9a-f]{64}\.[a-z]{1,10}")  # named by content, so never altered


def folder(home: Path, key: str) -> Path:
    """Where a run writes its files.

    Raises:
        StoreError: that is no key, and would name a folder elsewhere.
    """
    if not KEY.fullmatch(key) or key == DENSE:
        raise StoreError(f"{key!r} is no key of a run; no folder is named after it.")
    return home / "files" / key


def view(home: Path, key: str, place: int, *, ended: bool) -> Path:
    """Where to read the files of a run: its own folder, or a copy of what it published."""
    own = folder(home, key)
    if not url() or own.exists() or not ended:
        return own
    copy = home / "cache" / key / str(place)
    if not copy.exists():
        _fetch(f"{key}/{place}", copy)
    return copy


def publish(home: Path, key: str, place: int) -> None:
    """Copy what a run has written to the shared place, where there is one."""
    if url():
        _copy(folder(home, key), f"{key}/{place}")


def borrow(home: Path, dense_key: str) -> None:
    """Get a dense model that another machine has trained, unless it is here already."""
    here = home / "files" / DENSE / dense_key
    if url() and not here.exists():
        _fetch(f"{DENSE}/{dense_key}", here)


def lend(home: Path, dense_key: str) -> None:
    """Let other machines have a dense model; whoever is first stays."""
    here = home / "files" / DENSE / dense_key
    if not url() or not here.exists():
        return
    with _place() as (files, root):
        known = files.exists(f"{root}/{DENSE}/{dense_key}")
    if not known:
        _copy(here, f"{DENSE}/{dense_key}")


def share_upload(home: Path, file: str) -> None:
    """Let other machines have a file of the user's own."""
    path = home / "uploads" / file
    if url() and _UPLOAD.fullmatch(file) and path.is_file():
        with _place() as (files, root):
            if not files.exists(f"{root}/uploads/{file}"):
                files.put_file(str(path), f"{root}/uploads/{file}")


def get_upload(home: Path, file: str) -> None:
    """Get a file of the user's own that was uploaded elsewhere, unless it is here."""
    path = home / "uploads" / file
    if not url() or not _UPLOAD.fullmatch(file) or path.exists():
        return
    partial = path.with_name(f".{uuid.uuid4().hex}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with _place() as (files, root):
        if files.exists(f"{root}/uploads/{file}"):
            files.get_file(f"{root}/uploads/{file}", str(partial))
            partial.replace(path)


def remove(home: Path, key: str) -> None:
    """Remove the files of a run wherever they are.

    Raises:
        StoreError: they cannot be removed.
    """
    try:
        for local in (folder(home, key), home / "cache" / key):
            if local.exists():
                shutil.rmtree(local)
    except OSError as error:
        raise StoreError(f"Cannot remove the files of {key}: {error}.") from error
    if url():
        with _place() as (files, root):
            if files.exists(f"{root}/{key}"):
                files.rm(f"{root}/{key}", recursive=True)


def url() -> str:
    """The shared place, "" where files stay on their machine."""
    return os.environ.get("PRUNELAB_FILES", "")


def reach() -> None:
    """Write and remove a small file in the shared place.

    Raises:
        StoreError: that does not work.
    """
    with _place() as (files, root):
        name = f"{root}/.{uuid.uuid4().hex}"
        files.pipe_file(name, b"here")
        files.rm_file(name)


@contextlib.contextmanager
def _place() -> Iterator[tuple[Any, str]]:
    try:
        files, root = importlib.import_module("fsspec").url_to_fs(url(), auto_mkdir=True)
        yield files, root.rstrip("/")
    except (OSError, ValueError, ImportError) as error:
        raise StoreError(
            f"PRUNELAB_FILES cannot be used ({type(error).__name__}: {error}); it must be a URL "
            f"that fsspec opens, such as file:///srv/prunelab or s3://bucket/path."
        ) from error


def _copy(local: Path, name: str) -> None:
    """Copy a folder; a file that is still being written is not part of it."""
    with _place() as (files, root):
        for path in sorted(p for p in local.glob("*") if p.is_file()):
            files.put_file(str(path), f"{root}/{name}/{path.name}")


def _fetch(name: str, local: Path) -> None:
    """Get a folder whole or not at all; one that is not there is no fault."""
    partial = local.with_name(f".{uuid.uuid4().hex}")
    with _place() as (files, root):
        if not files.exists(f"{root}/{name}"):
            return
        partial.mkdir(parents=True)
        try:
            for found in files.ls(f"{root}/{name}", detail=False):
                files.get_file(found, str(partial / Path(found).name))
            with contextlib.suppress(OSError):  # another reader was first
                partial.rename(local)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
