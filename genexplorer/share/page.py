"""Writes the page: one HTML file without any request, with everything inside."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genexplorer import __version__
from genexplorer.errors import ConfigError
from genexplorer.explore.client import ExplorerClient
from genexplorer.session.palette import DARK, LIGHT, Palette
from genexplorer.share.collect import collect
from genexplorer.share.graph import asset
from trainers.storage import atomic_files

MAX_RUNS = 4
MAX_PAGE_BYTES = 10_000_000


def write_page(
    folders: Sequence[Path],
    out: Path,
    *,
    step: int | None = None,
    on_progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> int:
    """Write one page of up to four runs side by side.

    Args:
        folders: The run folders.
        out: The HTML file; an existing one is replaced.
        step: As of `collect`.
        on_progress: Called with the fraction that is done and a message.

    Returns:
        The size of the page in bytes.

    Raises:
        ConfigError: if there are too many runs.
        UserError: if a run cannot be read.
        OSError: if the disk refuses.
    """
    if not 1 <= len(folders) <= MAX_RUNS:
        raise ConfigError(f"{len(folders)} runs do not fit side by side", f"name one to {MAX_RUNS}")
    client = ExplorerClient(lambda response: None, lambda line: None)
    runs: list[dict[str, Any]] = []
    try:
        for index, folder in enumerate(folders):

            def report(fraction: float, text: str, index: int = index) -> None:
                on_progress((index + fraction) / len(folders), text)

            runs.append(collect(folder, client, step, report))
    finally:
        client.close()
    page = build_page(runs).encode()
    atomic_files.write_bytes(out, page)
    return len(page)


def build_page(runs: Sequence[dict[str, Any]]) -> str:
    """Return the page as text; all text of the runs is data, which the page's script writes as text."""
    title = " · ".join(str(run["name"]) for run in runs)
    parts = {
        "TITLE": _escape_html(f"{title} · genexplorer"),
        "COLORS": "\n".join(
            f"{selector} {{ {_css_variables(palette)} }}"
            for selector, palette in ((":root", LIGHT), (':root[data-theme="dark"]', DARK))
        ),
        "STYLE": asset("page.css"),
        "DATA": _script_json({"runs": runs, "version": __version__}),
        "EXECUTOR": asset("executor.js"),
        "DRAWING": asset("drawing.js"),
        "SCRIPT": asset("page.js"),
    }
    # Split first, so that a placeholder inside a text of a run is text.
    pieces = asset("page.html").split("%%")
    return "".join(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def _script_json(value: object) -> str:
    """Return JSON that can stand in a script element: no text in it ends the element or a line."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _escape_html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _css_variables(palette: Palette) -> str:
    names = ("background", "surface", "text", "muted", "faint", "accent", "warning")
    colors = [f"--{name}: {getattr(palette, name)};" for name in names]
    colors += [f"--class-{index}: {color};" for index, color in enumerate(palette.class_colors)]
    return " ".join(colors)
