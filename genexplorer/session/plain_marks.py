"""Plain characters for terminals whose fonts lack others, such as the Linux console, and for streams of few characters.

A table replaces each character by one of the same width, so texts, tables and charts keep their layout.
"""

import codecs
import os
import re
from collections.abc import Mapping

_ERROR_HANDLER = "genexplorer-plain"
VARIABLE = "GENEXPLORER_MARKS"  # "plain" or "unicode"; by default the terminal decides
_PLAIN_TERMINALS = re.compile(r"linux|dumb|vt\d|ansi|cons25|sun|cygwin$")  # the beginning of TERM
_FIRST_BRAILLE, _NUM_BRAILLE = 0x2800, 256
_UPPER_DOTS, _LOWER_DOTS = 0b0001_1011, 0b1110_0100  # of a braille cell, in halves

# The font of the Linux console (code page 437) has box drawing, half blocks, ±, ², ·, ∞, ≤, ≥ and √: these stay.
_MARKS: Mapping[str, str] = {
    **dict(zip("−–—‐‑…‖′“”‘’×ø³¹", "-----~|'\"\"''xo31", strict=True)),
    **dict(zip("⁰⁴⁵⁶⁷⁸⁹⁻⁺₀₁₂₃₄₅₆₇₈₉ₑₒᵀᵃᵢⁱ", "0456789-+0123456789eoTaii", strict=True)),
    **dict(zip("αβγδελμξπρστφωθΓΦΣΘ∂∇ℝ≠⌈⌉", "abgdelmxprstfwqGFSQdDR![]", strict=True)),
    **dict(zip("⤷↑↓→←⇧▲▼▶◀▸◂▾▴●○◌◉•✓✗⚠❚", "└^v><^^v><><v^*o.**+x!|", strict=True)),
    **dict(zip("╭╮╰╯━┃┊╋┄┈╌╎╏▁▔", "┌┐└┘─│:┼---::_▀", strict=True)),
    **dict(zip("▂▃▅▆▇▉▊▋▍▎▏▕▖▗▘▝▙▛▜▟▚▞", "▄▄█████▌▌▌▌▐▄▄▀▀██████", strict=True)),
}
# A line of dots becomes a line of half blocks.
_BRAILLE = {
    chr(_FIRST_BRAILLE + dots): " ▄▀█"[2 * bool(dots & _UPPER_DOTS) + bool(dots & _LOWER_DOTS)]
    for dots in range(_NUM_BRAILLE)
}
_COMBINING = dict.fromkeys("\u0302\u0303\u0304", "")  # the hat of x̂ has no width
_TABLE = str.maketrans({**_MARKS, **_BRAILLE, **_COMBINING})
# For streams that cannot encode these either; here the width may change.
_ASCII: Mapping[str, str] = {
    **dict(zip("²·─│┌┐└┘├┤┬┴┼▀▄█▌▐■░▒▓", "2.-|+++++++++######.:#", strict=True)),
    **{"±": "+/-", "½": "1/2", "∞": "inf", "≤": "<=", "≥": ">=", "√": "sqrt", "∫": "integral "},  # noqa: PIE800
}


def is_plain(environment: Mapping[str, str] | None = None) -> bool:
    """Return whether a terminal shows plain characters only: as the variable says, else by its type."""
    variables = os.environ if environment is None else environment
    choice = variables.get(VARIABLE, "").strip().lower()
    if choice in ("plain", "unicode"):
        return choice == "plain"
    return bool(_PLAIN_TERMINALS.match(variables.get("TERM", "")))


def translate(text: str) -> str:
    """Return a text in plain characters, of the same width."""
    return text if text.isascii() else text.translate(_TABLE)


def encodable(text: str, encoding: str) -> str:
    """Return a text in the characters of an encoding; others become plain ones, '?' where none resembles them."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_encodable_character(character, encoding) for character in text)
    except LookupError:
        pass
    return text


def _encodable_character(character: str, encoding: str) -> str:
    plain = translate(character)
    for candidate in (character, plain, _ASCII.get(plain, _ASCII.get(character, "?"))):
        try:
            candidate.encode(encoding)
        except UnicodeEncodeError:
            continue
        return candidate
    return "?"


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handle an error of encoding like "replace", with a plain character for each that has one."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_encodable_character(c, "ascii") for c in error.object[error.start : error.end]), error.end


def register_error_handler() -> str:
    """Return the name of an error handler of encoding that replaces characters by plain ones."""
    codecs.register_error(_ERROR_HANDLER, _replace)
    return _ERROR_HANDLER
