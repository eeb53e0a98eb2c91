"""Many rows in one statement: SQLite is entered once for 128 of them, and lets go of Python's lock once.

`executemany` takes and gives that lock for every row, and so makes a training in the next thread wait as often.
"""

import itertools
import sqlite3
from collections.abc import Iterable, Sequence

_AT_ONCE = (128, 16, 1)


def insert(connection: sqlite3.Connection, head: str, rows: Iterable[Sequence[object]], tail: str = "") -> None:
    """Insert rows in order, inside the caller's transaction.

    Args:
        connection: Where to.
        head: "INSERT INTO …".
        rows: Values of all columns.
        tail: What follows the values: "ON CONFLICT …".

    Raises:
        sqlite3.Error: if they could not be written.
    """
    waiting = rows if isinstance(rows, list) else list(rows)
    place = ", ".join("?" * len(waiting[0])) if waiting else ""
    begin = 0
    for size in _AT_ONCE:
        statement = f"{head} VALUES {', '.join([f'({place})'] * size)} {tail}"
        while len(waiting) - begin >= size:
            connection.execute(statement, [*itertools.chain.from_iterable(waiting[begin : begin + size])])
            begin += size
