"""The user's notes on a run: name, tags and a note, in notes.json, replaced atomically."""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from genexplorer.errors import ConfigError, DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.sanitize import one_line, plain, unix_time
from genexplorer.runs.untrusted_files import read_json, read_json_or_empty
from trainers.storage import atomic_files

LATEST = "latest"  # selects the newest run
MAX_NAME_LENGTH = 64
MAX_TAG_LENGTH, MAX_TAGS = 32, 32
MAX_NOTES_BYTES = 256 * 1024
_SCHEMA_VERSION = 1
_ADJECTIVES = """
    amber azure bold brave bright brisk calm clear clever cosy crisp daring deep eager early fair fleet fond frank
    fresh gentle glad golden grand green happy honest humble jolly keen kind lively lucky lunar mellow merry mild
    neat nimble noble patient plain polite proud quick quiet rapid ready royal sage serene sharp shy silent silver
    sleek smart snug solar steady still sunny swift tidy vivid warm wild wise witty young zesty
"""
_NOUNS = """
    alder ant ash badger bat bear beaver bee birch bison briar cedar clover cod crane crow deer dove eagle elk elm
    fawn fern finch fir fox frog gecko goose hare hawk hazel heron ibex ivy jay kite koala lark lily lion llama lynx
    maple marten mole moss moth newt oak orca otter owl panda pike pine plum puma quail raven reed robin rook rose
    rowan seal shrew sloth snail stoat stork swan tern thyme tiger toad trout vole walrus wasp whale willow wolf wren
"""


@dataclass(frozen=True)
class Notes:
    """The user's notes on a run, sanitized."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    created: float = 0.0  # Unix time


def random_name(existing: Collection[str] = ()) -> str:
    """Return a name such as "brave-fox" that does not exist yet."""
    for _ in range(200):
        name = f"{secrets.choice(_ADJECTIVES.split())}-{secrets.choice(_NOUNS.split())}"
        if name not in existing:
            return name
    return f"{name}-{secrets.randbelow(10_000)}"


def clean_name(name: str) -> str:
    """Return a sanitized name.

    Raises:
        ConfigError: if it is empty, too long to be shown in full, or selects another run.
    """
    cleaned = one_line(name, 8 * MAX_NAME_LENGTH)
    if not cleaned:
        raise ConfigError("a run's name cannot be empty", "choose one, such as 'brave-fox'")
    if len(cleaned) > MAX_NAME_LENGTH:
        beginning = one_line(cleaned, 24)
        raise ConfigError(f"the name '{beginning}' has more than {MAX_NAME_LENGTH} characters", "choose a shorter one")
    if cleaned == LATEST:
        raise ConfigError(f"a run cannot be named '{LATEST}': that selects the newest run", "choose another name")
    return cleaned


def require_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags that a person gave, sanitized.

    Raises:
        ConfigError: if one would be dropped or cut: it is empty or too long, or there are too many.
    """
    tags = tuple(tags)
    for tag in tags:
        cleaned = one_line(tag, 8 * MAX_TAG_LENGTH)
        if not cleaned:
            raise ConfigError("a tag cannot be empty", "leave it out, or choose one, such as 'baseline'")
        if len(cleaned) > MAX_TAG_LENGTH:
            beginning = one_line(cleaned, 24)
            raise ConfigError(f"the tag '{beginning}' has more than {MAX_TAG_LENGTH} characters", "shorten it")
    if len(set(tags)) > MAX_TAGS:
        raise ConfigError(f"{len(set(tags))} tags: a run has at most {MAX_TAGS}", "leave some out, or use a note")
    return clean_tags(tags)


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return sanitized tags without duplicates, in order."""
    return tuple(dict.fromkeys(tag for tag in (one_line(t, MAX_TAG_LENGTH) for t in tags) if tag))[:MAX_TAGS]


def change(folder: Path, **values: Any) -> None:
    """Replace some of a run's notes and keep the others; safe against concurrent changes.

    Args:
        folder: The run folder.
        values: Fields of `Notes` by name.

    Raises:
        DamagedRunError: if the present notes cannot be read; they stay as they are.
        OSError: if the disk refuses.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: the last writer wins
            fcntl.flock(fd, fcntl.LOCK_EX)  # for the milliseconds of a read and a write
        _require_readable(folder)  # what could not be read would be replaced by nothing
        before = read(folder)
        write(folder, replace(replace(before, name=before.name or one_line(folder.name, MAX_NAME_LENGTH)), **values))
    finally:
        os.close(fd)


def write(folder: Path, notes: Notes) -> None:
    """Replace a run's notes, sanitized."""
    cleaned = replace(notes, tags=clean_tags(notes.tags), note=plain(notes.note, 20_000))
    atomic_files.write_json(folder / layout.NOTES, {"schema_version": _SCHEMA_VERSION, **asdict(cleaned)})


def read(folder: Path) -> Notes:
    """Return a run's notes; missing or invalid values are empty."""
    values = read_json_or_empty(folder / layout.NOTES, MAX_NOTES_BYTES)
    tags = values.get("tags")
    return Notes(
        name=one_line(values.get("name", ""), MAX_NAME_LENGTH),
        tags=clean_tags(str(tag) for tag in tags) if isinstance(tags, list) else (),
        note=plain(str(values.get("note", "")), 20_000),
        created=unix_time(values.get("created", 0.0)),
    )


def _require_readable(folder: Path) -> None:
    """Raise unless the notes are missing or can be read completely.

    Raises:
        DamagedRunError: with the reason.
    """
    path = folder / layout.NOTES
    reason = ""
    try:
        values = read_json(path, MAX_NOTES_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = f"it is no JSON object: {error}"
    else:
        types: dict[str, type | tuple[type, ...]] = {"name": str, "tags": list, "note": str, "created": (int, float)}
        invalid = [key for key, kind in types.items() if key in values and not isinstance(values[key], kind)]
        version = values.get("schema_version", _SCHEMA_VERSION)
        if not isinstance(version, int) or version > _SCHEMA_VERSION:
            reason = f"it has schema {one_line(version, 20)}, newer than {_SCHEMA_VERSION}"
        elif invalid:
            reason = f"'{invalid[0]}' is {one_line(json.dumps(values[invalid[0]]), 60)}"
    if reason:
        raise DamagedRunError(
            f"{one_line(path, 200)} cannot be read, so it is left as it is: {one_line(reason, 160)}",
            "correct the file, or move it away to start with empty notes",
        )


def new(name: str, tags: Iterable[str], existing_names: Collection[str]) -> Notes:
    """Return the notes of a new run; an empty name is replaced by a random one."""
    return Notes(clean_name(name) if name else random_name(existing_names), require_tags(tags), "", time.time())
