"""Tab 6: the objective with the current value of each term, and the stages of the model."""

import math

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.key_bindings import link
from genexplorer.dashboard.text_fitting import wrap
from genexplorer.session import formatting
from genexplorer.session.objective import ObjectiveValues, is_negative, objective_values, sign_of
from trainers.theory import Theory

_MAX_BAR_CELLS = 24  # bar of the largest term


class TheoryPane(VerticalScroll):
    """The theory of the run's family, with the run's own metrics."""

    _run: RunDetails | None = None
    _shown_inputs: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Create the text."""
        yield Static("", markup=False, id="theory-text")

    def on_resize(self) -> None:
        """Wrap the text to the new width."""
        self.show(self._run)

    def show(self, run: RunDetails | None) -> None:
        """Show the theory with the metrics at the selected step."""
        self._run = run
        if not self.size.width:
            return  # before the first layout
        theory = run.theory if run else None
        objective = objective_values(theory, run.values) if theory and run else None
        selected_step = run.selected_step if run else None
        width = max(self.content_size.width - 1, 40)
        family = run.status.family if run else ""
        inputs = (theory, objective, selected_step, width, family)
        if inputs != self._shown_inputs:
            self._shown_inputs = inputs
            self.query_one("#theory-text", Static).update(theory_text(theory, objective, selected_step, width, family))


def theory_text(
    theory: Theory | None, objective: ObjectiveValues | None, selected_step: int | None, width: int, family: str
) -> Content:
    """Return the whole text, wrapped to a width with hanging indents."""
    if theory is None:
        text = f"The family '{family}' is not installed here, so its theory is unknown." if family else "No run."
        return Content.assemble((text, "$muted"))
    return Content("\n").join(
        [
            Content.assemble((theory.equation, "bold")),
            Content(""),
            *_term_lines(theory, objective, selected_step, width),
            Content(""),
            *_stage_lines(theory, width),
            Content(""),
            *(_hanging_paragraph([("· ", "$muted")], 2, note, width, "") for note in theory.notes),
            Content.assemble((theory.reference, "$muted")),
        ]
    )


def _term_lines(
    theory: Theory, objective: ObjectiveValues | None, selected_step: int | None, width: int
) -> list[Content]:
    """Return the objective, its terms and related metrics, with their values and explanations."""
    if objective is None:
        return [Content.assemble(("The values come with the first evaluation.", "$muted"))]
    # The objective.
    time_text = "now" if selected_step is None else f"at step {selected_step:,}"
    lines = [
        Content.assemble(
            (f"{formatting.number(objective.total):>9}", "bold $accent"),
            " ",
            link(f"{objective.name:<16}", f"screen.show_quantity('{theory.objective_quantity}')", "bold"),
            (f"{objective.unit}, {objective.split_and_weights}, {time_text}", "$muted"),
        )
    ]
    # Its terms, each with a bar.
    largest = max((abs(value) for _, value in objective.terms if math.isfinite(value)), default=0.0) or 1.0
    for term, value in objective.terms:
        number = f"({formatting.number(value)})" if is_negative(value) else formatting.number(value)
        filled = round(abs(value) / largest * _MAX_BAR_CELLS) if math.isfinite(value) else 0
        lines.append(
            Content.assemble(
                (f"{sign_of(term)} {number:>7}", "bold"),
                " ",
                link(f"{term.name:<16}", f"screen.show_quantity('{term.quantity}')", "$accent"),
                ("━" * max(filled, 1), "$accent"),
                f" {term.symbol}",
            )
        )
        lines.append(_hanging_paragraph([(" " * 10, "")], 10, term.explanation, width, "$muted"))
    # Metrics beside the objective.
    lines += [Content("")] if objective.further_values else []
    for term, value in objective.further_values:
        name = link(f"{term.name:<16}", f"screen.show_quantity('{term.quantity}')", "$accent")
        lines.append(Content.assemble((f"{formatting.number(value):>9}", "bold"), " ", name, f" {term.symbol}"))
        lines.append(_hanging_paragraph([(" " * 10, "")], 10, term.explanation, width, "$muted"))
    return lines


def _stage_lines(theory: Theory, width: int) -> list[Content]:
    """Return the stages in one line, x ─▶ z ─▶ x̂, and a paragraph about each."""
    symbols = [Content.assemble((stage.symbol, "bold")) for stage in theory.stages]
    lines = [Content.assemble((" ─▶ ", "$muted")).join(symbols)]
    name_width = max((len(stage.name) for stage in theory.stages), default=0)
    for stage in theory.stages:
        head = [("  " + set_cell_size(stage.symbol, 4), "bold"), (f"{stage.name:<{name_width}}  ", "$accent")]
        lines.append(_hanging_paragraph(head, name_width + 8, stage.explanation, width, "$muted"))
    return lines


def _hanging_paragraph(head: list[tuple[str, str]], indent: int, text: str, width: int, style: str) -> Content:
    """Return a paragraph with a hanging indent: (text, style) pairs as its head, then the wrapped text."""
    lines = wrap(text, max(width - indent, 20))
    body = ("\n" + " " * indent).join(lines)
    return Content.assemble(*head, (body, style))
