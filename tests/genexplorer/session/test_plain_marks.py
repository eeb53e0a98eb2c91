from rich.cells import cell_len

from genexplorer.session import formatting, plain_marks


def test_the_terminal_decides_unless_the_person_does() -> None:
    for terminal, plain in {"linux": True, "vt100": True, "dumb": True, "xterm-256color": False, "": False}.items():
        assert plain_marks.is_plain({"TERM": terminal}) is plain
        assert plain_marks.is_plain({"TERM": terminal, "GENEXPLORER_MARKS": "plain"})
        assert not plain_marks.is_plain({"TERM": terminal, "GENEXPLORER_MARKS": "unicode"})


def test_numbers_keep_their_sign_and_texts_their_width() -> None:
    assert plain_marks.translate(formatting.number(-148.2, "nats")) == "-148.2 nats"
    assert plain_marks.translate(formatting.number(-1.3e-5)) == "-1.3e-5"
    text = "✓ ELBO −96.2 … KL(q‖p) 28×28 x̂ σ₂ ●○ ⚠ ╭━╮ ⠉⠤⡇⣿ ▎▁"
    plain = plain_marks.translate(text)
    assert cell_len(plain) == cell_len(text)
    plain.replace("∞", "8").encode("cp437")  # the font of the Linux console
    assert plain.endswith("▀▄██ ▌_")


def test_a_stream_gets_what_it_can_encode() -> None:
    text = "−3.82 ± 0.01 nats, 28×28 → ∞ 生 ─"
    assert plain_marks.encodable(text, "utf-8") == text
    assert plain_marks.encodable(text, "latin-1") == "-3.82 ± 0.01 nats, 28×28 > inf ? -"
    assert plain_marks.encodable(text, "ascii") == "-3.82 +/- 0.01 nats, 28x28 > inf ? -"
    assert "−→".encode("ascii", plain_marks.register_error_handler()) == b"->"
    # Every mark that the console keeps has a replacement for streams.
    kept = plain_marks.translate("".join([*plain_marks._MARKS, *plain_marks._BRAILLE]))
    assert "?" not in plain_marks.encodable(kept, "ascii")
