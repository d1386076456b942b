"""What one user may see of a store: the own runs and the shared ones, never another's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prunelab.events import Event, Result
from prunelab.row import Missing, Row
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError

_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Space:
    """A store as its owner sees it; whose key is a stranger's, does not exist.

    A key is a spec's own here: two owners name their private runs alike and never meet, because
    in the store the owner is part of the key (``stored``). ``shared`` (a classroom) lists and
    starts the runs that all see, each only once; to cancel, to repeat or to delete one stays with
    whoever began it. ``local``: the machine's own user, who may also change what nobody owns.
    """

    store: Store
    owner: str = ""
    shared: bool = False
    local: bool = False

    @property
    def home(self) -> Path:
        """The home folder of the store."""
        return self.store.home

    @property
    def private(self) -> bool:
        """Whether what is started here is seen by its owner alone."""
        return bool(self.owner) and not self.shared

    def stored(self, key: str) -> str:
        """The key in the store of a run that is to be seen here.

        Raises:
            Missing: there is no such run, or it is another owner's.
        """
        return self._find(key).key

    def submit(self, spec: RunSpec, *, again: bool = False, priority: int = 0) -> str:
        """Queue a run of this owner; somebody else's in the same classroom is not repeated."""
        key = self._mine(spec.key) if self.private else spec.key
        known = self.store.rows([key])
        mine = not known or known[0].owner == self.owner
        space = self.owner if self.private else ""
        self.store.submit(
            spec, owner=self.owner, again=again and mine, key=key, priority=priority, space=space
        )
        return spec.key

    def row(self, key: str) -> Row:
        """Where a run stands.

        Raises:
            Missing: there is no such run, or it is another owner's.
        """
        return self._told(self._find(key))

    def state(self, key: str) -> str:
        """One of queued, running, finished, failed, cancelled."""
        return self.row(key).state

    def runs(self, limit: int = 50, offset: int = 0, **filters: str | Sequence[str]) -> list[Row]:
        """The runs that are listed here, newest first."""
        return [self._told(r) for r in self.store.runs(limit, offset, **self._only(filters))]

    def rows(self, keys: Iterable[str]) -> list[Row]:
        """The rows of some runs, in the order of the keys; what is not to be seen is left out."""
        rows = {row.key: row for row in self.found(keys).values()}
        return [self._told(row) for row in rows.values()]

    def found(self, keys: Iterable[str]) -> dict[str, Row]:
        """Rows by the keys that were asked for, each with its key in the store."""
        keys = list(keys)
        wanted = [name for key in keys for name in self._names(key)]
        there = {r.key: r for r in self.store.rows(wanted) if self._sees(r)}
        first = {key: next((n for n in self._names(key) if n in there), "") for key in keys}
        return {key: there[name] for key, name in first.items() if name}

    def count(self, **filters: str | Sequence[str]) -> int:
        """How many runs are listed here."""
        return self.store.count(**self._only(filters))

    def events(self, key: str, after: int = 0) -> list[tuple[int, Event]]:
        """A run's events behind a number."""
        return self.store.events(self.stored(key), after)

    def result(self, key: str) -> Result:
        """All that a run has said so far."""
        found = self._find(key)
        return replace(self.store.result(found.key), key=self._told(found).key)

    def folder(self, key: str) -> Path:
        """Where the files of a run are."""
        return self.store.folder(self.stored(key))

    def may_change(self, row: Row) -> bool:
        """Whether a run is the owner's, or nobody's on the owner's own machine."""
        return row.owner == self.owner or (self.local and not row.owner)

    def request_cancel(self, key: str) -> None:
        """Stop one of the owner's runs."""
        self.store.request_cancel(self._own(key))

    def delete(self, key: str) -> None:
        """Remove one of the owner's runs."""
        self.store.delete(self._own(key))

    def prioritise(self, key: str, priority: int) -> None:
        """Let one of the owner's queued runs begin before the others."""
        self.store.prioritise(self._own(key), priority)

    def _own(self, key: str) -> str:
        """The key in the store, if the run may be changed.

        Raises:
            Missing: there is no such run to see.
            StoreError: it is to be seen, but another's.
        """
        found = self._find(key)
        if not self.may_change(found):
            raise StoreError(f"{key} is somebody else's run; only its owner may change it.")
        return found.key

    def _find(self, key: str) -> Row:
        names = self._names(key)
        found = {r.key: r for r in self.store.rows(names) if self._sees(r)}
        if not found:
            raise Missing(f"There is no run {key!r}; it may have been deleted.")
        return next(found[name] for name in names if name in found)

    def _names(self, key: str) -> list[str]:
        """What a key may mean in the store, the likelier first."""
        if not self.owner:
            return [key]
        return [self._mine(key), key] if self.private else [key, self._mine(key)]

    def _mine(self, key: str) -> str:
        return f"{key}-{hashlib.sha256(self.owner.encode()).hexdigest()[:12]}"

    def _sees(self, row: Row) -> bool:
        return row.space in ("", self.owner)

    def _told(self, row: Row) -> Row:
        """A row under the key it has here."""
        key = row.key
        if row.space and row.key == self._mine(row.spec.key):
            key = row.spec.key
        return replace(row, key=key, result=replace(row.result, key=key))

    def _only(self, filters: dict[str, Any]) -> dict[str, Any]:
        """Filters that cannot widen a space; keys are those of the store."""
        if "key" in filters:
            asked = filters["key"]
            keys = [asked] if isinstance(asked, str) else list(asked)
            filters = filters | {"key": [name for key in keys for name in self._names(key)]}
        return filters | {"space": self.owner if self.private else ""}


def classroom() -> bool:
    """Whether PRUNELAB_SHARED makes one room of it all."""
    return os.environ.get("PRUNELAB_SHARED", "").lower() in _TRUE


def space(store: Store, owner: str = "", *, shared: bool = False, local: bool = False) -> Space:
    """What an owner sees of a store; PRUNELAB_SHARED=1 makes it a classroom."""
    return Space(store, owner, shared or classroom(), local)
