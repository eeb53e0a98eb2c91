import pytest

from genexplorer.runs.sanitize import one_line, plain, slug


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("tab\there\r\nnext", "tab here next"),
        ("nul\0bel\x07del\x7f", "nulbeldel"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("[bold]stays[/bold] ../../x", "[bold]stays[/bold] ../../x"),
        ("π ≠ 漢字 é 👍", "π ≠ 漢字 é 👍"),
        ("unfinished \x1b]0;never ended", "unfinished"),
        ("a\u2028b", "a b"),
    ],
)
def test_one_line_is_safe_and_keeps_what_is_harmless(hostile: str, harmless: str) -> None:
    assert one_line(hostile) == harmless


def test_no_control_character_survives_at_any_position() -> None:
    every = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
    for text in (every, every[::-1], "\x1b" * 50 + "x"):
        assert all(c == "\n" or (ord(c) >= 0x20 and not 0x7F <= ord(c) < 0xA0) for c in plain(text))


def test_limits_hold_and_are_shown() -> None:
    assert one_line("x" * 500, 10) == "xxxxxxxxx…"
    assert len(plain("é" * 10_000_000, 100)) == 100


@pytest.mark.parametrize("text", ["../../etc/passwd", "/", "..", "a/b\\c", "\0", "Ünï cödé!", "-rf *"])
def test_slug_is_a_safe_part_of_a_file_name(text: str) -> None:
    made = slug(text)
    assert not made.startswith(("-", ".")) and set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
