"""The journal mode of a run's database: WAL, or a rollback journal where WAL cannot work.

In WAL mode writer and readers never wait for each other, but they need memory that they share through a file, on one
machine: network file systems have none, or do not share it between machines. A rollback journal works wherever files
can be locked; there a reader waits for the end of a commit, and a commit for the end of the reads.
"""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from trainers.storage import atomic_files

_FIRST_READ = "SELECT count(*) FROM sqlite_schema"
_MOUNTS = Path("/proc/self/mounts")  # Linux only
# Types whose files processes of other machines, or of the host of a virtual machine, may have open as well.
_SHARED_TYPES = frozenset(
    (
        *("9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"),
        *("nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs"),
        *("vmhgfs", "wekafs"),
    )
)
_LOCAL_FUSE_TYPE = "fuse.fuse-overlayfs"  # the root of a container without privileges
_ESCAPE = re.compile(r"\\([0-7]{3})")  # spaces in the paths of mounts
_SHARED_MEMORY_ERRORS = frozenset(
    (
        *(sqlite3.SQLITE_IOERR_SHMOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMLOCK),
        *(sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_CANTOPEN),
    )
)


def lacks_shared_memory(error: sqlite3.Error) -> bool:
    """Whether an error says that a database in WAL mode cannot be opened for lack of shared memory."""
    return getattr(error, "sqlite_errorcode", 0) in _SHARED_MEMORY_ERRORS


def connect_writer(connect: Callable[[], sqlite3.Connection], path: Path) -> sqlite3.Connection:
    """Return a connection of the one writer, in WAL mode where that works, else with a rollback journal.

    Args:
        connect: Opens the database.
        path: Where it is.

    Raises:
        sqlite3.Error: if neither works.
        OSError: if the disk fails.
    """
    # NORMAL survives a kill; a power failure may lose the last seconds.
    synchronous = "NORMAL" if atomic_files.sync_file(path) else "OFF"
    if not shared_file_system(path):
        connection = connect()
        try:
            connection.execute(f"PRAGMA synchronous={synchronous}")
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                connection.execute(_FIRST_READ).fetchone()  # opens the shared memory
                return connection
        except sqlite3.OperationalError as error:
            if not lacks_shared_memory(error):
                connection.close()
                raise
        connection.close()
    return _with_rollback_journal(connect(), path, synchronous)


def _with_rollback_journal(connection: sqlite3.Connection, path: Path, synchronous: str) -> sqlite3.Connection:
    try:
        apply_journals(connection, synchronous)
        # The journal is truncated, not deleted: fewer changes of the folder, which are slow on network file systems.
        connection.execute("PRAGMA journal_mode=TRUNCATE").fetchone()
        connection.execute("PRAGMA locking_mode=NORMAL")
        connection.execute(_FIRST_READ).fetchone()  # gives the exclusive lock back
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    except BaseException:
        connection.close()
        raise
    return connection


def apply_journals(connection: sqlite3.Connection, synchronous: str) -> None:
    """Apply the journals that a killed worker left to a database, and lock it exclusively.

    Call it first on a new connection: a write-ahead log is then read without shared memory.

    Args:
        connection: May write.
        synchronous: "NORMAL", or "OFF" where the file system cannot sync.
    """
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def shared_file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the type of a file system that several machines may share; "" for a local one, or if it is not known."""
    folder, longest, file_system = str(path.resolve().parent), -1, ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text(errors="surrogateescape").splitlines():
            mount_point, kind = line.split(" ")[1:3]
            mount_point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), mount_point)
            is_inside = folder == mount_point or folder.startswith(mount_point.rstrip("/") + "/")
            if is_inside and len(mount_point) >= longest:  # a later mount hides an earlier one
                longest, file_system = len(mount_point), kind
    return (
        file_system
        if file_system in _SHARED_TYPES or (file_system.startswith("fuse.") and file_system != _LOCAL_FUSE_TYPE)
        else ""
    )
