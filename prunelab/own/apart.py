"""A file is read in a process of its own first: with little memory, little time, writing nothing.

Whatever a hostile file does to its reader, the app only gets a summary or a refusal. Run as
``python -m prunelab.own.apart FILE TARGET``, it prints one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from prunelab.files import keep_upload, refuse_ending, within_limit
from prunelab.own.pickles import refuse_content
from prunelab.spec import SpecError
from prunelab.speech import phrase

MEMORY = 2 * 2**30  # bytes beside what Python and its libraries take
SECONDS = 60
_WRITTEN = 800 * 2**20  # bytes a reader may write into a file: what a zip unpacks to
_GRACE = 10  # seconds to start in
_ANSWER = "prunelab.own.apart "  # what precedes the answer on the reader's output


class Summary(NamedTuple):
    """What a file holds: its kind, and its sizes in words a page can show."""

    kind: str
    facts: dict[str, Any]


class Received(NamedTuple):
    """An upload that was kept: its stored name, which a spec holds, and what it holds."""

    stored: str
    summary: Summary


def receive(name: str, content: bytes, target: str = "") -> Received:
    """Keep an upload, if a reader in a process of its own finds nothing wrong with it.

    Raises:
        SpecError: why not; nothing was kept.
    """
    refuse_ending(name)
    suffix = Path(name).suffix.lower()
    within_limit(name, len(content))
    refuse_content(name, content)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"file{suffix}"
        file.write_bytes(content)
        try:
            summary = inspect(file, target)
        except SpecError as refused:
            raise SpecError(str(refused).replace(file.name, name)) from refused
    return Received(keep_upload(name, content), summary)


def inspect(
    file: Path, target: str = "", *, memory: int = MEMORY, seconds: float = SECONDS
) -> Summary:
    """What a file holds, found out by a process that may use just so much memory and time.

    Raises:
        SpecError: what is wrong with the file, or that its reader needed too much or died.
    """
    slow = phrase(f"The file took longer than {seconds:g} s to read.")
    command = [sys.executable, "-m", "prunelab.own.apart", str(file), target, str(memory)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    try:
        done = subprocess.run(
            [*command, str(seconds)],
            env=os.environ | threads | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds + _GRACE,  # beside the limit on its computing: it may also just wait
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SpecError(slow) from None
    if done.returncode == -getattr(signal, "SIGXCPU", 0) < 0:
        raise SpecError(slow)
    lines = done.stdout.decode(errors="replace").splitlines()
    answer = next((line for line in lines if line.startswith(_ANSWER)), "")
    if not answer:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise SpecError(f"The file cannot be read: its reader died ({how}).")
    told = json.loads(answer.removeprefix(_ANSWER))
    if "refused" in told:
        raise SpecError(told["refused"])
    return Summary(told["kind"], told["facts"])


def summary(file: Path, target: str = "") -> Summary:
    """What a file holds, found out here and now.

    Raises:
        SpecError: what is wrong with it.
    """
    if file.is_dir():
        return _folder(file, file.name)
    refuse_ending(file.name)
    readers: dict[str, Any] = {
        ".csv": _table, ".parquet": _table, ".npz": _arrays, ".safetensors": _tensors,
        ".skops": _trees, ".zip": _archive,
    }  # fmt: skip
    within_limit(file.name, file.stat().st_size)
    refuse_content(file.name, file)
    found: Summary = readers[file.suffix.lower()](file, target)
    return found


def _table(file: Path, target: str) -> Summary:
    from prunelab.datasets.table import table

    return _data("table", table(file=str(file), target=target))


def _arrays(file: Path, target: str) -> Summary:
    from prunelab.datasets.arrays import arrays

    return _data("arrays", arrays(file=str(file)))


def _data(kind: str, table: Any) -> Summary:
    from prunelab.parts import check

    check(table)
    facts = {
        "rows": len(table.y),
        "shape": list(table.x.shape[1:]),
        "features": list(table.features[:100]),
        "classes": list(table.classes[:100]),
    }
    return Summary(kind, facts)


def _tensors(file: Path, target: str) -> Summary:
    from prunelab.own import tensors

    found = tensors.header(file)
    numbers = sum((t.end - t.begin) // tensors.BYTES[t.dtype] for t in found.values())
    shapes = {name: list(tensor.shape) for name, tensor in list(found.items())[:100]}
    return Summary("weights", {"tensors": len(found), "parameters": numbers, "shapes": shapes})


def _trees(file: Path, target: str) -> Summary:
    from prunelab.own import trees

    return Summary("trees", trees.about(trees.read(file)))


def _archive(file: Path, target: str) -> Summary:
    from prunelab.own import archive

    with tempfile.TemporaryDirectory() as scratch:
        archive.unpack(file, Path(scratch))
        return _folder(Path(scratch), file.name)


def _folder(folder: Path, name: str) -> Summary:
    """An export of PruneLab, or a Hugging Face folder."""
    from prunelab import imports
    from prunelab.own import folder as hugging

    if (folder / imports.RUN).is_file():
        key = imports.result(imports.bring(folder)).key
        return Summary("export", {"key": key, "files": sorted(f.name for f in folder.iterdir())})
    if (folder / hugging.CONFIG).is_file():
        found = hugging.read(folder)
        facts = {"model": found.model, "parameters": found.parameters}
        return Summary("folder", facts | {"tensors": len(found.tensors)})
    raise SpecError(
        f"{name} holds neither a run that PruneLab exported ({imports.RUN}) nor a Hugging Face "
        f"folder ({hugging.CONFIG})."
    )


def _confine(memory: int, seconds: float) -> None:
    """Limits of this very process, where the system has them: memory, time, files."""
    try:
        import resource
    except ImportError:  # not on Windows: there the time alone is limited
        return
    import psutil

    taken = psutil.Process().memory_info().vms
    limits = {
        resource.RLIMIT_AS: taken + memory,
        resource.RLIMIT_CPU: max(1, int(seconds)),
        resource.RLIMIT_FSIZE: _WRITTEN,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        with contextlib.suppress(ValueError, OSError):  # the system's own limit is lower
            resource.setrlimit(kind, (most, most))


def _prepare(suffix: str) -> None:
    """Import what the reader needs, so that only the file counts against the limits."""
    import importlib

    needed = {".skops": ("skops.io", "sklearn.ensemble"), ".safetensors": ("safetensors",)}
    for name in needed.get(suffix, ("pandas", "pyarrow.parquet", "prunelab.datasets.table")):
        importlib.import_module(name)


def _main(file: str, target: str, memory: str, seconds: str) -> dict[str, Any]:
    path = Path(file)
    os.environ.pop("PRUNELAB_UPLOADS_ONLY", None)  # the file is the app's own copy of an upload
    try:
        _prepare(path.suffix.lower())
        _confine(int(memory), float(seconds))
        return summary(path, target)._asdict()
    except SpecError as refused:
        return {"refused": str(refused)}
    except MemoryError:
        return {"refused": f"The file needs more than {int(memory) >> 20:,} MiB to be read."}
    except Exception as error:  # noqa: BLE001 - a broken file breaks its reader, never the app
        return {"refused": f"The file cannot be read ({type(error).__name__})."}


if __name__ == "__main__":
    sys.stdout.write(f"\n{_ANSWER}{json.dumps(_main(*sys.argv[1:]))}\n")
