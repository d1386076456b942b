"""Files of runs on another machine: written there, read here, whole or not at all."""

from __future__ import annotations

import hashlib

import pytest

from prunelab import storage
from prunelab.events import Finished
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError

SPEC = RunSpec(method="random", seed=1)


@pytest.fixture(params=["file", "memory"])
def shared(request, tmp_path, monkeypatch):
    """A shared place: a folder, or any other file system that fsspec knows."""
    place = f"file://{tmp_path}/shared" if request.param == "file" else f"memory://{tmp_path.name}"
    monkeypatch.setenv("PRUNELAB_FILES", place)
    return place


def finished(store, text):
    """A run done on another machine, whose home is gone."""
    key = store.submit(SPEC, again=True)
    attempt = store.claim(key, "me")
    away = store.home / "away"
    folder = storage.folder(away, key)
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(text)
    (folder / "partial").mkdir()
    storage.publish(away, key, store.row(key).place)
    store.finish(key, Finished(seconds=1), attempt=attempt)
    return key


@pytest.fixture
def store(tmp_path):
    opened = Store(home=tmp_path)
    yield opened
    opened.close()


def test_files_stay_in_the_home_folder_unless_told_otherwise(store, monkeypatch):
    monkeypatch.delenv("PRUNELAB_FILES", raising=False)
    key = store.submit(SPEC)
    assert store.folder(key) == store.home / "files" / key
    storage.publish(store.home, key, 1)
    assert not (store.home / "cache").exists()


def test_files_written_elsewhere_are_read_here(store, shared):
    key = finished(store, "one")
    assert [p.name for p in store.folder(key).iterdir()] == ["run.json"]
    assert (store.folder(key) / "run.json").read_text() == "one"


def test_a_repeated_run_is_read_anew_and_a_deleted_one_is_gone_everywhere(store, shared):
    key = finished(store, "one")
    first = store.folder(key)
    storage.remove(store.home / "away", key)
    assert finished(store, "two") == key
    assert (store.folder(key) / "run.json").read_text() == "two"
    assert not first.exists()
    store.delete(key)
    assert not list((store.home / "cache").iterdir())
    with storage._place() as (files, root):
        assert not files.exists(f"{root}/{key}")


def test_a_run_that_left_no_files_is_no_fault(store, shared):
    key = store.submit(SPEC)
    assert not store.folder(key).exists()
    store.finish(key, Finished(seconds=1), attempt=store.claim(key, "me"))
    assert not store.folder(key).exists()


def test_dense_models_and_uploads_go_round(tmp_path, shared):
    one, two = tmp_path / "one", tmp_path / "two"
    model = one / "files" / "dense" / SPEC.dense_key / "model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    storage.lend(one, SPEC.dense_key)
    model.write_bytes(b"others")
    storage.lend(one, SPEC.dense_key)
    storage.borrow(two, SPEC.dense_key)
    copied = two / "files" / "dense" / SPEC.dense_key / "model.safetensors"
    assert copied.read_bytes() == b"weights"
    name = hashlib.sha256(b"a,b").hexdigest() + ".csv"
    (one / "uploads").mkdir()
    (one / "uploads" / name).write_bytes(b"a,b")
    storage.share_upload(one, name)
    storage.get_upload(two, name)
    assert (two / "uploads" / name).read_bytes() == b"a,b"
    storage.get_upload(two, "../../etc/passwd")
    storage.share_upload(one, "../../etc/passwd")
    assert [p.name for p in (two / "uploads").iterdir()] == [name]


@pytest.mark.parametrize("key", ["..", "../x", "dense", "", "a/b", "A", "é"])
def test_only_a_key_names_a_folder(tmp_path, key):
    with pytest.raises(StoreError, match="is no key of a run; no folder is named after it"):
        storage.folder(tmp_path, key)


@pytest.mark.parametrize("place", ["nowhere://x", "file:///proc/nothing"])
def test_a_place_nobody_can_use_is_told(tmp_path, monkeypatch, place):
    monkeypatch.setenv("PRUNELAB_FILES", place)
    with pytest.raises(StoreError, match=r"PRUNELAB_FILES cannot be used .*must be a URL"):
        storage.reach()


def test_a_place_that_works_is_left_as_it_was(shared):
    storage.reach()
    with storage._place() as (files, root):
        assert not files.exists(root) or files.ls(root) == []
