"""``prunelab store``: what keeps a store of runs small, whole and movable."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunelab.cli import command
from prunelab.speech import _


def add(top: argparse.ArgumentParser) -> None:
    """The commands and their flags."""
    from prunelab.operations import DENSE_DAYS, DENSE_MEGABYTES

    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = command(commands, "vacuum", _vacuum, "remove what no run needs any more")
    line = _("dense models that nobody used for so long go")
    one.add_argument("--days", type=float, default=DENSE_DAYS, help=f"{line}; {DENSE_DAYS:g}")
    line = _("so many MB of dense models stay")
    one.add_argument("--megabytes", type=float, default=DENSE_MEGABYTES, help=line)
    command(commands, "pause", _pause, "hold the queue: what runs goes on, nothing begins")
    command(commands, "resume", _resume, "let the queue go on")
    one = command(commands, "export", _save, "write all runs that have ended into one zip file")
    one.add_argument("file", type=Path)
    one = command(commands, "import", _load, "add the runs of such a file")
    one.add_argument("file", type=Path)


def _vacuum(given: argparse.Namespace) -> int:
    from prunelab import operations
    from prunelab.store import Store

    gone = operations.vacuum(Store(), days=given.days, megabytes=given.megabytes)
    print(_(
        "{folders} folders and {dense} dense models went: {bytes:,} bytes",
        folders=gone.folders, dense=gone.dense, bytes=gone.bytes,
    ))  # fmt: skip
    return 0


def _pause(given: argparse.Namespace) -> int:
    from prunelab.store import Store

    Store().pause()
    print(_("The queue is paused."))
    return 0


def _resume(given: argparse.Namespace) -> int:
    from prunelab import engine
    from prunelab.store import Store

    print(_("The queue goes on; {n} waiting.", n=engine.resume(Store())))
    return 0


def _save(given: argparse.Namespace) -> int:
    from prunelab import backup
    from prunelab.store import Store

    moved = backup.save(Store(), given.file)
    print(_(
        "{runs} runs written to {file}; {left} that have not ended left out",
        runs=moved.runs, file=given.file, left=moved.left,
    ))  # fmt: skip
    return 0


def _load(given: argparse.Namespace) -> int:
    from prunelab import backup
    from prunelab.store import Store

    moved = backup.load(Store(), given.file)
    print(_("{runs} runs added; {left} were there already", runs=moved.runs, left=moved.left))
    return 0
