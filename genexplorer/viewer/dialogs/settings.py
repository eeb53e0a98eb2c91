"""The panel that changes a run's settings while it trains; it stays open beside the window."""

import pyqtgraph as pg
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.session import formatting, steering
from genexplorer.session.actions import ActionResult
from genexplorer.session.steering_form import SettingsForm
from genexplorer.viewer.background import Background
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.plots.base_plot import BasePlot, ChartAxis
from genexplorer.viewer.style import GAP, make_pen, scaled
from genexplorer.viewer.widgets.controls import clear_default_button, clear_layout, fill_box, scroll_area
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, set_role, text, wrapped
from trainers.settable import SettableSetting

_NUM_CURVE_POINTS = 200
_PLOT_HEIGHT_PX = 16 * GAP
_EDITOR_WIDTH_PX = 14 * GAP
Editor = QComboBox | QLineEdit


class SettingsPanel(QDialog):
    """Lists the settings of the open run that can change, each with its limits, its value, and a field for a new one.

    Args:
        form: The form of the run.
        context: The state of the window.
        parent: The window.

    Signals:
        fork_requested(str): A branch is to be started with settings, "model.beta=1", instead of changing the run.
    """

    fork_requested = pyqtSignal(str)

    def __init__(self, form: SettingsForm, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form, self._context = form, context
        self.setWindowTitle(f"Settings of {form.status.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.editors: dict[str, Editor] = {}
        self.names: dict[str, QWidget] = {}
        self._background = Background(self)
        self._is_applying = self._is_reading = False
        self._outcome: tuple[str, bool] | None = None  # message of the last action and whether it is a warning
        self._rows_shown: tuple[SettableSetting, ...] = ()
        # The rows.
        self.status_label = muted()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(scaled(2 * GAP))
        self._grid.setVerticalSpacing(scaled(GAP))
        self._grid.setColumnStretch(3, 1)
        # How the learning rate goes on, with its curve.
        self.lr_choice, self.lr_buttons = QWidget(), QButtonGroup(self)
        choices = QVBoxLayout()
        for index, (name, label) in enumerate(steering.LR_CONTINUATIONS.items()):
            button = QRadioButton(f"{label[0].upper()}{label[1:]}")
            button.setObjectName(name)
            button.setChecked(index == 0)
            self.lr_buttons.addButton(button, index)
            choices.addWidget(button)
        self.lr_buttons.idClicked.connect(self._choose_continuation)
        axes, names = (ChartAxis("left"), ChartAxis("bottom", 50)), ("part of the new length, %", "learning rate")
        self.lr_plot = BasePlot(context.palette, *axes, names, interactive=False)
        self.lr_plot.setFixedHeight(scaled(_PLOT_HEIGHT_PX))
        self._before, self._after = pg.PlotDataItem(connect="finite"), pg.PlotDataItem(connect="finite")
        self.lr_plot.addItem(self._before)
        self.lr_plot.addItem(self._after)
        column = fill_box(QVBoxLayout(self.lr_choice), heading("The learning rate goes on"), choices, self.lr_plot)
        column.addWidget(muted("thin: as it is, thick: as it will be"))
        # The message and the buttons.
        self.message = wrapped()
        self.message.setMinimumHeight(2 * self.message.fontMetrics().lineSpacing())
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        clear_default_button(buttons)
        self.apply_button, self.command_button = QPushButton("Apply"), QPushButton("Copy as command")
        self.apply_button.setDefault(True)
        self.command_button.setAutoDefault(False)
        self.fork_button = QPushButton("Fork here instead…")
        self.fork_button.setAutoDefault(False)
        buttons.addButton(self.fork_button, QDialogButtonBox.ButtonRole.ResetRole)
        self.fork_button.clicked.connect(self._fork)
        buttons.addButton(self.apply_button, QDialogButtonBox.ButtonRole.ApplyRole)
        buttons.addButton(self.command_button, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.rejected.connect(self.close)
        self.apply_button.clicked.connect(self.apply)
        self.command_button.clicked.connect(self.copy_command)
        # Lay out.
        page = QWidget()
        fill_box(QVBoxLayout(page), self._grid, None, spacing=2 * GAP)
        margins = (3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        area = scroll_area(page)
        fill_box(
            QVBoxLayout(self),
            heading(form.status.name),
            self.status_label,
            (area, 1),
            self.lr_choice,
            self.message,
            buttons,
            margins=margins,
            spacing=GAP,
        )
        self.resize(scaled(72 * GAP), scaled(84 * GAP))
        context.data_changed.connect(self._on_data)
        context.run_changed.connect(self._on_run)
        context.palette_changed.connect(self._recolor)
        self._recolor()
        self._show_rows()
        self._refresh()
        self.focus_setting(next((row.key for row in form.rows if not row.locked), ""))  # not a button

    # Content ----------------------------------------------------------------------------------------------------

    def _show_rows(self) -> None:
        """Show the settings with their present values; what was entered stays."""
        rows = self.form.rows
        if rows == self._rows_shown:
            return
        focused = next((key for key, editor in self.editors.items() if editor.hasFocus()), "")
        self._rows_shown = rows
        clear_layout(self._grid)
        self.editors, self.names = {}, {}
        for column, title in enumerate(("Setting", "Now", "New", "Allowed")):
            self._grid.addWidget(muted(title), 0, column)
        for index, row in enumerate(rows, 1):
            allowed = self.form.allowed(row)
            editor = self._editor(row)
            self.names[row.key], self.editors[row.key] = text(row.key), editor
            self._grid.addWidget(self.names[row.key], index, 0)
            self._grid.addWidget(text(steering.format_value(row.value)), index, 1)
            self._grid.addWidget(editor, index, 2)
            self._grid.addWidget(wrapped(allowed), index, 3)
        if focused in self.editors:
            self.editors[focused].setFocus()

    def _editor(self, row: SettableSetting) -> Editor:
        entered, editor = self.form.texts.get(row.key, ""), QComboBox() if row.choices else QLineEdit()
        if isinstance(editor, QComboBox):
            editor.addItem("as it is", "")
            for choice in row.choices:
                editor.addItem(choice, choice)
            editor.setCurrentIndex(max(0, editor.findData(entered)))
            editor.currentIndexChanged.connect(lambda _index, key=row.key: self._edit(key, editor.currentData()))
        else:
            editor.setText(entered)
            editor.setPlaceholderText(steering.format_value(row.value))
            editor.textChanged.connect(lambda content, key=row.key: self._edit(key, content))
        editor.setFixedWidth(scaled(_EDITOR_WIDTH_PX))
        editor.setAccessibleName(f"New value of {row.key}")
        editor.setEnabled(not row.locked)
        return editor

    def _edit(self, key: str, content: str) -> None:
        self._outcome = None
        self.form.set(key, content)
        self._refresh()

    def _choose_continuation(self, index: int) -> None:
        self.form.lr_continuation = list(steering.LR_CONTINUATIONS)[index]
        self._refresh()

    def _refresh(self) -> None:
        """Show what the entered values mean: errors, when they take effect, the learning rate, the action."""
        form = self.form
        self._show_status()
        for key, name in self.names.items():
            set_role(name, "warning" if key in form.errors else "plain")
            name.setToolTip(literal_tooltip(form.errors.get(key, "")))
        self.lr_choice.setVisible(form.has_lr_choice and not form.errors)
        if form.has_lr_choice and not form.errors:
            x, before, after = form.lr_curves(_NUM_CURVE_POINTS)
            self._before.setData(100 * x, before)
            self._after.setData(100 * x, after)
            self.lr_plot.setXRange(0, 100, padding=0.01)
            self.lr_plot.setYRange(0, 1.05 * float(max(after.max(), before[0])), padding=0)
        problem = form.problem
        self.apply_button.setText(form.action)
        self.apply_button.setEnabled(not problem and not self._is_applying)
        self.command_button.setEnabled(not problem)
        if self._outcome is not None:
            self._show_message(*self._outcome)
        elif not self._is_applying:
            self._show_message(problem or f"{form.changes}, {form.effect}", bool(form.errors))

    def _show_message(self, content: str, is_warning: bool) -> None:
        self.message.setText(content)
        set_role(self.message, "warning" if is_warning else "muted")

    def _recolor(self) -> None:
        palette = self._context.palette
        self.lr_plot.recolor(palette)
        self._before.setPen(make_pen(palette.muted, 1.0))
        self._after.setPen(make_pen(palette.accent, 2.0))

    # Actions ----------------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Make the changes, and report what the worker says."""
        if self.form.problem or self._is_applying:
            return
        self._is_applying = True
        self._show_message(f"{self.form.changes}…", False)
        self.apply_button.setEnabled(False)
        self._background.run(self.form.apply, self._on_applied, self._on_failed)

    def _on_applied(self, result: ActionResult) -> None:
        self._is_applying = False
        if result.ok:
            self.form.clear()
            self._rows_shown = ()  # empty the fields
            self._show_rows()
        self._outcome = (f"{'✓' if result.ok else '✗'} {result}", not result.ok)
        self._refresh()
        self._reload()
        self._context.report(result.ok, str(result))
        self._context.poll()

    def _on_failed(self, reason: str) -> None:
        self._is_applying = self._is_reading = False
        self._outcome = f"✗ {reason}", True
        self._refresh()

    def _fork(self) -> None:
        """Leave the run as it is, and start a branch with the entered values."""
        values = self.form.values_text
        self.close()
        self.fork_requested.emit(values)

    def focus_setting(self, key: str) -> None:
        """Put the focus into the field of a setting."""
        if key in self.editors:
            self.editors[key].setFocus()

    def copy_command(self) -> None:
        """Copy the command that makes the same changes."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and not self.form.problem:
            clipboard.setText(self.form.command)
            self._show_message(f"copied: {self.form.command}", False)

    # Events -----------------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Read the settings again in the background: a command or another front end may have changed them."""
        if self._is_reading:
            return
        self._is_reading = True
        folder, runs_dir = self.form.folder, self.form.runs_dir
        self._background.run(lambda: SettingsForm(folder, runs_dir), self._on_read, self._on_failed)

    def _on_read(self, form: SettingsForm) -> None:
        self._is_reading = False
        form.take_entries(self.form)
        self.form = form
        self._show_rows()
        self._refresh()

    def _on_data(self, changed: frozenset[str]) -> None:
        run = self._context.run
        if run is None or self._is_applying or self._is_reading:
            return
        if "commands" in changed or run.status.state is not self.form.status.state:
            self._reload()
        elif "status" in changed:
            self.form.status = run.status
            self._show_status()

    def _show_status(self) -> None:
        status = self.form.status
        state = f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}"
        self.status_label.setText(f"{state} at step {status.step:,}. Changes take effect {self.form.effect}.")

    def _on_run(self) -> None:
        if self._context.run is None or self._context.run.folder != self.form.folder:
            self.close()

    def done(self, result: int) -> None:
        """Drop an outcome that is still pending."""
        self._background.close()
        super().done(result)
