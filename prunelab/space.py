"""What one user may see of a store: the own runs, or in a classroom everybody's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prunelab.events import Event, Result
from prunelab.row import Missing, Row
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError

_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Space:
    """A store as its owner sees it; whose key is a stranger's, does not exist.

    ``shared`` (a classroom) lets all see all, and start every run only once; to cancel, to repeat
    or to delete a run stays with the one who began it.
    """

    store: Store
    owner: str = ""
    shared: bool = False

    def key(self, spec: RunSpec) -> str:
        """The key of a spec here: private runs of two owners never meet."""
        if self.shared or not self.owner:
            return spec.key
        return f"{spec.key}-{hashlib.sha256(self.owner.encode()).hexdigest()[:12]}"

    def submit(self, spec: RunSpec, *, again: bool = False, priority: int = 0) -> str:
        """Queue a run of this owner; somebody else's in the same classroom is not repeated."""
        key = self.key(spec)
        known = self.store.rows([key])
        mine = not known or known[0].owner == self.owner
        return self.store.submit(
            spec, owner=self.owner, again=again and mine, key=key, priority=priority
        )

    def row(self, key: str) -> Row:
        """Where a run stands.

        Raises:
            Missing: there is no such run, or it is another owner's.
        """
        found = self.store.row(key)
        if not self.shared and found.owner != self.owner:
            raise _missing(key)
        return found

    def runs(self, limit: int = 50, offset: int = 0, **filters: str | Sequence[str]) -> list[Row]:
        """The runs there are to see, newest first."""
        return self.store.runs(limit, offset, **(filters | self._mine()))

    def rows(self, keys: Iterable[str]) -> list[Row]:
        """The rows of some runs, in the order of the keys; what is not to be seen is left out."""
        return [r for r in self.store.rows(keys) if self.shared or r.owner == self.owner]

    def count(self, **filters: str | Sequence[str]) -> int:
        """How many runs there are to see."""
        return self.store.count(**(filters | self._mine()))

    def events(self, key: str, after: int = 0) -> list[tuple[int, Event]]:
        """A run's events behind a number."""
        return self.store.events(self.row(key).key, after)

    def result(self, key: str) -> Result:
        """All that a run has said so far."""
        return self.store.result(self.row(key).key)

    def folder(self, key: str) -> Path:
        """Where the files of a run are."""
        return self.store.folder(self.row(key).key)

    def request_cancel(self, key: str) -> None:
        """Stop one of the owner's runs."""
        self.store.request_cancel(self._own(key))

    def delete(self, key: str) -> None:
        """Remove one of the owner's runs."""
        self.store.delete(self._own(key))

    def prioritise(self, key: str, priority: int) -> None:
        """Let one of the owner's queued runs begin before others."""
        self.store.prioritise(self._own(key), priority)

    def _own(self, key: str) -> str:
        """The key, if the run may be changed.

        Raises:
            Missing: there is no such run to see.
            StoreError: it is to be seen, but another's.
        """
        if self.row(key).owner != self.owner:
            raise StoreError(f"{key} is somebody else's run; only its owner may change it.")
        return key

    def _mine(self) -> dict[str, str | Sequence[str]]:
        return {} if self.shared else {"owner": self.owner}


def space(store: Store, owner: str = "") -> Space:
    """What an owner sees of a store; PRUNELAB_SHARED=1 makes it a classroom."""
    shared = os.environ.get("PRUNELAB_SHARED", "").lower() in _TRUE
    return Space(store, owner, shared)


def _missing(key: str) -> Missing:
    return Missing(f"There is no run {key!r}; it may have been deleted.")
