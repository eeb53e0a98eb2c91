"""Tab 6: the objective written out, each term with its live number, and the way from an image through the model."""

import math
from typing import Any

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.links import link
from genexplorer.dashboard.panes.header import wrap
from genexplorer.dashboard.view import RunView
from genexplorer.session import formatting
from genexplorer.session.objective import Breakdown, below, breakdown, signed
from trainers.theory import Theory

_BAR = 24  # cells of the largest term


class TheoryPane(VerticalScroll):
    """The theory of the selected run's family, with the run's own numbers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out one text."""
        yield Static("", markup=False, id="theory-text")

    def show(self, run: RunView | None) -> None:
        """Show the theory with the figures at the time cursor."""
        theory = run.theory if run else None
        written = breakdown(theory, run.values) if theory and run else None
        at_step = run.at_step if run else None
        width = max(self.content_size.width - 1, 40)
        wanted = (theory, written, at_step, width)
        if wanted == self._shown:
            return
        self._shown = wanted
        self.query_one("#theory-text", Static).update(theory_text(theory, written, at_step, width, _family(run)))


def _family(run: RunView | None) -> str:
    return run.status.family if run else ""


def theory_text(
    theory: Theory | None, written: Breakdown | None, at_step: int | None, width: int, family: str
) -> Content:
    """Return the whole text, its paragraphs broken at a width so that their indents are kept."""
    if theory is None:
        words = f"The family '{family}' is not installed here, so its theory is not known." if family else "No run."
        return Content.assemble((words, "$muted"))
    return Content("\n").join(
        [
            Content.assemble((theory.equation, "bold")),
            Content(""),
            *_figures(theory, written, at_step, width),
            Content(""),
            _pipeline(theory),
            *_stages(theory, width),
            Content(""),
            *(_hanging([("· ", "$muted")], 2, note, width, "") for note in theory.notes),
            Content.assemble((theory.reference, "$muted")),
        ]
    )


def _figures(theory: Theory, written: Breakdown | None, at_step: int | None, width: int) -> list[Content]:
    if written is None:
        return [Content.assemble(("Its numbers come with the first evaluation.", "$muted"))]
    when = "now" if at_step is None else f"at step {at_step:,}"
    lines = [
        Content.assemble(
            (f"{formatting.number(written.total):>9}", "bold $accent"),
            " ",
            link(f"{written.name:<16}", f"screen.curve('{theory.total}')", "bold"),
            (f"{written.unit}, {written.source}, {when}", "$muted"),
        )
    ]
    largest = max((abs(value) for _, value in written.terms if math.isfinite(value)), default=0.0) or 1.0
    for term, value in written.terms:
        shown = f"({formatting.number(value)})" if below(value) else formatting.number(value)
        filled = round(abs(value) / largest * _BAR) if math.isfinite(value) else 0
        lines.append(
            Content.assemble(
                (f"{signed(term)} {shown:>7}", "bold"),
                " ",
                link(f"{term.name:<16}", f"screen.curve('{term.quantity}')", "$accent"),
                ("━" * max(filled, 1), "$accent"),
                f" {term.symbol}",
            )
        )
        lines.append(_hanging([(" " * 10, "")], 10, term.explanation, width, "$muted"))
    return lines + _also(written, width)


def _also(written: Breakdown, width: int) -> list[Content]:
    """Return the figures beside the objective."""
    lines = [Content("")] if written.also else []
    for term, value in written.also:
        name = link(f"{term.name:<16}", f"screen.curve('{term.quantity}')", "$accent")
        lines.append(Content.assemble((f"{formatting.number(value):>9}", "bold"), " ", name, f" {term.symbol}"))
        lines.append(_hanging([(" " * 10, "")], 10, term.explanation, width, "$muted"))
    return lines


def _pipeline(theory: Theory) -> Content:
    arrow = (" ─▶ ", "$muted")
    parts: list[str | tuple[str, str]] = []
    for stage in theory.stages:
        parts += [arrow, (stage.symbol, "bold")] if parts else [(stage.symbol, "bold")]
    return Content.assemble(*parts)


def _stages(theory: Theory, width: int) -> list[Content]:
    names = max((len(stage.name) for stage in theory.stages), default=0)
    return [
        _hanging(
            [("  " + set_cell_size(stage.symbol, 4), "bold"), (f"{stage.name:<{names}}  ", "$accent")],
            names + 8,
            stage.explanation,
            width,
            "$muted",
        )
        for stage in theory.stages
    ]


def _hanging(head: list[tuple[str, str]], indent: int, text: str, width: int, style: str) -> Content:
    """Return a paragraph whose further lines are indented as far as its first."""
    lines = wrap(text, max(width - indent, 20))
    body = ("\n" + " " * indent).join(lines)
    return Content.assemble(*head, (body, style))
