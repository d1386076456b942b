"""Older stores are upgraded with all they hold; newer ones are left alone."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from prunelab import database, migrations
from prunelab.events import Warned, to_json
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError

SPEC = RunSpec(method="random", seed=1)
SPAWN = multiprocessing.get_context("spawn")


def old_store(home, *, known_to_alembic):
    """A store as the first migration leaves it, with one finished run and its event."""
    path = home / "store.db"
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    run = {
        "key": SPEC.key, "owner": "ann", "state": "finished", "place": 1,
        "spec": json.dumps(SPEC.to_json()), "data": "digits", "model": "m", "method": "random",
        "dense_key": SPEC.dense_key, "created": 1.0, "started": 2.0, "finished": 3.0, "attempt": 1,
        "deaths": 0, "beat": 2, "worker": "w", "cancel": 0, "note": "", "phase": "", "progress": 1,
        "summary": json.dumps({"seconds": 2.0}),
    }  # fmt: skip
    with sqlite3.connect(path) as raw:
        columns, marks = ",".join(run), ",".join("?" * len(run))
        raw.execute(f"INSERT INTO runs ({columns}) VALUES ({marks})", tuple(run.values()))
        body = json.dumps(to_json(Warned(message="kept")))
        raw.execute("INSERT INTO events (run,attempt,seq,body) VALUES (?,1,1,?)", (SPEC.key, body))
        if not known_to_alembic:
            raw.execute("DROP TABLE alembic_version")
    raw.close()
    return path


@pytest.mark.parametrize("known", [True, False], ids=["by Alembic", "from before Alembic"])
def test_an_older_store_is_upgraded_with_its_data(tmp_path, known):
    path = old_store(tmp_path, known_to_alembic=known)
    store = Store(home=tmp_path)
    row = store.row(SPEC.key)
    assert (row.state, row.owner, row.priority, row.result.seconds) == ("finished", "ann", 0, 2.0)
    assert row.space == "ann"  # nobody else sees it after the upgrade either
    assert [e for _, e in store.events(SPEC.key)] == [Warned(message="kept")]
    assert store.submit(RunSpec(seed=2)) in store.queued()
    store.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0003",)]
        # what a PruneLab from before Alembic reads, so that it refuses
        assert raw.execute("SELECT version FROM schema").fetchall() == [(3,)]
    raw.close()


def test_migrations_lead_to_the_tables_the_store_uses(tmp_path):
    store = Store(home=tmp_path)
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, database._tables) == []
        assert migrations.version(connection) == database.VERSION
    store.close()


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(tmp_path):
    path = old_store(tmp_path, known_to_alembic=True)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE settings (name TEXT)")  # in the way of the last step
    raw.close()
    with pytest.raises(StoreError, match="cannot be reached or refused: table settings already"):
        Store(home=tmp_path)
    with sqlite3.connect(path) as raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(runs)")]
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert raw.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    raw.close()
    assert "priority" not in columns


def _open(home, begin, done):
    begin.wait()
    store = Store(home=home)
    done.put(store.count())
    store.close()


def test_two_processes_may_upgrade_at_once(tmp_path):
    old_store(tmp_path, known_to_alembic=False)
    done, begin = SPAWN.Queue(), SPAWN.Barrier(2)
    openers = [SPAWN.Process(target=_open, args=(tmp_path, begin, done)) for _ in range(2)]
    for opener in openers:
        opener.start()
    assert [done.get(timeout=200) for _ in openers] == [1, 1]
    for opener in openers:
        opener.join()


def test_opening_an_upgraded_store_does_without_alembic(tmp_path):
    Store(home=tmp_path).close()
    code = (
        "import sys; from pathlib import Path; from prunelab.store import Store; "
        f"Store(home=Path({str(tmp_path)!r})).close(); assert 'alembic' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_a_newer_store_of_a_server_is_refused_too(tmp_path):
    store = Store(home=tmp_path)
    with store._writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    store.close()
    with pytest.raises(StoreError, match=r"is of version 999, .* was not touched"):
        Store(home=tmp_path)
