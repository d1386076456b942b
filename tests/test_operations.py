"""Doctor, vacuum, export and import: what is said is true, and no archive does harm."""

from __future__ import annotations

import json
import os
import stat
import time
import zipfile

import pytest

from prunelab import backup, engine, journal, operations, processes
from prunelab.__main__ import main
from prunelab.events import Cancelled, Epoch, Failed, Finished, Started, Warned
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError


@pytest.fixture
def store(home):
    opened = Store(home=home)
    yield opened
    opened.close()


def run(store, seed, last=None, owner=""):
    """A run that has ended, with a file."""
    spec = RunSpec(seed=seed)
    key = store.submit(spec, owner=owner)
    attempt = store.claim(key, "me")
    if last is None:
        folder = store.folder(key)
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(f'{{"seed": {seed}}}')
    started = Started(
        key=key, spec=spec.to_json(), settings={}, manifest={}, plan={"dense": 1}, unit="w", of=1
    )
    epoch = Epoch(
        phase="dense", epoch=1, epochs=1, loss=float("nan"), validation_loss=0.5, accuracy=0.5,
        sparsity=0.0, zeros_kept=True,
    )  # fmt: skip
    events = [started, epoch, Warned(message="é <b>"), last or Finished(seconds=seed)]
    store.append(key, events, attempt=attempt)
    return key


# -- doctor ---------------------------------------------------------------------------------------


def checks(**given):
    return {check.name: check for check in operations.doctor(**given)}


def test_a_sound_installation_has_no_problem(store, capsys):
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {c["state"] for c in told.values()} <= {"ok", "note"}
    assert f"sqlite:///{store.home}/store.db, 0 runs" in told["store"]["said"]
    assert "torch 2" in told["packages"]["said"]
    assert told["engine"]["said"] == "not running; it starts with the next run"
    assert main(["doctor"]) == 0
    assert "ok       store" in capsys.readouterr().out


def test_doctor_says_what_is_wrong_and_exits_with_it(store, monkeypatch, capsys):
    monkeypatch.setenv("PRUNELAB_SCHEDULER", "tcp://127.0.0.1:1")
    monkeypatch.setenv("PRUNELAB_MAX_RUNS", "many")
    monkeypatch.setenv("PRUNELAB_FILES", "nowhere://x")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "problem  scheduler  tcp://127.0.0.1:1 does not answer" in said
    assert "problem  settings   PRUNELAB_MAX_RUNS must be a number" in said
    assert "problem  files      PRUNELAB_FILES cannot be used" in said


def test_doctor_tells_no_password(store):
    check = checks(url="postgresql+psycopg://me:secret@127.0.0.1:1/none")["store"]
    assert check.state == "problem"
    assert "secret" not in check.said
    assert "127.0.0.1" in check.said


def test_doctor_sees_a_home_that_cannot_be_written_and_a_disk_that_is_full(home, monkeypatch):
    monkeypatch.setenv("PRUNELAB_MIN_FREE", "1e12")
    assert checks()["home"].state == "problem"
    (home / "file").write_text("")
    check = checks(home=home / "file")["home"]
    assert (check.state, "set PRUNELAB_HOME" in check.said) == ("problem", True)


def test_doctor_sees_a_missing_package_and_a_held_queue(store, monkeypatch):
    store.pause()
    assert checks()["store"].said.endswith("the queue is paused")
    assert store.paused()
    monkeypatch.setattr(operations, "NEEDED", ("no-such-package",))
    assert checks()["packages"].said.startswith("no-such-package not installed; pip install")


def test_doctor_sees_an_engine_and_what_troubles_it(store):
    held = processes.lock(store.home / engine.LOCK)
    told = {"pid": os.getpid(), "identity": processes.identity(), "workers": 2, "problem": ""}
    (store.home / engine.STATE).write_text(json.dumps(told))
    assert checks()["engine"] == ("engine", "ok", f"process {os.getpid()}, 2 workers")
    told["problem"] = "The scheduler is away."
    (store.home / engine.STATE).write_text(json.dumps(told))
    assert checks()["engine"] == ("engine", "problem", "The scheduler is away.")
    held.close()


# -- vacuum ---------------------------------------------------------------------------------------


def folder(path, size=1000, days=0.0):
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"x" * size)
    then = time.time() - days * 86400
    for each in (path / "model.safetensors", path):
        os.utime(each, (then, then))
    return path


def test_vacuum_takes_what_no_run_needs_and_nothing_else(store):
    key = run(store, 1)
    files = store.home / "files"
    gone = [
        folder(files / "deleted-run", days=1),
        folder(store.home / "cache" / "deleted-run", days=1),
        folder(files / "dense" / "abc.f00", days=1),
        folder(files / "dense" / "old", days=31),
        folder(files / "dense" / "scores-old", days=31),
    ]
    waiting = RunSpec(seed=5)
    store.submit(waiting)
    kept = [
        files / key,
        folder(files / "just-made"),
        folder(files / "dense" / "new", days=29),
        folder(files / "dense" / waiting.dense_key, days=99),
    ]
    assert operations.vacuum(store) == (3, 2, 5000)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)
    assert operations.vacuum(store) == (0, 0, 0)


def test_vacuum_leaves_the_journal_of_a_run_that_goes_on(store):
    key = store.submit(RunSpec(seed=1))
    attempt = store.claim(key, "me")
    for number in (attempt, attempt + 1):
        journal.keep(store.home, key, (number, 1), [Warned(message="a")])
    left = store.home / "journal"
    for path in left.iterdir():
        os.utime(path, (0, 0))
    operations.vacuum(store)
    assert [p.name for p in left.iterdir()] == [f"{key}.{attempt}.jsonl"]


def test_vacuum_keeps_dense_models_within_a_size_the_newest_ones(store):
    dense = store.home / "files" / "dense"
    for days in (1, 2, 3):
        folder(dense / f"d{days}", size=2**20, days=days)
    assert operations.vacuum(store, megabytes=2).dense == 1
    assert sorted(p.name for p in dense.iterdir()) == ["d1", "d2"]


def test_vacuum_makes_the_file_smaller(store, capsys):
    key = run(store, 1, last=Failed(reason="x" * 5_000_000))
    store.delete(key)
    before = (store.home / "store.db").stat().st_size
    assert main(["store", "vacuum"]) == 0
    assert capsys.readouterr().out.startswith("0 folders and 0 dense models went")
    assert (store.home / "store.db").stat().st_size < before / 10


def test_vacuum_of_a_store_in_use_says_so(store):
    other = store._engine.raw_connection()
    other.cursor().execute("BEGIN IMMEDIATE")
    raw = store._engine.raw_connection()
    raw.cursor().execute("PRAGMA busy_timeout = 20")
    raw.close()
    with pytest.raises(StoreError, match="cannot be compacted now: database is locked"):
        operations.vacuum(store)
    other.close()


# -- export and import ----------------------------------------------------------------------------


@pytest.fixture
def archive(store, tmp_path):
    """An export of three runs, of a store with a fourth that waits."""
    run(store, 1)
    run(store, 2, last=Failed(reason="no"), owner="ann")
    run(store, 3, last=Cancelled())
    store.submit(RunSpec(seed=4))
    assert backup.save(store, tmp_path / "all.zip") == (3, 1)
    return tmp_path / "all.zip"


def test_what_is_exported_comes_back_the_same(store, archive, tmp_path):
    other = Store(home=tmp_path / "other")
    assert backup.load(other, archive) == (3, 0)
    for seed in (1, 2, 3):
        key = RunSpec(seed=seed).key
        assert repr(other.result(key)) == repr(store.result(key))  # a NaN equals itself there
        one, two = other.row(key), store.row(key)
        assert (one.state, one.owner, one.created, one.finished, one.dense_key, one.progress) == (
            two.state, two.owner, two.created, two.finished, two.dense_key, two.progress,
        )  # fmt: skip
    assert (other.folder(RunSpec(seed=1).key) / "run.json").read_text() == '{"seed": 1}'
    assert [r.key for r in other.runs()] == [r.key for r in store.runs(state=list(backup.ENDED))]
    assert backup.load(other, archive) == (0, 3)
    assert other.submit(RunSpec(seed=2)) in other.queued()
    other.close()


def test_the_command_line_moves_a_store(store, archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PRUNELAB_HOME", str(tmp_path / "third"))
    assert main(["store", "import", str(archive)]) == 0
    assert main(["store", "export", str(tmp_path / "again.zip")]) == 0
    said = capsys.readouterr().out
    assert "3 runs added; 0 were there already" in said
    assert "3 runs written" in said
    assert main(["store", "import", str(tmp_path / "none.zip")]) == 1
    assert "is no zip file that can be read" in capsys.readouterr().err
    assert main(["store", "export", str(tmp_path / "no" / "folder" / "x.zip")]) == 1
    assert "Cannot write" in capsys.readouterr().err


def remade(archive, change):
    """The archive with its members changed: name -> bytes, in a dict."""
    with zipfile.ZipFile(archive) as old:
        members = {m.filename: old.read(m) for m in old.infolist()}
    change(members)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)


def lines(name, change):
    def changed(members):
        rows = [json.loads(line) for line in members[name].splitlines()]
        change(rows)
        members[name] = b"\n".join(json.dumps(row).encode() for row in rows) + b"\n"

    return changed


def put(name, content=b"x"):
    return lambda members: members.update({name: content})


KEY = RunSpec(seed=1).key
HOSTILE = {
    "way up": (put(f"files/{KEY}/../../../evil.json"), "which is no file of a run"),
    "absolute": (put("/etc/evil.json"), "which is no file of a run"),
    "backslash": (put(f"files\\{KEY}\\evil.json"), "which is no file of a run"),
    "pickle": (put(f"files/{KEY}/model.pkl"), "which is no file of a run"),
    "hidden": (put(f"files/{KEY}/.json"), "which is no file of a run"),
    "dense": (put("files/dense/x/y.json"), "which is no file of a run"),
    "bomb": (put(f"files/{KEY}/zeros.bin", b"\0" * (8 << 20)), "more than 500 times its size"),
    "no list": (lambda m: m.pop("runs.jsonl"), "it has no runs.jsonl"),
    "other format": (put("about.json", b'{"format": 9}'), "is of format 9, not 1"),
    "about a list": (put("about.json", b"[]"), "is no export of a store"),
    "no JSON": (put("runs.jsonl", b"hello"), "is no export of a store"),
    "not UTF-8": (put("runs.jsonl", b"\xff\xfe"), "is no export of a store"),
    "key up": (lines("runs.jsonl", lambda r: r[0].update(key="../x")), "is not the key"),
    "key of another": (lines("runs.jsonl", lambda r: r[0].update(key="a")), "is not the key"),
    "key a list": (lines("runs.jsonl", lambda r: r[0].update(key=[1])), "is no export|not the key"),
    "unknown field": (
        lines("runs.jsonl", lambda r: r[0]["spec"].update(evil=1)),
        "A spec has no field 'evil'",
    ),
    "running": (lines("runs.jsonl", lambda r: r[0].update(state="running")), "cannot be 'running'"),
    "owner": (lines("runs.jsonl", lambda r: r[0].update(owner="x" * 999)), "an owner must be"),
    "time": (lines("runs.jsonl", lambda r: r[0].update(created="soon")), "is no export of a store"),
    "event": (lines("events.jsonl", lambda r: r[0][3].update(type="Evil")), "is no export"),
    "event field": (lines("events.jsonl", lambda r: r[0][3].update(evil=1)), "is no export"),
    "events apart": (lines("events.jsonl", lambda r: r.append(r[0])), "lie in two places"),
    "event twice": (
        lines("events.jsonl", lambda r: r.insert(0, r[0])),
        "cannot be reached or refused: UNIQUE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_changes_nothing(archive, tmp_path, name):
    change, said = HOSTILE[name]
    remade(archive, change)
    other = Store(home=tmp_path / "other")
    with pytest.raises(StoreError, match=said):
        backup.load(other, archive)
    assert other.count() == 0
    assert not (other.home / "files").exists()
    assert sorted(p.name for p in other.home.iterdir() if p.is_dir()) == []
    other.close()


def test_an_archive_with_a_link_a_lie_or_a_lock_is_refused(archive, tmp_path):
    other = Store(home=tmp_path / "other")
    link = zipfile.ZipInfo(f"files/{KEY}/link.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    whole = archive.read_bytes()
    with zipfile.ZipFile(archive, "a") as added:
        added.writestr(link, "/etc/passwd")
    with pytest.raises(StoreError, match="is no plain file"):
        backup.load(other, archive)
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="is no zip file that can be read"):
        backup.load(other, archive)
    locked = bytearray(whole)
    spot = locked.rindex(b"PK\1\2")
    locked[spot + 8] |= 1
    archive.write_bytes(bytes(locked))
    with pytest.raises(StoreError, match="is encrypted"):
        backup.load(other, archive)
    broken = whole.replace(b"PK\3\4", b"PK\3\5", 1)
    archive.write_bytes(broken)
    with pytest.raises(StoreError, match="is no zip file that can be read"):
        backup.load(other, archive)
    assert other.count() == 0
    other.close()


def test_too_many_files_and_too_many_bytes_are_refused(archive, tmp_path, monkeypatch):
    other = Store(home=tmp_path / "other")
    monkeypatch.setattr(backup, "TOTAL", 100)
    with pytest.raises(StoreError, match="the limit is 20 GB"):
        backup.load(other, archive)
    monkeypatch.setattr(backup, "COUNT", 2)
    with pytest.raises(StoreError, match="The archive holds 4 files; the limit is 2"):
        backup.load(other, archive)
    monkeypatch.undo()
    monkeypatch.setattr(backup, "LINE", 64)
    with pytest.raises(StoreError, match="is longer than 64 bytes"):
        backup.load(other, archive)
    other.close()


def test_two_files_of_one_name_are_refused(archive, tmp_path):
    other = Store(home=tmp_path / "other")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(archive, "a") as added:
        added.writestr("runs.jsonl", "")
    with pytest.raises(StoreError, match="two files of the same name"):
        backup.load(other, archive)
    other.close()
