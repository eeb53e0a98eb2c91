"""The viewer's window: title line, tabs, time bar and status line, and the keys that belong to all of them."""

from pathlib import Path

from PyQt6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer
from PyQt6.QtGui import (
    QAction,
    QCloseEvent,
    QCursor,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QPaintEvent,
)
from PyQt6.QtWidgets import QApplication, QFileDialog, QMainWindow, QMenu, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.session.idle import ACTIVE_POLL_S, IdleTracker
from genexplorer.session.palette import Palette
from genexplorer.viewer import saving, style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.dialogs.alerts import AlertsDialog
from genexplorer.viewer.dialogs.help import HelpDialog
from genexplorer.viewer.panes.alert_banner import AlertBanner
from genexplorer.viewer.panes.status_bar import StatusLine
from genexplorer.viewer.panes.tab_pages import TabPages
from genexplorer.viewer.panes.time_bar import TimeBar
from genexplorer.viewer.panes.title_bar import TitleBar
from genexplorer.viewer.run_actions import RunControl
from genexplorer.viewer.settings import Settings
from genexplorer.viewer.shortcuts import action_of
from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets import animation
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.empty_state import EmptyState
from genexplorer.viewer.widgets.icons import application_icon
from genexplorer.viewer.widgets.labels import rule

_TOUCHES = (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel)
_SIZE = (1280, 860)
_SMALLEST = (800, 560)


class MainWindow(QMainWindow):
    """Everything on the screen. Closing it lets go of the run and never touches its training."""

    def __init__(self, context: ViewerContext, settings: Settings) -> None:
        super().__init__()
        self.context, self.settings = context, settings
        self._first: Path | None = None
        self._painted = False
        self.more = QMenu(self)
        self.control = RunControl(context, self)
        self.title = TitleBar(context, self.more)
        self.banner = AlertBanner()
        self.pages = TabPages(context)
        self.time = TimeBar(context)
        self.status = StatusLine(context)
        self.no_run = EmptyState()
        self._lay_out()
        self._fill_menu()
        self._connect()
        self._restore()
        self._hand, self._attention, self._calm = QCursor.pos(), IdleTracker(), False
        self._poll = timer(self, round(1000 * ACTIVE_POLL_S), self._look)
        self._poll.start()
        self._show_run()

    # Setting up -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.setWindowTitle("genexplorer")
        self.setWindowIcon(application_icon(self.context.palette.accent, self.context.palette.surface))
        self.setMinimumSize(*_SMALLEST)
        self.setAcceptDrops(True)
        self.no_run.set_text("No run open.", "Choose one above, drop a run's folder here, or press N to train.")
        self.no_run.add_button("New run…", self.control.new_run, default=True)
        self.no_run.add_button("Open folder…", self.ask_folder)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.pages)
        self._middle.addWidget(self.no_run)
        self._opening = EmptyState()
        self._middle.addWidget(self._opening)
        self._below = rule()
        host = QWidget()
        column = QVBoxLayout(host)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bars: tuple[tuple[QWidget, int], ...] = (
            (self.title, 0),
            (self.banner, 0),
            (self.pages.bar, 0),
            (rule(), 0),
            (self._middle, 1),
            (self._below, 0),
            (self.time, 0),
            (self.status, 0),
        )
        for widget, stretch in bars:
            column.addWidget(widget, stretch)
        host.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCentralWidget(host)
        host.setFocus()

    def _fill_menu(self) -> None:
        for words, does in (
            ("Save…\tCtrl+S", self.save),
            ("Copy picture\tCtrl+C", self.copy_picture),
            ("Copy as command\tCtrl+Shift+C", self.copy_command),
        ):
            self.more.addAction(words, does)
        self.more.addSeparator()
        colors = QMenu("Colors", self.more)
        self._themes: dict[str, QAction] = {}
        for theme in style.THEMES:
            action = QAction({"system": "As the desktop", "light": "Light", "dark": "Dark"}[theme], colors)
            action.setCheckable(True)
            action.triggered.connect(lambda _on, theme=theme: self.set_theme(theme))
            colors.addAction(action)
            self._themes[theme] = action
        self.more.addMenu(colors)
        self.more.addAction("Present\tF11", self.toggle_present)
        self.more.addAction("Keys\t?", self.show_keys)
        self.more.addSeparator()
        self.more.addAction("Close (training goes on)\tCtrl+Q", self.close)

    def _connect(self) -> None:
        context, title = self.context, self.title
        self.control.opens.connect(self.pages.make)
        title.run_chosen.connect(self.control.open)
        title.folder_wanted.connect(self.ask_folder)
        title.new_run_wanted.connect(self.control.new_run)
        title.pause_wanted.connect(self.control.pause_or_resume)
        title.stop_wanted.connect(self.control.stop)
        self.status.why.clicked.connect(self.show_alerts)
        context.alert.connect(self.banner.show_alert)
        context.run_changed.connect(self._show_run)
        context.curve_wanted.connect(self._show_curve)
        context.changes.connect(lambda what: self._show_title() if "status" in what else None)
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(self._apply_theme)  # a bound method: Qt lets go of it with the window

    def _look(self) -> None:
        hand = QCursor.pos()
        if hand != self._hand or self.isFullScreen():  # what is presented has an audience
            self._hand = hand
            self._attention.touch()
        self._attend()
        self.context.poll(calm=self._calm)

    def _attend(self) -> None:
        """Look as often as becomes somebody who touched the window last when that was."""
        interval, application = round(1000 * self._attention.poll_s), QApplication.instance()
        if interval != self._poll.interval():
            self._poll.setInterval(interval)  # which counts from now
        animation.set_enabled(not self._attention.is_away)
        if application is not None and self._calm != self._attention.is_idle:
            self._calm = self._attention.is_idle
            (application.installEventFilter if self._calm else application.removeEventFilter)(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Wake up when somebody is back; the event goes on at once, before anything is read."""
        kind = None if event is None else event.type()
        if kind in _TOUCHES or (kind is QEvent.Type.MouseMove and QCursor.pos() != self._hand):
            self._attention.touch()
            self._attend()
        return False

    # Runs -------------------------------------------------------------------------------------------------------

    def open_run(self, folder: Path) -> bool:
        """Open a run; return whether it worked."""
        return self.control.open(folder)

    def open_soon(self, folder: Path | None) -> None:
        """Once the window has been painted, make the tabs and open a run, if one is wanted."""
        self._first = folder
        if folder is not None:
            self._opening.set_text(f"Opening {folder.name} …")
            self._middle.setCurrentWidget(self._opening)

    def _painted_first(self) -> None:
        if self._first is not None and self.context.run is None and self.pages.will_ask:
            self.context.model_client.warm()  # it imports torch while the tabs are made
        self.pages.make()
        if self._first is not None and self.context.run is None and not self.open_run(self._first):
            self._show_run()

    def ask_folder(self) -> None:
        """Open a run by its folder."""
        name = QFileDialog.getExistingDirectory(self, "Open a run's folder", str(self.context.runs_dir))
        if name:
            self.open_run(Path(name))

    def _show_run(self) -> None:
        there = self.context.run is not None
        self._middle.setCurrentWidget(self.pages if there else self.no_run)
        self.time.setVisible(there)
        self._below.setVisible(there)
        self.pages.bar.setEnabled(there)
        self._show_title()

    def _show_title(self) -> None:
        run = self.context.run
        self.setWindowTitle("genexplorer" if run is None else f"{run.status.name} — genexplorer")

    def show_alerts(self) -> None:
        """Show why the run asks for attention."""
        if self.context.run is not None:
            dialog = AlertsDialog(self.context.run, self)
            dialog.step_chosen.connect(self.context.cursor.go)
            dialog.exec()

    def _show_curve(self, quantity: str) -> None:
        from genexplorer.viewer.tabs.curves.tab import CurvesTab

        self.pages.show_tab(self.pages.index_of(CurvesTab.title))
        if isinstance(self.pages.current, CurvesTab):
            self.pages.current.show_only(quantity)

    # Saving and copying -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save something of the current tab."""
        run, targets = self.context.run, self.pages.current.save_targets()
        if run is None or not targets:
            self.context.status_message.emit("there is nothing to save here yet")
            return
        chosen = saving.ask_path(self, targets, run.status.name, self.context.step)
        if chosen is not None:
            worked, line = saving.save(*chosen)
            (self.context.status_message if worked else self.context.alert).emit(line)

    def copy_picture(self) -> None:
        """Copy the current tab's picture."""
        picture = self.pages.current.copy_image() if self.context.run is not None else None
        clipboard = QGuiApplication.clipboard()
        if picture is None or picture.isNull() or clipboard is None:
            self.context.status_message.emit("there is no picture to copy here yet")
            return
        clipboard.setImage(picture)
        self.context.status_message.emit(f"copied a picture of {picture.width()} × {picture.height()} pixels")

    def copy_command(self) -> None:
        """Copy the command line that makes the same picture."""
        line = self.pages.current.command_line() if self.context.run is not None else None
        clipboard = QGuiApplication.clipboard()
        if not line or clipboard is None:
            self.context.status_message.emit("no command makes this picture")
            return
        clipboard.setText(line)
        self.context.status_message.emit(f"copied: {line}")

    # Look -------------------------------------------------------------------------------------------------------

    def set_theme(self, theme: str) -> None:
        """Take "light", "dark" or "system", and remember it."""
        self.settings.put("theme", theme)
        self._apply_theme()

    def toggle_dark(self) -> None:
        """Swap light and dark."""
        self.set_theme("light" if self.context.palette.name == "dark" else "dark")

    def _apply_theme(self, *_scheme: object) -> None:
        theme = self.settings.text("theme")
        theme = theme if theme in style.THEMES else "system"
        for name, action in self._themes.items():
            action.setChecked(name == theme)
        palette = style.palette_for(theme)
        if palette != self.context.palette:
            self._dress(palette)

    def _dress(self, palette: Palette) -> None:
        """Give everything colors and letters anew."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            style.apply(app, palette)
            self.context.set_palette(palette)
            self.time.recolor()
            self.title.refresh()

    def toggle_present(self) -> None:
        """Fill the screen with the tab and the time."""
        presenting = not self.isFullScreen()
        self._attention.touch()
        self._attend()
        for widget in (self.title, self.pages.bar, self.status):
            widget.setVisible(not presenting)
        self.time.setContentsMargins(0, 0, 0, GAP if presenting else 0)  # below it stands the status line, or the edge
        style.enlarge(style.PRESENTING if presenting else 1.0)
        self._dress(self.context.palette)
        if presenting:
            self.showFullScreen()
        else:
            self.showNormal()

    def show_keys(self) -> None:
        """Show what each key does."""
        HelpDialog(self.pages.current.title, self).exec()

    # Events -----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Take note of the first time: what costs time waits for it."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self._painted_first)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Offer a key to the tab first, then to the window."""
        if event is None:
            return
        if event.key() == Qt.Key.Key_Escape and self.leave():
            event.accept()
            return
        if self.context.run is not None and self.pages.current.on_key(event):
            event.accept()
            return
        action = action_of(event, self)
        if action is None:
            super().keyPressEvent(event)
            return
        action()
        event.accept()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Tell the tab that a key was let go."""
        if event is None:
            return
        if self.context.run is not None and self.pages.current.on_key_release(event):
            event.accept()
        else:
            super().keyReleaseEvent(event)

    def leave(self) -> bool:
        """Dismiss what is in the way, else leave presenting; return whether there was anything to leave."""
        if self.banner.isVisible():
            self.banner.clear()
            return True
        if self.isFullScreen():
            self.toggle_present()
            return True
        return False

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take folders."""
        if event is not None and _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped."""
        folder = _dropped(event) if event is not None else None
        if event is not None and folder is not None:
            event.acceptProposedAction()
            self.open_run(folder)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Remember everything and let go; the training goes on."""
        style.enlarge(1.0)
        self._poll.stop()
        self._remember()
        self.hide()  # the child may take a moment to end
        self.pages.closing()
        self.time.closing()
        self.control.close()
        self.context.close()
        if event is not None:
            event.accept()

    # Memory -----------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        self.resize(*_SIZE)
        geometry = self.settings.data("geometry")
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
        if self.isFullScreen():
            self.showNormal()
        self.pages.restore(self.settings.mapping("tabs"), self.settings.text("tab"))
        self._apply_theme()

    def _remember(self) -> None:
        if not self.isFullScreen():
            self.settings.put("geometry", self.saveGeometry().data())
        self.settings.put("tab", self.pages.chosen_title)
        self.settings.put("tabs", dict(self.pages.states()))
        if self.context.run is not None:
            self.settings.put("run", str(self.context.run.folder))
        self.settings.save()


def _dropped(event: QDropEvent) -> Path | None:
    mime = event.mimeData()
    urls = mime.urls() if mime is not None else []
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
