"""Where files live: the home folder, and one's own data kept under the hash of their content."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from prunelab.own.pickles import refuse_content, refuse_name
from prunelab.spec import SpecError

SUFFIXES = (".csv", ".parquet", ".npz")
WEIGHTS = (".safetensors", ".skops")
ARCHIVES = (".zip",)
UPLOADS = SUFFIXES + WEIGHTS + ARCHIVES
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
LIMIT = 200 * 2**20  # bytes of one file, as the app's upload limit
_CONTENT = re.compile(r"[0-9a-f]{64}\.(csv|parquet|npz|safetensors|skops|zip)")

SHIPPED = Path(__file__).parent / "examples" / "weights"  # by content too: a run's key stays true
CHECKPOINT = "checkpoint"  # inside the folder of a run, until it has ended well


def home() -> Path:
    """The folder that holds everything PruneLab writes: PRUNELAB_HOME, or ~/.prunelab."""
    folder = Path(os.environ.get("PRUNELAB_HOME") or Path.home() / ".prunelab")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def refuse_ending(name: str) -> None:
    """Refuse a file that nobody here reads.

    Raises:
        SpecError: a pickle, or another ending than ``UPLOADS``; it says what to do instead.
    """
    refuse_name(name)
    suffix = Path(name).suffix.lower()
    if suffix in PICTURES:
        raise SpecError(
            f"{name!r} is a picture. Put all pictures as one array of (pictures, channels, height, "
            f"width) with their classes into one file: np.savez('data.npz', x=x, y=y)."
        )
    if suffix == ".onnx":
        raise SpecError(
            f"{name!r} is an ONNX file, which PruneLab writes and never reads. Give the weights as "
            f"safetensors: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."
        )
    if suffix not in UPLOADS:
        raise SpecError(f"A file must end in {', '.join(UPLOADS)}, got {name!r}.")


def keep_upload(name: str, content: bytes | Path) -> str:
    """Keep a file under the hash of its content; returns the name that ``find`` knows.

    Only the ending of ``name`` is used, so no name can reach outside the folder.

    Raises:
        SpecError: an ending nobody can read, a pickle, a header that lies, a zip that must not be
            unpacked, or more than ``LIMIT`` bytes.
    """
    refuse_ending(name)
    suffix = Path(name).suffix.lower()
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    within_limit(name, size)
    refuse_content(name, content)
    stored = _digest(content) + suffix
    target = _uploads() / stored
    if not target.exists():
        _write(target, content, name)
    return stored


def keep_file(file: str) -> str:
    """Keep a file of this machine as ``keep_upload`` does; one that is kept already stays.

    Raises:
        SpecError: no such file, or as ``keep_upload``.
    """
    if _CONTENT.fullmatch(file):
        return file
    path = existing(file)
    return keep_upload(path.name, path)


def existing(file: str) -> Path:
    """A file, folder or upload of this machine.

    Raises:
        SpecError: there is none.
    """
    if _CONTENT.fullmatch(file):
        return find(file)
    path = Path(file).expanduser()
    if "\0" in file or not path.exists():
        raise SpecError(f"There is no file {file!r}.")
    return path


def find(file: str, *suffixes: str) -> Path:
    """The file a run names: an upload by its stored name, otherwise a plain path.

    Where the variable PRUNELAB_UPLOADS_ONLY is set (an app open to others), only uploads are found.

    Raises:
        SpecError: no name, a way up ("..") in it, another ending, no such file, or one too large.
    """
    if not file:
        raise SpecError("Name a file: --knob file=PATH, or upload one in the app.")
    refuse_name(file)
    path = _by_content(file) if _CONTENT.fullmatch(file) else _plain(file)
    if suffixes and path.suffix.lower() not in suffixes:
        raise SpecError(f"The file must end in {' or '.join(suffixes)}, got {file!r}.")
    if not path.is_file():
        raise SpecError(f"There is no file {file!r}.")
    within_limit(file, path.stat().st_size)
    return path


def within_limit(name: str, size: int) -> None:
    """Refuse more than ``LIMIT`` bytes.

    Raises:
        SpecError: more than that; it says how much.
    """
    if size > LIMIT:
        raise SpecError(f"{name} takes {size / 2**20:,.0f} MiB; the limit is {LIMIT >> 20} MiB.")


def _by_content(file: str) -> Path:
    """What came with PruneLab, or an upload."""
    shipped = SHIPPED / file
    return shipped if shipped.is_file() else _uploads() / file


def _plain(file: str) -> Path:
    path = Path(file).expanduser()
    if ".." in path.parts or "\0" in file:
        raise SpecError(f"The path must not go up with '..', got {file!r}; give the full path.")
    if os.environ.get("PRUNELAB_UPLOADS_ONLY"):
        raise SpecError(f"This app reads uploaded files only, got the path {file!r}.")
    return path


def _uploads() -> Path:
    return home() / "uploads"


def _digest(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(target: Path, content: bytes | Path, name: str) -> None:
    """All or nothing: a reader never sees half a file, nor one that lies."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        partial = Path(folder) / target.name
        if isinstance(content, bytes):
            partial.write_bytes(content)
        else:
            shutil.copyfile(content, partial)
        _look(partial, name)
        partial.replace(target)


def _look(file: Path, name: str) -> None:
    """What the ending promises must be there; ``name`` is what its owner calls the file."""
    from prunelab.own import archive, tensors, trees

    looks: dict[str, Callable[[Path], object]] = {
        ".npz": archive.checked,
        ".zip": archive.checked,
        ".safetensors": tensors.header,
        ".skops": trees.schema,
    }
    try:
        if look := looks.get(file.suffix):
            look(file)
    except SpecError as refused:
        raise SpecError(str(refused).replace(file.name, name)) from refused


def forget_checkpoint(files: Path) -> None:
    """Remove what a run in a folder has kept for a break: it has ended."""
    shutil.rmtree(files / CHECKPOINT, ignore_errors=True)
