"""What pages may ask for: the catalogue, stored runs, a run to start. Plain data, nothing heavy."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from safetensors.numpy import load_file

from pages.ui import who
from pages.ui.show import said
from prunelab import cards, engine, examples, exports, limits, tracking, treelab
from prunelab.catalogue import catalogue, validate
from prunelab.events import Epoch, Result
from prunelab.figures.chosen import Chosen
from prunelab.figures.chosen import chosen as chosen_from
from prunelab.figures.leaves import Scores, scores_by_leaves
from prunelab.space import Space, space
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _
from prunelab.store import Missing, Store, StoreError
from prunelab.treelab import Compared, Grown

_reading = threading.Lock()
_working = threading.Lock()
ACTIVE = ("queued", "running")
PAUSED = ":material/pause_circle:"


def known() -> dict[str, Any]:
    """Everything there is to choose from; the first time it is read by another process."""
    with _reading:
        return catalogue()


def warm() -> None:
    """Begin to read the catalogue before anybody asks for it."""
    threading.Thread(target=known, daemon=True).start()


def reading() -> bool:
    """Whether the catalogue is still being read."""
    return _reading.locked()


def worked() -> dict[str, Any]:
    """The worked example of every method; the first time another process works them through."""
    with _working:
        return cards.worked()


def store() -> Space:
    """What this visitor may see of the store: the own runs, or the shared ones by choice."""
    return space(whole(), who.owner(), shared=who.shared(), local=who.local())


def whole() -> Store:
    """The store of this app, opened once; for what concerns no single run."""
    return _store(os.environ.get("PRUNELAB_HOME"), os.environ.get("PRUNELAB_STORE"))


@st.cache_resource(max_entries=4)
def _store(home: str | None, url: str | None) -> Store:
    return Store()


def submit(specs: Iterable[RunSpec]) -> list[str]:
    """Check and queue runs; their keys. What is already there is not run twice.

    Raises:
        SpecError: a spec that cannot run, or too much at once; then none was queued.
    """
    chosen = list(specs)
    limits.refuse(chosen)
    for spec in chosen:
        validate(spec, known())
    return [engine.submit(store(), spec) for spec in chosen]


def start(specs: Iterable[RunSpec]) -> list[str]:
    """``submit`` for buttons: what goes wrong is kept for the page to say."""
    try:
        return submit(specs)
    except (SpecError, StoreError) as problem:
        st.session_state["_problem"] = str(problem)
        return []


def cancel(keys: Iterable[str]) -> None:
    """Stop runs, whether they wait or run."""
    for key in keys:
        engine.cancel(store(), key)


def delete(keys: Sequence[str]) -> tuple[int, int]:
    """Remove runs with their files: how many went, and how many had to be stopped first.

    Those stay, with what they had found, until they are deleted once more.
    """
    here, gone, left = store(), 0, 0
    for row in here.rows(keys):
        if row.state in ACTIVE:
            engine.cancel(here, row.key)
        if here.state(row.key) in ACTIVE:
            left += 1
        else:
            stored = here.stored(row.key)
            here.delete(row.key)
            exports.forget(here.home, stored)
            tracking.forget(here.home, stored)
            gone += 1
    return gone, left


def workers() -> int:
    """How many runs go on at once."""
    return max(1, engine.status(whole().home).workers)


def note(key: str) -> str:
    """What the store has to add: an interruption, or a cancel that is on its way."""
    row = store().row(key)
    return _("Cancelling") if row.cancel else row.note


def result(key: str) -> Result | None:
    """What a run has said so far; None if there is no such run."""
    if shipped := examples.result(key):
        return shipped
    try:
        return store().result(key)
    except Missing:
        return None


def epochs(keys: Iterable[str]) -> dict[str, list[Epoch]]:
    """The epochs of runs that have begun; those of a run that is over are read once."""
    rows = store().rows(list(keys))
    return {row.key: _epochs(stored(row.key), row.key, row.state, row.progress) for row in rows}


@st.cache_data(max_entries=1000, show_spinner=False)
def _epochs(place: str, _key: str, state: str, progress: float) -> list[Epoch]:
    """Cached by its place in the store: two people may have a run of one key each."""
    return list(store().result(_key).epochs)


def exists(key: str) -> bool:
    """Whether the store has a run."""
    return bool(store().rows([key]))


def stored(key: str) -> str:
    """The key of a run outside the app: in a notebook, on the command line."""
    return key if key == examples.KEY else store().stored(key)


def peers(spec: RunSpec) -> list[Result]:
    """The finished runs on the same data and model, for curves: one query."""
    rows = store().runs(limit=1000, data=spec.data, model=spec.model, state="finished")
    same = [r for r in rows if _shape(r.spec) == _shape(spec)]
    return [row.result for row in same]


def _shape(spec: RunSpec) -> tuple[Any, ...]:
    """What two runs must share to be on one curve."""
    first = (spec.examples_method, spec.examples_sparsity, spec.examples_knobs)
    return (spec.model_knobs, spec.data_knobs, first)


def folder(key: str) -> Path:
    """Where the files of a run are."""
    if key == examples.KEY:
        return examples.FOLDER
    if examples.result(key):
        return examples.FOLDER / key
    mine = store()
    if key in examples.comparison() and not mine.rows([key]):
        return examples.compared_folder(key)
    return mine.folder(key)


def weights(key: str, layer: str, state: str) -> tuple[NDArray[Any], NDArray[Any] | None] | None:
    """The dense weights of one layer and its mask, from the files of a run."""
    return _weights(folder(key), layer, state)


@st.cache_data(max_entries=32, show_spinner=False)
def _weights(
    files: Path, layer: str, state: str
) -> tuple[NDArray[Any], NDArray[Any] | None] | None:
    dense, masks = (files / f"{name}.safetensors" for name in ("dense", "masks"))
    if not dense.exists():
        return None
    found = load_file(dense).get(f"{layer}.weight")
    cover = load_file(masks).get(layer) if masks.exists() else None
    return None if found is None else (found, cover)


def tree(key: str, state: str) -> Mapping[str, NDArray[Any]] | None:
    """The arrays of a tree from the files of a run."""
    return _tree(folder(key), state)


@st.cache_data(max_entries=16, show_spinner=False)
def _tree(files: Path, state: str) -> Mapping[str, NDArray[Any]] | None:
    path = files / "tree.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@st.cache_data(max_entries=8, show_spinner=False)
def _arrays(path: Path, changed: int) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def chosen(key: str, state: str) -> Chosen | None:
    """Which examples a run kept, from its files; None while it has not chosen."""
    path = folder(key) / "examples.npz"
    return chosen_from(_arrays(path, path.stat().st_mtime_ns)) if path.exists() else None


def tend(*, running: bool = False) -> None:
    """See to it that an engine is there while runs wait; say so if it was not, or is held up.

    ``running`` tells that some had begun, so that theirs was lost.
    """
    now = engine.status(whole().home)
    if now.alive:
        if now.problem:
            st.warning(said(now.problem), icon=":material/warning:")
        elif whole().paused():
            st.info(_("The queue is paused: what runs goes on, nothing begins."), icon=PAUSED)
        return
    try:
        engine.ensure(whole().home, whole().url)
    except StoreError as refused:
        st.warning(said(refused))
        return
    begins = _("The engine is starting; runs begin in a moment.")
    if running:
        begins = _("Engine restarting; runs go on in a moment.")
    st.info(begins, icon=":material/autorenew:")


def grow(spec: RunSpec) -> None:
    """Begin to grow a tree in another process.

    Raises:
        SpecError: a spec that cannot run, or nothing can be written.
    """
    validate(spec, known())
    treelab.start(spec, store().home)


def pieces(folder: Path, of: str = "*.npz") -> int:
    """How many files of a tree or study there are; pages read on when there is one more."""
    return len(list(folder.glob(of))) if folder.exists() else 0


def grown(folder: Path) -> Grown | None:
    """The arrays of a tree, read once for all visitors; None while there are none.

    Raises:
        SpecError: the file is damaged.
    """
    path = folder / "tree.npz"
    return _grown(folder, path.stat().st_mtime_ns) if path.exists() else None


@st.cache_resource(max_entries=12, show_spinner=False)
def _grown(folder: Path, changed: int) -> Grown | None:
    return treelab.grown(folder)


def scores(folder: Path, rule: str) -> Scores:
    """The curves of one rule, with the folds' where they are there."""
    return _scores(folder, rule, pieces(folder))


@st.cache_resource(max_entries=64, show_spinner=False)
def _scores(folder: Path, rule: str, files: int) -> Scores:
    tree = grown(folder)
    if tree is None:
        raise SpecError(f"The tree of {folder.name} is not there.")
    folds = treelab.cross_validated(folder) if tree.paths[rule].refits else None
    return scores_by_leaves(tree, rule, folds)


def compared(folder: Path, what: Literal["rules", "ensembles"]) -> Compared | None:
    """Every rule, or forests and boosting, on fresh splits; None while they are being tried."""
    return _compared(folder, what, pieces(folder))


@st.cache_resource(max_entries=12, show_spinner=False)
def _compared(folder: Path, what: Literal["rules", "ensembles"], files: int) -> Compared | None:
    return treelab.compared(folder, what)
