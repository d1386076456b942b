"""The store's tables, and how they are opened: SQLite tuned for many processes, or any server."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from prunelab import migrations
from prunelab.speech import mark, phrase

VERSION = migrations.HEAD
ROOM = 2**17  # bytes on the disk without which SQLite cannot even read a store anew
PATIENCE = 10.0  # seconds a writer waits for another one
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "lustre", "fuse.sshfs", "ceph"}

_tables = MetaData()
SCHEMA = Table("schema", _tables, Column("version", Integer, nullable=False))  # read by old ones
RUNS = Table(
    "runs",
    _tables,
    Column("key", String(255), primary_key=True),
    Column("owner", String(255), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("place", Integer, nullable=False, index=True),  # in the queue; a new one each time
    Column("spec", Text, nullable=False),
    Column("data", String(255), nullable=False),
    Column("model", String(255), nullable=False),
    Column("method", String(255), nullable=False),
    Column("dense_key", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("attempt", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),  # processes lost since it was queued
    Column("beat", Integer, nullable=False),  # moves while somebody works on it
    Column("worker", String(255), nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("phase", String(255), nullable=False),
    Column("progress", Float, nullable=False),
    Column("summary", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("space", String(255), nullable=False, server_default=""),  # who sees it; "" is all
    Index("runs_served", "owner", "started"),
    Index("runs_waiting", "state", "priority", "place"),
    Index("runs_in_space", "space", "place"),
)
EVENTS = Table(
    "events",
    _tables,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("run", String(255), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("run", "attempt", "seq"),
    Index("events_in_order", "run", "id"),
    sqlite_autoincrement=True,  # a number is never used twice, so a reader's place stays true
)
ATTEMPTS = Table(
    "attempts",
    _tables,
    Column("run", String(255), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("worker", String(255), nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("how", Text, nullable=False),  # a state, or why it was interrupted
)
SETTINGS = Table(
    "settings",
    _tables,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)


class StoreError(RuntimeError):
    """The store cannot do it; the message says why and what to do."""


def connect(url: str) -> Engine:
    """Open the database of a store, with its tables.

    Raises:
        StoreError: unreachable, read-only, on a network drive, or of a newer version.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, pool_pre_ping=True, connect_args=_impatient(parsed))
    else:
        engine = _sqlite(parsed)
    try:
        with explained(engine):
            _prepare(engine)
    except StoreError:
        engine.dispose()
        raise
    return engine


def _impatient(url: URL) -> dict[str, int]:
    """A server that says nothing is away; left alone, the system waits a quarter of an hour."""
    if url.get_backend_name() != "postgresql":
        return {}
    soon = int(PATIENCE)
    wanted = {"connect_timeout": soon, "tcp_user_timeout": 1000 * soon}
    wanted |= {"keepalives_idle": soon, "keepalives_interval": 3, "keepalives_count": 3}
    return {name: value for name, value in wanted.items() if name not in url.query}


def address(home: Path, url: str | None = None) -> str:
    """The URL of a store: the given one, else PRUNELAB_STORE, else SQLite in the home folder.

    Raises:
        StoreError: it cannot be read.
    """
    parsed = _parse(url or os.environ.get("PRUNELAB_STORE") or f"sqlite:///{home / 'store.db'}")
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        # Other processes, with other working folders, must find the same file.
        parsed = parsed.set(database=str(Path(parsed.database).absolute()))
    return parsed.render_as_string(hide_password=False)


@contextlib.contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turn what the database says into what the user can do."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(_explain(error, engine.url)) from error


def compact(engine: Engine) -> None:
    """Give the disk back what deleted rows took; others may go on reading."""
    with explained(engine):
        if engine.dialect.name != "sqlite":
            with engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("VACUUM")
            return
        raw = engine.raw_connection()  # which is in no transaction, as this needs
        try:
            for order in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                raw.cursor().execute(order)
        except sqlite3.Error as error:
            raise StoreError(f"The store cannot be compacted now: {error}.") from error
        finally:
            raw.close()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(
            "PRUNELAB_STORE must be a database URL such as sqlite:////home/me/store.db or "
            "postgresql+psycopg://user@host/name, with its driver installed; this one is not."
        ) from error
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("A store in memory is lost at once; name a file: sqlite:////path/store.db")
    return parsed


def _sqlite(url: URL) -> Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"Cannot create {folder} ({error.strerror}); set PRUNELAB_HOME to a folder of yours."
        ) from error
    _refuse_remote(folder)
    path = Path(url.database or "").absolute()
    engine = create_engine(url, creator=lambda: _open(path))
    event.listen(engine, "connect", _tune)
    event.listen(engine, "checkin", _forget)
    event.listen(engine, "begin", _begin)
    return engine


class _Frozen(sqlite3.Connection):
    """One that only reads."""


def _open(path: Path) -> sqlite3.Connection:
    """Open the file; where nothing can be written beside it, only to read what it holds."""
    frozen = _frozen(path)
    return sqlite3.connect(
        path.as_uri() + ("?mode=ro&immutable=1" if frozen else ""),
        uri=True,
        timeout=PATIENCE,
        check_same_thread=False,
        factory=_Frozen if frozen else sqlite3.Connection,
    )


def _frozen(path: Path) -> bool:
    """Whether SQLite cannot make the files it needs beside a store that nobody has open."""
    with contextlib.suppress(OSError):
        beside = path.with_name(f"{path.name}-wal")
        if not path.is_file() or path.stat().st_size == 0 or beside.exists():
            return False
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        return not writable or _full(path)
    return False


def _full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < ROOM


def _tune(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # else Python begins transactions late, without the lock
    record.info["frozen"] = isinstance(connection, _Frozen)
    if not record.info["frozen"]:
        _wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL")


def _wal(connection: sqlite3.Connection) -> None:
    """Many readers beside one writer. SQLite does not wait for another that switches: we do."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _forget(_connection: object, record: Any) -> None:
    """Open anew next time: the disk may have room again."""
    if record.info.pop("frozen", False):
        record.invalidate()


def _begin(connection: Connection) -> None:
    # A transaction that reads before it writes must hold the lock from the start: SQLite refuses
    # to raise a read lock when another writer was quicker, without waiting.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refuse_remote(folder: Path) -> None:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    kinds = {Path(line.split()[1]): line.split()[2] for line in mounts.read_text().splitlines()}
    place = folder.resolve()
    kind = next(kinds[p] for p in (place, *place.parents) if p in kinds)
    if kind in _REMOTE:
        raise StoreError(
            f"{folder} is on a network drive ({kind}), where SQLite loses data; set PRUNELAB_STORE "
            f"to a PostgreSQL URL, or PRUNELAB_HOME to a local folder."
        )


def _prepare(engine: Engine) -> None:
    with engine.connect() as connection:
        found = migrations.version(connection)
    if found < VERSION:
        with engine.execution_options(writes=True).begin() as connection:
            migrations.upgrade(connection)
    if found > VERSION:
        raise StoreError(
            f"The store is of version {found}, this PruneLab reads up to {VERSION}; update "
            f"PruneLab, or set PRUNELAB_HOME to another folder. The store was not touched."
        )


_KNOWN = {
    "disk is full": mark("No space left for the store {where}; free some, or set PRUNELAB_HOME."),
    "readonly": mark("The store {where} is read-only; make it writable, or set PRUNELAB_HOME."),
    "unable to open": mark("Cannot open the store {where}; check its folder or PRUNELAB_HOME."),
    "locked": mark("The store {where} stays locked by another program; close it and try again."),
    "not a database": mark("{where} is not a PruneLab store; move it away or set PRUNELAB_STORE."),
    "malformed": mark("The store {where} is damaged; move it away and start a new one."),
}


def _explain(error: SQLAlchemyError, url: URL) -> str:
    file = url.database if url.get_backend_name() == "sqlite" else None
    where, said = file or url.render_as_string(), str(getattr(error, "orig", None) or error)
    if file and any(s in said for s in ("readonly", "disk I/O")) and _full(Path(file)):
        said = "disk is full"
    if known := next((text for sign, text in _KNOWN.items() if sign in said), ""):
        return known.format(where=where)
    if isinstance(error, PoolTimeout):
        return phrase(f"The store {where} is busy; try again in a moment.")
    return phrase(f"The store {where} cannot be reached or refused: {said.splitlines()[0]}")
