"""Texts that do something when they are clicked."""

from textual.content import Content, Span
from textual.style import Style


def link(text: str, action: str, look: str = "") -> Content:
    """Return a text that runs an action ("screen.follow") on a click, in a style such as "bold $accent"."""
    spans = [Span(0, len(text), look)] if look else []
    return Content(text, [*spans, Span(0, len(text), Style.from_meta({"@click": action}))])
