"""Zip files somebody gave: names, counts and sizes are checked before a byte is unpacked."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from prunelab.harmless import visible
from prunelab.own.pickles import PICKLES, refuse_name
from prunelab.spec import SpecError

MEMBERS = 10_000
TOTAL = 800 * 2**20  # bytes of all members together
RATIO = 200  # of a member's size to what it takes in the zip; deflate can reach 1,000
SMALL = 2**20  # a member below may have any ratio
_DIRECTORY = 64 * 2**20  # bytes of the list of members
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError, KeyError)
_NESTED = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".whl", ".jar")


def checked(path: Path, *, total: int = TOTAL) -> list[zipfile.ZipInfo]:
    """The members of a zip, if all may be unpacked; nothing has been unpacked by then.

    Raises:
        SpecError: no zip, too many or too large members, or a member that is not a plain file.
    """
    name = path.name
    try:
        _refuse_many(path, name)
        with zipfile.ZipFile(path) as zipped:
            members = zipped.infolist()
    except BROKEN as error:
        if isinstance(error, SpecError):
            raise
        kind = Path(name).suffix or "zip"
        raise SpecError(f"{name} is not a readable {kind} file: {error}") from error
    size = sum(member.file_size for member in members)
    if size > total:
        raise SpecError(
            f"{name} unpacks to {size / 2**20:,.0f} MiB; the limit is {total >> 20} MiB."
        )
    for member in members:
        _allow(name, member)
    _distinct(name, [member.filename for member in members])
    return members


def unpack(path: Path, folder: Path, *, total: int = TOTAL) -> None:
    """Unpack a checked zip into a folder, never more than it declares.

    Raises:
        SpecError: as ``checked``, or a member that is damaged.
    """
    members = checked(path, total=total)
    try:
        with zipfile.ZipFile(path) as zipped:
            for member in members:
                _extract(zipped, member, folder)
    except BROKEN as error:
        raise SpecError(f"{path.name} is damaged: {error}") from error


def read(path: Path, name: str, limit: int) -> bytes:
    """One member of a checked zip.

    Raises:
        SpecError: no such member, a larger one, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            if zipped.getinfo(name).file_size > limit:
                raise SpecError(f"{name} in {path.name} is larger than {limit / 2**20:g} MiB.")
            return zipped.read(name)
    except BROKEN as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{path.name} is damaged: {error}") from error


def _refuse_many(path: Path, name: str) -> None:
    """Count the members before they are listed: a million names take a gigabyte of memory."""
    with path.open("rb") as file:
        found = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if found is None:
        raise zipfile.BadZipFile("it has no end, it may be cut off")
    count, size = found[zipfile._ECD_ENTRIES_TOTAL], found[zipfile._ECD_SIZE]  # type: ignore[attr-defined]
    if count > MEMBERS or size > _DIRECTORY:
        raise SpecError(f"{name} holds {count:,} files; the limit is {MEMBERS:,}.")


def _allow(name: str, member: zipfile.ZipInfo) -> None:
    inside = member.filename
    parts = PurePosixPath(inside.replace("\\", "/")).parts
    if not parts or ".." in parts or inside.startswith(("/", "\\")) or ":" in parts[0]:
        raise SpecError(f"{name} holds a path that leads out of its folder: {inside!r}.")
    if not all(map(visible, inside)):
        raise SpecError(f"{name} holds a name with invisible characters: {inside!r}.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SpecError(f"{name} holds {inside!r}, which is a link or a device, not a file.")
    if member.flag_bits & 0x1:
        raise SpecError(f"{name} is encrypted ({inside!r}); save it without a password.")
    if inside.lower().endswith(PICKLES):
        refuse_name(f"{name}: {inside}")
    if inside.lower().endswith(_NESTED):
        raise SpecError(f"{name} holds another archive, {inside!r}; unpack that first.")
    if member.file_size > SMALL and member.file_size > RATIO * max(1, member.compress_size):
        raise SpecError(
            f"{name} would grow {member.file_size // max(1, member.compress_size):,} times when "
            f"unpacked ({inside!r}); more than {RATIO:,} is refused."
        )


def _distinct(name: str, names: list[str]) -> None:
    """Two members of one name: a checker and a reader might look at different ones."""
    seen: set[str] = set()
    for inside in names:
        if inside.lower() in seen:
            raise SpecError(f"{name} holds {inside!r} twice.")
        seen.add(inside.lower())


def _extract(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    target = folder.joinpath(*PurePosixPath(member.filename).parts)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(member) as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy)
    if target.stat().st_size != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename} has another size than it says")
