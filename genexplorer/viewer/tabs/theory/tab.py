"""The Theory tab: the objective with its current values, and one image through the model with its tensors."""

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage, QKeyEvent
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from genexplorer.session import formatting
from genexplorer.session.objective import ObjectiveValues, objective_values
from genexplorer.session.run_poller import is_point_data
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup
from genexplorer.viewer.style import GAP, math_font, scaled, set_font, text_font
from genexplorer.viewer.tabs.tab import KeyHelp, SaveTarget, Tab
from genexplorer.viewer.tabs.theory.pipeline import POINT_DATA_SHAPE, PipelineView
from genexplorer.viewer.tabs.theory.term_card import TermCard, TermFractionBar
from genexplorer.viewer.widgets.controls import Toolbar, discard, fill_box, scroll_area, tool_button
from genexplorer.viewer.widgets.images import save_image
from genexplorer.viewer.widgets.labels import formula, heading, muted, rule, text, wrapped
from trainers.errors import UserError
from trainers.theory import Term, Theory

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller
    from trainers.config import RunConfig

_MAX_PAGE_WIDTH_PX = 124 * GAP
_TRACKED_COLUMNS = 3


class TheoryTab(Tab):
    """One scrolling page: equation, values, terms, pipeline, notes."""

    title = "Theory"
    key_help: ClassVar[KeyHelp] = {
        "Theory": (
            ("R", "resample"),
            ("←  →", "previous, next data"),
        ),
    }

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._theory: Theory | None = None
        self._config: RunConfig | None = None  # of `_theory`
        self._waiting_reason = ""
        self._pipeline_stale = True
        self._seed = 0
        self._requests = RequestGroup(
            context.model_client, "theory", lambda *texts: self.pipeline.show_note(_sentences(texts))
        )
        # The widgets.
        self.cards: dict[str, TermCard] = {}
        self._term_cards: set[TermCard] = set()  # the cards of the objective's terms; the others are of tracked metrics
        self.equation, self.total, self.source = text(), text(), muted()
        set_font(self.equation, math_font(15))
        set_font(self.total, text_font(20))
        for label in (self.equation, self.total):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.RichText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fraction = TermFractionBar(context.palette)
        self.pipeline = PipelineView(context)
        self.index, self.metrics = QSpinBox(), wrapped()
        self.resample = tool_button("Resample", "Draw another ε, z or noise (R)")
        self.also_heading, self.pipeline_heading, self.index_label = heading("Also tracked"), heading(""), muted("")
        self.notes, self.reference = wrapped(), wrapped()
        self._build()
        self.index.valueChanged.connect(self._request_new_tensors)
        self.resample.clicked.connect(self.draw_noise)
        context.palette_changed.connect(self._recolor)

    # The window ---------------------------------------------------------------------------------------------------

    def waiting_reason(self) -> str | None:
        """Return why there is no theory for this run, or None."""
        return self._waiting_reason or None

    def set_run(self, run: "RunPoller | None") -> None:
        """Show the theory of another run's family."""
        self._read_theory(run)
        self.pipeline.clear()
        for label in (self.total, self.source, self.metrics):
            label.setText("")
        self.fraction.show_terms([])
        self._pipeline_stale = True
        self._show_theory()
        self._show_metrics()

    def _config_of(self, run: "RunPoller | None") -> "RunConfig | None":
        """Return the settings at the selected step, or as they are now while the newest one is followed."""
        step = None if self.context.step_selection.following else self.context.step
        return None if run is None else run.config_at(step)

    def _read_theory(self, run: "RunPoller | None") -> None:
        self._theory, self._waiting_reason = None, ""
        self._config = self._config_of(run)
        if self._config is not None:
            try:
                self._theory = self._config.theory()
            except UserError as error:
                self._waiting_reason = f"This family is not installed here: {error.message}"
        elif run is not None:
            self._waiting_reason = "The run's configuration cannot be read"

    def _follow_settings(self) -> None:
        """Show the theory again if settings were changed, or are others at the selected step."""
        run, before = self.context.run, self._theory
        if run is None or self._config_of(run) is self._config:
            return
        self._read_theory(run)
        if self._theory != before:
            self._show_theory()
            self._pipeline_stale = True
            self._show_metrics()
            self._request_tensors()

    def on_changes(self, changed: frozenset[str]) -> None:
        """Show new metrics and changed settings."""
        if "settings" in changed:
            self._follow_settings()
        if "metrics" in changed:
            self._show_metrics()

    def on_time(self, step: int | None) -> None:
        """Show the metrics and tensors of that step."""
        self._pipeline_stale = True
        self._follow_settings()
        self._show_metrics()
        self._request_tensors()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self._show_metrics()
        self._request_tensors()

    def deactivated(self) -> None:
        """Cancel requests."""
        self._requests.cancel_all()

    def on_key(self, event: QKeyEvent) -> bool:
        """Handle R for other noise, and left and right for another image."""
        match event.key():
            case Qt.Key.Key_R:
                self.draw_noise()
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                self.index.stepBy(1 if event.key() == Qt.Key.Key_Right else -1)
            case _:
                return False
        return True

    def save_targets(self) -> list[SaveTarget]:
        """Return the whole page."""
        if self._theory is None:
            return []
        return [SaveTarget("Theory page", (".png",), lambda path: save_image(self._page_image(), path))]

    def copy_image(self) -> QImage | None:
        """Return the whole page."""
        return None if self._theory is None else self._page_image()

    def state(self) -> dict[str, Any]:
        """Return the index of the image."""
        return {"index": self.index.value()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the index of the image."""
        index = state.get("index")
        if isinstance(index, int):
            self.index.setValue(index)

    # Layout ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.index.setRange(0, 9_999_999)
        self.index.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.index.setKeyboardTracking(False)
        self._terms = fill_box(QHBoxLayout(), spacing=2 * GAP)
        self._also = QGridLayout()
        self._also.setSpacing(scaled(2 * GAP))
        chooser = Toolbar(self.index_label, self.index, self.resample)
        head = fill_box(QHBoxLayout(), self.pipeline_heading, None, chooser)
        # The page, centered in a scroll area.
        self._page = QWidget()
        self._page.setMaximumWidth(scaled(_MAX_PAGE_WIDTH_PX))
        column = fill_box(
            QVBoxLayout(self._page), self.equation, self.total, self.fraction, self.source, GAP, self._terms
        )
        fill_box(column, GAP, self.also_heading, self._also, 2 * GAP, head, self.metrics, self.pipeline, GAP)
        margins = (4 * GAP, 2 * GAP, 4 * GAP, GAP)
        fill_box(column, rule(), self.notes, self.reference, None, margins=margins)
        host = QWidget()
        fill_box(QHBoxLayout(host), None, (self._page, 100), None, spacing=-1)
        fill_box(QVBoxLayout(self), scroll_area(host))

    def _recolor(self) -> None:
        self.fraction.recolor(self.context.palette)
        self.pipeline.recolor()

    def _show_theory(self) -> None:
        theory = self._theory
        for card in self.cards.values():
            (self._terms if card in self._term_cards else self._also).removeWidget(card)
            discard(card)
        self.cards, self._term_cards = {}, set()
        if theory is None:
            return
        # Headings, equation and notes.
        noun = self._noun
        self.pipeline_heading.setText(f"One {noun} through the model")
        self.index_label.setText(f"test {noun}")
        self.index.setAccessibleName(f"test {noun}")
        self.equation.setText(formula(theory.equation.replace(";  ", "\n")))
        self.notes.setText("\n".join(f"·  {note}" for note in theory.notes))
        self.reference.setText(theory.reference)
        # A card for each term, and smaller ones for the metrics that are also tracked.
        for term in theory.terms:
            self._term_cards.add(self._add_card(term, theory.unit, is_objective_term=True))
            self._terms.addWidget(self.cards[term.quantity], 1)
        also = [term for term in theory.other_metrics if term.quantity not in self.cards]
        for index, term in enumerate(also):
            card = self._add_card(term, "", is_objective_term=False)
            self._also.addWidget(card, index // _TRACKED_COLUMNS, index % _TRACKED_COLUMNS)
        for column in range(_TRACKED_COLUMNS):
            self._also.setColumnStretch(column, 1)
        self.also_heading.setVisible(bool(also))
        self.pipeline.set_stages(theory.stages)

    def _add_card(self, term: Term, unit: str, *, is_objective_term: bool) -> TermCard:
        card = self.cards[term.quantity] = TermCard(term, unit, is_objective_term=is_objective_term)
        card.clicked.connect(lambda quantity=term.quantity: self.context.curve_requested.emit(quantity))
        return card

    @property
    def _noun(self) -> str:
        """The noun for one element of the data: "image" or "point"."""
        return "point" if is_point_data(self.context.run) else "image"

    def _show_metrics(self) -> None:
        run, theory = self.context.run, self._theory
        if run is None or theory is None or not self.is_active:
            return
        values = objective_values(theory, run.values_at(self.context.step))
        if values is None:
            self.total.setText(formula(f"{theory.objective_name} = …"))
            self.source.setText("Values appear after the first training step.")
            return
        self.total.setText(formula(_breakdown_text(values)))
        step = self.context.step
        when = "" if step is None else f"  ·  at or before step {step:,}"
        self.source.setText(f"{values.split_and_weights}{when}")
        # The terms, and the metrics that are also tracked, in the units of their charts.
        self.fraction.show_terms([(term.name, value) for term, value in values.terms])
        self.fraction.setVisible(len(values.terms) > 1)
        units = {spec.quantity: spec.unit for spec in reversed(run.metric_specs.values())}
        for term, value in values.further_values:
            if term.quantity in self.cards:
                self.cards[term.quantity].show_value(value, units.get(term.quantity, ""))
        for term, value in values.terms:
            self.cards[term.quantity].show_value(value)

    # Pipeline ---------------------------------------------------------------------------------------------------

    def draw_noise(self) -> None:
        """Draw other noise: another z from q(z|x)."""
        self._seed = secrets.randbelow(1_000_000)
        self._request_new_tensors()

    def _request_new_tensors(self) -> None:
        self._pipeline_stale = True
        self._request_tensors()

    def _request_tensors(self) -> None:
        step = self.context.step
        if not (self.is_active and self._pipeline_stale and self._theory is not None):
            return
        if step is None:
            self.pipeline.show_note("Tensors appear with the first snapshot.")
            return
        self._pipeline_stale = False
        params = {"index": self.index.value(), "seed": self._seed}
        self._requests.cancel_all()  # tensors of another image or snapshot are not shown any more
        self._requests.send("preview", "pipeline", ModelRequest("pipeline", self._on_tensors, params, step=step))

    def _on_tensors(self, response: ModelResponse) -> None:
        run, shape = self.context.run, POINT_DATA_SHAPE
        if run is not None:
            with suppress(UserError, OSError):  # the snapshot was removed meanwhile
                shape = run.card(self.context.step).image_shape
        self.pipeline.show_tensors(response.arrays, shape)
        metrics = response.meta.get("metrics")
        if isinstance(metrics, dict) and self._theory is not None:
            self.metrics.setText(f"this {self._noun}: {_metrics_text(self._theory, metrics)}")

    def _page_image(self) -> QImage:
        return self._page.grab().toImage()


def _sentences(texts: Iterable[str]) -> str:
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in texts if text)


def _metrics_text(theory: Theory, metrics: Mapping[str, object]) -> str:
    """Return the metrics of one image: 'ELBO −96.2 = …'."""
    values = {f"train/{name}": float(v) for name, v in metrics.items() if isinstance(v, int | float)}
    if f"train/{theory.objective_quantity}" not in values and all(
        f"train/{term.quantity}" in values for term in theory.terms
    ):
        values[f"train/{theory.objective_quantity}"] = sum(
            term.sign * values[f"train/{term.quantity}"] for term in theory.terms
        )
    result = objective_values(theory, values)
    if result is not None:
        return _breakdown_text(result)
    return "  ".join(f"{name} {formatting.number(value)}" for name, value in values.items())


def _breakdown_text(values: ObjectiveValues) -> str:
    unit = "" if values.unit == values.name else f" {values.unit}"
    return f"{values.one_line(full=True)}{unit}"
