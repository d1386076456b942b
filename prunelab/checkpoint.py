"""Where a run stands, on disk, so that after a break it goes on and ends with the same numbers.

A run is pieces of work, one after the other: dense training, a round of pruning and recovering.
What is kept is the end of dense training, the end of the last piece that is done, and the last
epoch of the training in hand; whatever lies between is short and gives the same numbers again.
Each is one safetensors file, plain data in its header, never a pickle, and is there whole or not
at all. One that is damaged, or of another spec, version or machine, counts as not there.

Writing waits until a second has passed since the last time, and twenty times what that took. So a
break costs at most the epoch in hand or a second's work, whichever is longer (where the disk is
slow, twenty times a writing), and writing at most a twentieth of the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import marshal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from torch import Tensor

from prunelab.events import Event, Warned, from_json, to_json
from prunelab.sealed import Held, Tensors, read, write

DENSE, DONE, NOW = "dense", "done", "now"


@dataclass
class Pace:
    """How long writing waits: seconds since the last time, and times what that took."""

    gap: float = 1.0
    share: float = 20.0


PACE = Pace()


class Done(NamedTuple):
    """A piece of work that is done: what it told, and how it left things if it is the last one."""

    events: list[Event]
    end: Held | None


@dataclass
class Checkpoint:
    """The files of one run in a folder; without a folder nothing is kept. ``run`` says whose."""

    folder: Path | None = None
    run: str = ""
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    waiting: dict[str, Held] = field(default_factory=dict)
    ends: dict[str, Held] = field(default_factory=dict)
    next: float = 0.0
    problem: str = ""
    warned: bool = False

    def __post_init__(self) -> None:
        self.next = time.monotonic() + PACE.gap
        _tidy(self.folder)
        for name in (DENSE, DONE):
            if held := self.load(name):
                self.told |= held.about["told"]
                self.ends[held.about["last"]] = held

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self.folder is not None and time.monotonic() >= self.next

    def done(self, piece: str) -> Done | None:
        """What is known of a piece of work, if it is done."""
        if piece not in self.told:
            return None
        return Done([from_json(e) for e in self.told[piece]], self.ends.pop(piece, None))

    def finish(self, piece: str, end: Held, events: Sequence[Event]) -> None:
        """Note that a piece of work is done, and how."""
        if self.folder is None:
            return
        self.told[piece] = [to_json(event) for event in events]
        name = DENSE if piece == DENSE else DONE
        told = {p: e for p, e in self.told.items() if (p == DENSE) == (name == DENSE)}
        self.later(name, Held(end.tensors, {**end.about, "told": told, "last": piece}))

    def later(self, name: str, held: Held) -> None:
        """Write tensors as they are now, when it is time to write."""
        if self.folder is None:
            return
        self.waiting[name] = Held(
            {n: t.detach().clone() for n, t in held.tensors.items()}, held.about
        )
        if self.due:
            self._write_all()

    def keep(self, name: str, held: Held) -> None:
        """Write tensors and what is to be kept with them, after what still waits."""
        self.waiting[name] = held
        self._write_all()

    def load(self, name: str) -> Held | None:
        """What was kept under a name by this very run."""
        if self.folder is None:
            return None
        try:
            return read(self.folder / f"{name}.safetensors", self.run)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None  # then the run does that part again

    def warnings(self) -> Iterator[Event]:
        """Say once that nothing can be kept."""
        if self.problem and not self.warned:
            self.warned = True
            yield Warned(
                message=f"No checkpoint can be written ({self.problem}); if the run is "
                f"interrupted, it begins again from an earlier one."
            )

    def _write_all(self) -> None:
        assert self.folder is not None
        began = time.monotonic()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, held in list(self.waiting.items()):
                write(self.folder / f"{name}.safetensors", self.run, held)
                del self.waiting[name]
        except (OSError, SafetensorError) as error:
            self.problem = str(error)
            self.waiting.pop(NOW, None)  # it would be of the past when the disk has room again
        now = time.monotonic()
        self.next = now + max(PACE.gap, PACE.share * (now - began))


@dataclass(frozen=True)
class Place:
    """Where a training is kept; ``held`` gives what there is beside it, ``take_up`` gets it."""

    kept: Checkpoint
    name: str
    held: Callable[[], Tensors] = dict
    take_up: Callable[[Tensors], None] = lambda tensors: None

    def load(self) -> Held | None:
        """The last epoch that was kept of this very training."""
        found = self.kept.load(NOW)
        return found if found and found.about["place"] == self.name else None

    def keep(self, held: Held) -> None:
        """Keep an epoch instead of the one before."""
        tensors = held.tensors | under("more", self.held())
        self.kept.keep(NOW, Held(tensors, {**held.about, "place": self.name}))


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Inside, every epoch is kept, however short."""
    before = (PACE.gap, PACE.share)
    PACE.gap = PACE.share = 0.0
    try:
        yield
    finally:
        PACE.gap, PACE.share = before


@contextlib.contextmanager
def sharing(runs: int) -> Iterator[None]:
    """Inside, so many runs share the time: each waits as much longer, for the same own work."""
    PACE.gap *= runs
    try:
        yield
    finally:
        PACE.gap /= runs


def identity(*facts: Any, code: Sequence[Callable[..., Any]] = ()) -> str:
    """Tells one run from another, also where only the code of a method has changed."""
    hashed = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for function in code:
        hashed.update(_source(function))
    return hashed.hexdigest()


def under(name: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Tensors with a name before their own, which ``part`` takes off again."""
    return {f"{name}/{own}": tensor for own, tensor in tensors.items()}


def part(name: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors of a name, by their own names."""
    return {n[len(name) + 1 :]: t for n, t in tensors.items() if n.startswith(f"{name}/")}


def _source(function: Callable[..., Any]) -> bytes:
    try:
        return Path(function.__code__.co_filename).read_bytes()
    except OSError:  # written in a notebook
        return marshal.dumps(function.__code__)


def _tidy(folder: Path | None) -> None:
    """Remove what a process was writing when it was killed."""
    for path in folder.glob("*") if folder else ():
        if path.suffix != ".safetensors":
            with contextlib.suppress(OSError):
                path.unlink()
