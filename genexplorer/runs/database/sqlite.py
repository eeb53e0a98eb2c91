"""metrics.sqlite: its schema, and how the one writer and the readers open it; readers trust nothing in it."""

import contextlib
import errno
import itertools
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from genexplorer.errors import DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.database import journal
from genexplorer.runs.sanitize import one_line
from trainers.storage import atomic_files, fault_injection

SCHEMA_VERSION = 1
APPLICATION_ID = 0x47584C31  # "GXL1"
DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_BATCH_SIZES = (128, 16, 1)  # rows in one INSERT statement: as many as remain allow
COPY_TIMEOUT_S = 60.0  # and as much again for each gigabyte of an imported database
_ATTACHED = "original"  # the name of an attached database
_ROLLBACK_SUFFIX = "-journal"
_SUPER_JOURNAL_MAGIC_BYTES = 8  # at the end of a rollback journal that names a super-journal
QUERY_TIMEOUT_S = 2.0  # for any query, as a malicious database could make one endless
# By the path of the original: the stamps of its files, and the folder with the copy.
_READABLE_COPIES: dict[Path, tuple[object, tempfile.TemporaryDirectory[str]]] = {}

SCHEMA = """
CREATE TABLE attempts (number INTEGER PRIMARY KEY, started REAL NOT NULL, first_step INTEGER NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, device TEXT NOT NULL, threads INTEGER NOT NULL,
    num_parameters INTEGER NOT NULL, total_steps INTEGER, ended REAL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL) STRICT;
CREATE TABLE transitions (id INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, time REAL NOT NULL, step INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE TABLE metrics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, quantity TEXT NOT NULL, title TEXT NOT NULL,
    unit TEXT NOT NULL, better TEXT NOT NULL, panel TEXT NOT NULL, setup TEXT NOT NULL, revision INTEGER NOT NULL,
    last_step INTEGER, last_value REAL, last_special INTEGER, chart TEXT NOT NULL DEFAULT '',
    label TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE ticks (step INTEGER PRIMARY KEY, attempt INTEGER NOT NULL, images_seen INTEGER NOT NULL,
    elapsed_s REAL NOT NULL, time REAL NOT NULL) STRICT;
CREATE TABLE scalars (metric INTEGER NOT NULL, step INTEGER NOT NULL, value REAL, special INTEGER,
    PRIMARY KEY (metric, step)) STRICT, WITHOUT ROWID;
CREATE INDEX specials ON scalars (metric, step) WHERE special IS NOT NULL;
CREATE TABLE buckets (metric INTEGER NOT NULL, level INTEGER NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL,
    finite INTEGER NOT NULL, total REAL NOT NULL, low REAL, high REAL, steps REAL NOT NULL, images REAL NOT NULL,
    elapsed REAL NOT NULL, PRIMARY KEY (metric, level, bucket)) STRICT, WITHOUT ROWID;
CREATE TABLE superseded_ticks (attempt INTEGER NOT NULL, step INTEGER NOT NULL, images_seen INTEGER NOT NULL,
    elapsed_s REAL NOT NULL, time REAL NOT NULL) STRICT;
CREATE TABLE superseded_scalars (attempt INTEGER NOT NULL, metric INTEGER NOT NULL, step INTEGER NOT NULL, value REAL,
    special INTEGER) STRICT;
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, attempt INTEGER NOT NULL, time REAL NOT NULL,
    step INTEGER NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL) STRICT;
CREATE TABLE alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, attempt INTEGER NOT NULL, time REAL NOT NULL,
    step INTEGER NOT NULL, severity TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    superseded INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE changes (id INTEGER PRIMARY KEY AUTOINCREMENT, attempt INTEGER NOT NULL, step INTEGER NOT NULL,
    elapsed_s REAL NOT NULL, command_id TEXT NOT NULL, command TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
    error TEXT NOT NULL, superseded INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE pictures (id INTEGER PRIMARY KEY AUTOINCREMENT, attempt INTEGER NOT NULL, kind TEXT NOT NULL,
    step INTEGER NOT NULL, columns INTEGER NOT NULL, rows INTEGER NOT NULL, tile_height INTEGER NOT NULL,
    tile_width INTEGER NOT NULL, UNIQUE (kind, step)) STRICT;
"""
LATER_COLUMNS = {"chart": "metrics", "label": "metrics"}  # added to schema 1 later: text, empty by default
TABLES = frozenset(line.split()[2] for line in SCHEMA.splitlines() if line.startswith("CREATE TABLE"))
TEXT_LIMITS = {  # characters, by column; applied when a text is written, and when it is read
    **dict.fromkeys(("outcome", "severity", "command"), 16),
    **dict.fromkeys(("unit", "panel", "label", "device"), 32),
    **dict.fromkeys(("quantity", "chart", "code"), 64),
    **dict.fromkeys(("name", "title", "path"), 100),
    "setup": 200,
    **dict.fromkeys(("reason", "message", "error"), 400),
}

# How non-finite values are stored in the column `special`.
_NAN_CODE, _PLUS_INFINITY_CODE, _MINUS_INFINITY_CODE = 1, 2, 3


def split_value(value: float) -> tuple[float | None, int | None]:
    """Return (value, special) as stored: SQLite turns NaN into NULL, so non-finite values have their own column."""
    if math.isfinite(value):
        return value, None
    return None, _NAN_CODE if math.isnan(value) else _PLUS_INFINITY_CODE if value > 0 else _MINUS_INFINITY_CODE


def join_value(value: float | None, special: int | None) -> float:
    """Invert `split_value`."""
    if value is not None:
        return value
    return {_PLUS_INFINITY_CODE: math.inf, _MINUS_INFINITY_CODE: -math.inf}.get(special or _NAN_CODE, math.nan)


def sanitize_row(columns: Iterable[str], values: Iterable[object]) -> tuple[Any, ...]:
    """Return the values of a row with its texts sanitized and limited in length."""
    pairs = zip(columns, values, strict=True)
    return tuple(one_line(value, TEXT_LIMITS[name]) if name in TEXT_LIMITS else value for name, value in pairs)


def open_for_writing(folder: Path) -> sqlite3.Connection:
    """Open a run's database as its one writer; it is created if it is missing. See `journal` for its modes.

    Raises:
        DamagedRunError: if the file is not a database of this schema.
        OSError: if the disk refuses.
    """
    path = folder / layout.DATABASE
    if not path.exists():
        _create(path)
    try:
        connection = journal.connect_writer(partial(_connect_writer, path), path)
    except sqlite3.DatabaseError as error:
        raise as_user_or_os_error(error, path) from error
    try:
        _check(connection)
        # Add the columns that earlier versions did not have.
        for column, table in LATER_COLUMNS.items():  # older readers do not query them
            if not has_column(connection, table, column):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise as_user_or_os_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(path, "rw"), uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def journal_mode(connection: sqlite3.Connection) -> str:
    """Return the journal mode of a connection: "wal", or one with a rollback journal."""
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Return whether a table has a column; older runs lack those that were added later."""
    return any(row[1] == column for row in connection.execute(f"PRAGMA table_info({table})").fetchall())


def _create(path: Path) -> None:
    """Create an empty database atomically: readers see none, or one with all tables."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    script = f"BEGIN; {SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, atomic_files.NEW_FILE_MODE))
    try:
        with contextlib.closing(sqlite3.connect(_uri(temporary, "rw"), uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # it is synced as a whole
            connection.executescript(script)
        atomic_files.sync_file(temporary)
        fault_injection.interceptable_call("rename", lambda: temporary.replace(path))
        atomic_files.sync_folder(path.parent)
    except sqlite3.DatabaseError as error:
        raise as_user_or_os_error(error, path) from error


def insert_rows(connection: sqlite3.Connection, head: str, rows: Iterable[Sequence[object]], tail: str = "") -> None:
    """Insert rows in order, up to 128 in one statement, inside the caller's transaction.

    `executemany` would release and take the GIL for every row, and so hold up a training in the next thread.

    Args:
        connection: The run's database.
        head: "INSERT INTO …".
        rows: Values of all columns.
        tail: What follows the values: "ON CONFLICT …".

    Raises:
        sqlite3.Error: if they cannot be written.
    """
    pending = rows if isinstance(rows, list) else list(rows)
    placeholders = ", ".join("?" * len(pending[0])) if pending else ""
    begin = 0
    for size in _BATCH_SIZES:
        statement = f"{head} VALUES {', '.join([f'({placeholders})'] * size)} {tail}"
        while len(pending) - begin >= size:
            connection.execute(statement, [*itertools.chain.from_iterable(pending[begin : begin + size])])
            begin += size


def leave_wal(connection: sqlite3.Connection, *, patience_s: float = 5.0) -> bool:
    """Delete the journal and leave WAL mode, so that the database is one file; False if a reader kept it busy."""
    connection.execute("PRAGMA busy_timeout=100")
    deadline = time.monotonic() + patience_s
    while True:
        with contextlib.suppress(sqlite3.OperationalError):
            if connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] == "delete":
                return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)


@contextlib.contextmanager
def open_for_reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open a run's database for one short query; it is closed at the end of the block.

    Only tables are read, and no query takes longer than 2 s. A killed run is read from a temporary copy where its
    journal cannot be used in place: on read-only media, or without shared memory.

    Raises:
        DamagedRunError: if it is missing or invalid.
    """
    path = folder / layout.DATABASE
    if path.is_symlink() or not path.is_file():
        raise DamagedRunError(f"{folder.name} has no {layout.DATABASE} yet", "its worker creates it at the start")
    with _as_damaged(f"{folder.name}/{layout.DATABASE} cannot be read"), _open_read_only(path) as connection:
        connection.execute("BEGIN")  # one snapshot of the run, also while it is written
        with query(folder, connection):
            yield connection


@contextlib.contextmanager
def query(folder: Path, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run another query on a connection of `open_for_reading`, with a time limit of its own.

    Raises:
        DamagedRunError: if the database is invalid.
    """
    _limit_time(connection, QUERY_TIMEOUT_S)
    with _as_damaged(f"{folder.name}/{layout.DATABASE} cannot be read"):
        yield connection


def _limit_time(connection: sqlite3.Connection, seconds: float) -> None:
    """Interrupt queries that still run after a time from now."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 50_000)


@contextlib.contextmanager
def _as_damaged(problem: str) -> Iterator[None]:
    """Convert errors of SQLite, and those of values that have unexpected types."""
    try:
        yield
    except (sqlite3.Error, ArithmeticError, TypeError, ValueError) as error:
        raise DamagedRunError(f"{problem}: {one_line(error, 120)}") from error


def copy_tables(received: Path, folder: Path, on_progress: Callable[[float], None] = lambda fraction: None) -> None:
    """Rebuild a run's database from the tables of an untrusted one, without its views or triggers.

    Args:
        received: The untrusted file, with its logs beside it.
        folder: The run folder, which has no database yet.
        on_progress: Called with the fraction that is copied; an exception of it cancels the copy.

    Raises:
        DamagedRunError: if it is invalid, or takes longer than a minute per gigabyte.
        OSError: if the disk refuses.
    """
    with open_copy(received, folder, f"{layout.DATABASE} cannot be imported") as (source, target):
        num_pages = max(_count_pages(source), 1)
        for table in sorted(TABLES):
            for _ in copy_rows(source, target, table):
                on_progress(min(_count_pages(target) / num_pages, 1.0))


@contextlib.contextmanager
def open_copy(
    original: Path, folder: Path, problem: str, *, is_own: bool = False
) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    """Create a run's database, and open another one to copy from; what was copied is committed at the end.

    Args:
        original: The other file, with its logs beside it. Its rows are those of one moment.
        folder: The run folder, which has no database yet.
        problem: Begins the error message.
        is_own: Whether the file is trusted: it is attached, and copied six times as fast.

    Yields:
        The connections to read from and to write to.

    Raises:
        DamagedRunError: if it is invalid, or takes longer than a minute per gigabyte.
        OSError: if the disk refuses.
    """
    _create(folder / layout.DATABASE)
    target = sqlite3.connect(_uri(folder / layout.DATABASE, "rw"), uri=True, isolation_level=None)
    with (
        _as_damaged(problem),
        contextlib.closing(target),
        _open_read_only(original) as source,
    ):
        _limit_time(source, COPY_TIMEOUT_S * (1 + original.stat().st_size / 1e9))
        if is_own:
            with contextlib.suppress(sqlite3.OperationalError):  # such as without shared memory for its journal
                target.execute(f"ATTACH ? AS {_ATTACHED}", (_uri(original, "ro"),))
        source.execute("BEGIN")
        target.execute("BEGIN")
        yield source, target
        target.execute("COMMIT")


def copy_rows(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    table: str,
    condition: str = "",
    values: Sequence[object] = (),
    *,
    constants: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[None]:
    """Copy rows of a table; yield after each batch of them.

    Args:
        source: The database to read from; columns that were added to the schema later may be missing.
        target: The database to write to.
        table: The table.
        condition: "WHERE …", with a placeholder for each of `values`.
        values: Values in the condition.
        constants: Values that columns get in place of their own.
    """
    all_columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    columns = [name for name in all_columns if name not in LATER_COLUMNS or has_column(source, table, name)]
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    selected = ", ".join(str(constants.get(name, name)) for name in columns)
    if any(row[1] == _ATTACHED for row in target.execute("PRAGMA database_list")):
        target.execute(
            f"INSERT INTO main.{table} ({names}) SELECT {selected} FROM {_ATTACHED}.{table} {condition}", values
        )
        yield
        return
    rows = source.execute(f"SELECT {selected} FROM {table} {condition}", values)
    while batch := rows.fetchmany(10_000):
        target.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", batch)
        yield


def execute_all(folder: Path, statements: Iterable[tuple[str, Sequence[object]]]) -> None:
    """Execute statements on the database of a run that has no worker, all or none.

    Raises:
        OSError: if the disk refuses.
        DamagedRunError: if the database is invalid.
    """
    path = folder / layout.DATABASE
    try:
        with contextlib.closing(sqlite3.connect(_uri(path, "rw"), uri=True)) as connection, connection:
            for statement, values in statements:
                connection.execute(statement, values)
    except sqlite3.DatabaseError as error:
        raise as_user_or_os_error(error, path) from error


def _count_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _open_read_only(path: Path) -> contextlib.closing[sqlite3.Connection]:
    try:
        return contextlib.closing(_connect(_uri(path, "ro")))
    except sqlite3.OperationalError as error:
        if (
            "unable to open" not in str(error)
            and "readonly" not in str(error)
            and not journal.lacks_shared_memory(error)
        ):
            raise
    # Copy the database with its journals, once per process; the copy is removed at its end.
    files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", _ROLLBACK_SUFFIX)]
    files = [file for file in files if file.is_file() and not file.is_symlink()]
    stamps = tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    copy = _READABLE_COPIES.get(path)
    if copy is None or copy[0] != stamps:
        copy = (stamps, tempfile.TemporaryDirectory(prefix="genexplorer-"))
        for file in files:
            target = Path(copy[1].name) / file.name
            shutil.copyfile(file, target)
            if file.name.endswith(_ROLLBACK_SUFFIX):
                _remove_super_journal(target)
        with contextlib.closing(sqlite3.connect(Path(copy[1].name) / path.name)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            journal.apply_journals(connection, "OFF")
        _READABLE_COPIES[path] = copy
    return contextlib.closing(_connect(_uri(Path(copy[1].name) / path.name, "rw")))


def _remove_super_journal(rollback_journal: Path) -> None:
    """Make SQLite ignore the file that a journal names at its end, and that a rollback would delete."""
    with rollback_journal.open("ab") as file:
        file.write(bytes(_SUPER_JOURNAL_MAGIC_BYTES))


def _connect(uri: str) -> sqlite3.Connection:
    """Open a database of which nothing is trusted, for reading."""
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=QUERY_TIMEOUT_S)
    try:
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4_000_000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raise unless the database has schema 1; views and virtual tables do not count as its tables."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise DamagedRunError(
            f"the database has schema {version}, newer than {SCHEMA_VERSION}, the newest that this version reads",
            "update genexplorer",
        )
    rows = connection.execute("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'").fetchmany(1000)
    missing = TABLES - {name for name, page in rows if page}
    if missing:
        raise DamagedRunError(f"the database lacks its table '{min(missing)}'")


def as_user_or_os_error(error: sqlite3.Error, path: Path = Path(layout.DATABASE)) -> Exception:
    """Convert an error of SQLite: OSError if the disk refused, else DamagedRunError."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, "No space left on device", str(path))
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY):
        return OSError(errno.EIO, str(error), str(path))
    return DamagedRunError(f"{layout.DATABASE} is damaged: {error}")


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={mode}"
