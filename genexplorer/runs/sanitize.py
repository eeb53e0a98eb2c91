"""Sanitizer for values from data, names, files and logs; applied once, where they are read."""

import math
import re

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colors, cursor movements
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC and its kin: titles, links, clipboards
    r"|\x1b[ -/]*[0-~]?"  # all other escapes
    r"|\x9b[0-?]*[ -/]*[@-~]?",  # CSI as one 8-bit character
    re.DOTALL,
)
_INVISIBLE_CHARACTERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidi marks, zero widths
    "\U000e0000-\U000e007f]"  # tags
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_WHITE_SPACE = re.compile(r"\s+")
_MAX_UNIX_TIME_S = 253_402_214_400.0  # the last day of the year 9999, in any time zone


def plain(text: str, limit: int = 100_000) -> str:
    """Return text without escape sequences, control characters and bidi marks; newlines stay.

    Args:
        text: Any text.
        limit: The maximum number of characters; longer text ends with an ellipsis.
    """
    if text.isascii() and text.isprintable():  # the common case, and lists of 10,000 runs must be fast
        return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"
    text = text[: 8 * limit + 64]  # bounds the work on hostile text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _ESCAPE_SEQUENCES.sub("", text).replace("\t", " ")
    text = _SURROGATES.sub("\ufffd", _INVISIBLE_CHARACTERS.sub("", text))
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def one_line(text: object, limit: int = 200) -> str:
    """Return text as one line that is safe to display: `plain`, with white space collapsed."""
    safe = plain(str(text), 8 * limit)
    has_runs = not safe.isascii() or "  " in safe or "\n" in safe
    return plain((_WHITE_SPACE.sub(" ", safe) if has_runs else safe).strip(), limit)


def slug(text: str, limit: int = 32) -> str:
    """Return text as part of a file name: lower case ASCII letters, digits and single dashes; may be empty."""
    ascii_only = re.sub(r"[^a-z0-9]+", "-", text.lower().encode("ascii", "ignore").decode())
    return ascii_only.strip("-")[:limit].strip("-")


def unix_time(value: object) -> float:
    """Return a Unix time; 0 if it is not a finite number, or before 1970 or after the year 9999."""
    try:
        time = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return time if math.isfinite(time) and 0 <= time <= _MAX_UNIX_TIME_S else 0.0
