"""The store among strangers' keys, killed writers, full disks and newer versions."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event as listen
from sqlalchemy.engine import make_url

from prunelab.database import VERSION, _impatient, _refuse_remote
from prunelab.events import Cancelled, Warned
from prunelab.spec import RunSpec
from prunelab.store import Missing, Store, StoreError

SPAWN = multiprocessing.get_context("spawn")
SPEC = RunSpec(method="random", seed=1)


@pytest.fixture
def store(tmp_path):
    opened = Store(home=tmp_path)
    yield opened
    opened.close()


# -- files, keys ----------------------------------------------------------------------------------


def test_delete_removes_run_events_and_files(store):
    key = store.submit(SPEC)
    attempt = store.claim(key, "me")
    store.append(key, [Warned(message="here")], attempt=attempt)
    with pytest.raises(StoreError, match="is running; cancel it first"):
        store.delete(key)
    store.finish(key, Cancelled(), attempt=attempt)
    folder = store.folder(key)
    folder.mkdir(parents=True)
    store.delete(key)
    assert not folder.exists()
    assert store.count() == 0
    with pytest.raises(Missing, match="There is no run"):
        store.result(key)
    assert store.events(key) == []


@pytest.mark.parametrize("key", ["../../etc", "", "x'; DROP TABLE runs;--", "a" * 9999, "é\0", "%"])
def test_keys_of_strangers_find_nothing_and_touch_nothing(store, key):
    mine = store.submit(SPEC)
    for ask in (store.row, store.result, store.folder, store.delete, store.request_cancel):
        with pytest.raises(Missing, match="There is no run"):
            ask(key)
    assert (store.events(key), store.claim(key, "me"), store.count()) == ([], 0, 1)
    assert store.state(mine) == "queued"


def test_a_key_that_came_into_the_store_by_another_way_names_no_folder(store):
    store.submit(SPEC)
    with sqlite3.connect(store.home / "store.db") as raw:
        raw.execute("UPDATE runs SET key = '../../elsewhere'")
    raw.close()
    with pytest.raises(StoreError, match="is no key of a run"):
        store.folder("../../elsewhere")
    with pytest.raises(StoreError, match="is no key of a run"):
        store.delete("../../elsewhere")


def test_a_spec_with_an_endless_name_is_refused(store):
    with pytest.raises(StoreError, match="must have 1 to 200 of a-z, 0-9 and -"):
        store.submit(RunSpec(data="x" * 300))
    assert store.submit(RunSpec(data="../<b>é\n")).startswith("pp--b---")


# -- several processes ----------------------------------------------------------------------------


def _claim_all(home, name, begin, won):
    store = Store(home=home)
    begin.wait()
    won.put((name, [key for key in store.queued() if store.claim(key, name)]))


def test_two_processes_share_the_queue_without_overlap(store):
    keys = {store.submit(RunSpec(seed=seed)) for seed in range(40)}
    won, begin = SPAWN.Queue(), SPAWN.Barrier(2)
    workers = [
        SPAWN.Process(target=_claim_all, args=(store.home, name, begin, won)) for name in "ab"
    ]
    for worker in workers:
        worker.start()
    taken = dict(won.get(timeout=200) for _ in workers)
    for worker in workers:
        worker.join()
    assert sorted(taken["a"] + taken["b"]) == sorted(keys)


def _open(home, begin, done):
    begin.wait()
    done.put(Store(home=home).submit(SPEC))


def test_two_processes_may_make_the_store_and_the_run_at_once(tmp_path):
    done, begin = SPAWN.Queue(), SPAWN.Barrier(2)
    workers = [SPAWN.Process(target=_open, args=(tmp_path, begin, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [done.get(timeout=200) for _ in workers] == [SPEC.key] * 2
    for worker in workers:
        worker.join()
    assert Store(home=tmp_path).count() == 1


_WRITER = """
import sys
from pathlib import Path
from prunelab.events import Warned
from prunelab.spec import RunSpec
from prunelab.store import Store
store = Store(home=Path(sys.argv[1]))
key = store.submit(RunSpec(seed=int(sys.argv[2])))
attempt = store.claim(key, "writer")
for number in range(1, 10**6):
    store.append(key, [Warned(message=str(number))], attempt=attempt, first=number)
    print(number, flush=True)
"""


def test_killed_writers_lose_no_acknowledged_event(store):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(store.home), str(seed)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        for seed in (0, 1)
    ]
    for seed, writer in enumerate(writers):
        while int(writer.stdout.readline()) < 50:
            pass
        writer.send_signal(signal.SIGKILL)
        acknowledged = [50, *map(int, writer.stdout.read().split())][-1]
        writer.wait()
        writer.stdout.close()
        events = [e for _, e in store.events(RunSpec(seed=seed).key)]
        assert len(events) >= acknowledged
        assert [int(e.message) for e in events] == list(range(1, len(events) + 1))


# -- what can go wrong ----------------------------------------------------------------------------


def test_a_newer_store_is_refused_and_left_alone(store):
    path = store.home / "store.db"
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = ?", (f"{VERSION + 1:04d}",))
    raw.close()
    store.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"is of version {VERSION + 1}, this PruneLab reads up to"):
        Store(home=store.home)
    assert path.read_bytes() == before


def test_a_home_that_is_no_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Cannot create .* set PRUNELAB_HOME"):
        Store(home=tmp_path / "file" / "home")
    monkeypatch.setenv("PRUNELAB_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"Cannot create the home folder .* set PRUNELAB_HOME"):
        Store()


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "store.db").write_bytes(b"PK\3\4" * 4096)
    with pytest.raises(StoreError, match="is not a PruneLab store; move it away"):
        Store(home=tmp_path)
    (tmp_path / "folder" / "store.db").mkdir(parents=True)
    with pytest.raises(StoreError, match="Cannot open the store"):
        Store(home=tmp_path / "folder")


def test_a_store_that_lacks_its_tables_is_told_with_what_the_database_says(store):
    with sqlite3.connect(store.home / "store.db") as raw:
        raw.execute("DROP TABLE runs")
    raw.close()
    with pytest.raises(StoreError, match=r"cannot be reached or refused: no such table"):
        store.queued()


def test_files_that_cannot_be_removed_keep_the_run(store, monkeypatch):
    key = store.submit(SPEC)
    store.folder(key).mkdir(parents=True)

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(StoreError, match=r"Cannot remove the files of .*Permission denied"):
        store.delete(key)
    assert store.state(key) == "queued"


def test_a_damaged_store_says_so(store):
    store.submit(SPEC)
    store.close()
    path = store.home / "store.db"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
    with pytest.raises(StoreError, match="is damaged; move it away"):
        Store(home=store.home).queued()


@pytest.mark.parametrize(
    ("pragma", "said"),
    [
        ("max_page_count = 1", "No space left for the store .*store.db; free some"),
        ("query_only = ON", "The store .*store.db is read-only; make it writable"),
    ],
)
def test_a_full_or_read_only_disk_says_what_to_do(store, pragma, said):
    store.submit(SPEC)
    listen.listen(store._engine, "checkout", lambda raw, *_: raw.execute(f"PRAGMA {pragma}"))
    with pytest.raises(StoreError, match=said):
        store.submit(RunSpec(seed=2, knobs={"note": "x" * 100_000}))


def test_a_locked_store_says_so(store):
    key = store.submit(SPEC)
    raw = sqlite3.connect(store.home / "store.db", isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    listen.listen(store._engine, "checkout", lambda c, *_: c.execute("PRAGMA busy_timeout = 20"))
    with pytest.raises(StoreError, match="stays locked by another program"):
        store.claim(key, "me")
    assert store.state(key) == "queued"
    raw.close()
    assert store.claim(key, "me") == 1


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle+none://x", "postgresql+nothere://u:secret@h/n"]
)
def test_a_url_nobody_can_use_is_refused(tmp_path, url):
    with pytest.raises(StoreError, match="PRUNELAB_STORE must be a database URL") as refused:
        Store(url, tmp_path)
    assert "secret" not in str(refused.value)


def test_a_store_in_memory_is_refused(tmp_path):
    with pytest.raises(StoreError, match="A store in memory is lost at once"):
        Store("sqlite://", tmp_path)


def test_sqlite_on_a_network_drive_is_refused(tmp_path, monkeypatch):
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda *_: mounts)
    with pytest.raises(StoreError, match=r"is on a network drive \(nfs4\)"):
        Store(home=tmp_path / "home")
    _refuse_remote(Path("/"))


def test_the_url_of_the_environment_is_used_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRUNELAB_STORE", "sqlite:///mine.db")
    assert Store(home=tmp_path).url == f"sqlite:///{tmp_path / 'mine.db'}"


def test_a_server_that_says_nothing_is_away(tmp_path, monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setattr("prunelab.database.PATIENCE", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StoreError, match="timeout"):
            Store(f"postgresql+psycopg://me@127.0.0.1:{port}/x", tmp_path)


def test_what_the_url_says_of_patience_counts():
    url = make_url("postgresql+psycopg://me@db/x?connect_timeout=99")
    assert "connect_timeout" not in _impatient(url)
    assert _impatient(url)["tcp_user_timeout"] == 10_000
    assert _impatient(make_url("mysql://me@db/x")) == {}


def test_opening_is_cheap(store, monkeypatch):
    """A store of this version is opened by one look at its version: no migration is even read."""
    monkeypatch.setitem(sys.modules, "alembic", None)
    other = Store(home=store.home)
    assert other.count() == 0
    other.close()
