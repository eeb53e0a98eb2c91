"""The viewer's window: title bar, tabs, time bar, status bar, and the keys of the whole window."""

from pathlib import Path

from PyQt6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer
from PyQt6.QtGui import (
    QCloseEvent,
    QCursor,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QPaintEvent,
)
from PyQt6.QtWidgets import QApplication, QFileDialog, QMainWindow, QMenu, QStackedWidget, QVBoxLayout, QWidget

from genexplorer.runs import layout
from genexplorer.session.palette import Palette
from genexplorer.session.run_poller import ACTIVE_POLL_S, IdleTracker
from genexplorer.viewer import style
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.dialogs.alerts import AlertsDialog
from genexplorer.viewer.dialogs.help import HelpDialog
from genexplorer.viewer.dragged_files import accept_path
from genexplorer.viewer.panes.presentation import PresentationTitle, set_scale
from genexplorer.viewer.panes.status_bar import AlertBanner, ViewerStatusBar
from genexplorer.viewer.panes.tab_pages import TabPages
from genexplorer.viewer.panes.time_bar import TimeBar
from genexplorer.viewer.panes.title_bar import TitleBar
from genexplorer.viewer.preferences import Preferences
from genexplorer.viewer.run_actions import RunActions
from genexplorer.viewer.shortcuts import action_of
from genexplorer.viewer.widgets import animation
from genexplorer.viewer.widgets.controls import ChoiceMenu, EmptyState, fill_box, timer
from genexplorer.viewer.widgets.icons import application_icon
from genexplorer.viewer.widgets.labels import rule

_INPUT_EVENTS = (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel)
_DEFAULT_SIZE_PX = (1280, 860)
_MIN_SIZE_PX = (800, 560)
_OPEN_HINT = "Choose a run above, drop a run folder or data here, or press N to train."


class MainWindow(QMainWindow):
    """The main window. Closing it never affects a training."""

    def __init__(self, context: ViewerContext, preferences: Preferences) -> None:
        super().__init__()
        self.context, self.preferences = context, preferences
        self._first_run: Path | None = None
        self._painted = False
        self.is_presenting = False
        self._was_maximized = False  # before the presentation
        self.more = QMenu(self)
        self.run_actions = RunActions(context, self)
        self.title = TitleBar(context, self.more)
        self.banner = AlertBanner()
        self.pages = TabPages(context)
        self.time = TimeBar(context)
        self.status = ViewerStatusBar(context)
        self.no_run = EmptyState()
        self._lay_out()
        self._fill_menu()
        self._connect()
        # Restore what the last window stored.
        self.resize(*_DEFAULT_SIZE_PX)
        geometry = self.preferences.data("geometry")
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
        if self.isFullScreen():
            self.showNormal()
        self.pages.restore(self.preferences.mapping("tabs"), self.preferences.text("tab"))
        self._apply_theme()
        self._mouse, self._idle_tracker, self._is_idle = QCursor.pos(), IdleTracker(), False
        self._poll_timer = timer(self, round(1000 * ACTIVE_POLL_S), self._poll_run)
        self._poll_timer.start()
        self._show_run()

    # Setting up -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.setWindowTitle("genexplorer")
        self.setWindowIcon(application_icon(self.context.palette.accent, self.context.palette.surface))
        self.setMinimumSize(*_MIN_SIZE_PX)
        self.setAcceptDrops(True)
        self._trash: Path | None = None  # the run that was open, where it was deleted and can be restored
        self.undo_delete = self.no_run.add_button("Undo delete", self._restore_run)
        self.no_run.add_button("New run…", self.run_actions.new_run, default=True)
        self.no_run.add_button("Open folder…", self.choose_folder)
        self._stack, self._opening_page = QStackedWidget(), EmptyState()
        for page in (self.pages, self.no_run, self._opening_page):
            self._stack.addWidget(page)
        self._rule_below_tabs = rule()
        host = QWidget()
        self.presentation = PresentationTitle(self.context, self.pages.bar)
        column = fill_box(QVBoxLayout(host), self.title, self.presentation, self.banner, self.pages.bar, rule())
        fill_box(column, (self._stack, 1), self._rule_below_tabs, self.time, self.presentation.sentence, self.status)
        column.setSpacing(0)
        host.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCentralWidget(host)
        host.setFocus()

    def _fill_menu(self) -> None:
        runs = self.run_actions
        for label, action in (
            ("Pause or resume\tCtrl+P", runs.pause_or_resume),
            ("One step, while paused\t.", runs.step),
            ("Settings…\tCtrl+E", lambda: runs.show_settings()),
            ("Train longer…\tCtrl+Shift+E", lambda: runs.show_settings(length=True)),
            ("Fork…\tCtrl+F", lambda: runs.fork()),
            ("Share as a page…", runs.share),
            ("Light copy…", runs.export),
            ("Stop…\tCtrl+.", runs.stop),
            ("Name, tags and note…\tF2", runs.edit_notes),
            ("Move to the trash…\tCtrl+Del", runs.delete),
        ):
            self.more.addAction(label, action)
        self.more.addSeparator()
        self.more.addAction("Save…\tCtrl+S", self.save)
        self.more.addAction("Copy image\tCtrl+C", self.copy_image)
        self.more.addAction("Copy as command\tCtrl+Shift+C", self.copy_command)
        self.more.addSeparator()
        self._theme_menu = ChoiceMenu("Theme", style.THEMES, self.more)
        self._theme_menu.entry_selected.connect(self.set_theme)
        self.more.addMenu(self._theme_menu)
        self.more.addAction("Presentation\tF11", self.toggle_presentation)
        self.more.addAction("Keys\t?", self.show_keys)
        self.more.addSeparator()
        self.more.addAction("Close (training continues)\tCtrl+Q", self.close)

    def _connect(self) -> None:
        context, title = self.context, self.title
        self.run_actions.opening.connect(self.pages.start)
        self.run_actions.opening.connect(self.banner.clear)  # its lines are about the former run
        title.run_chosen.connect(self.run_actions.open)
        title.folder_requested.connect(self.choose_folder)
        title.new_run_requested.connect(lambda: self.run_actions.new_run())
        title.new.clicked.connect(lambda: self.run_actions.new_run())
        title.pause.clicked.connect(self.run_actions.pause_or_resume)
        title.stop.clicked.connect(self.run_actions.stop)
        self.status.alerts_button.clicked.connect(self.show_alerts)
        self.pages.bar.currentChanged.connect(lambda index: self.status.set_tab(self.pages.bar.tabText(index)))
        self.status.set_tab(self.pages.bar.tabText(self.pages.bar.currentIndex()))
        context.alert.connect(self.banner.show_alert)
        context.run_changed.connect(self._show_run)
        context.run_removed.connect(self._show_removed_run)
        context.curve_requested.connect(self._show_curve)
        context.data_changed.connect(lambda changed: self._show_title() if "status" in changed else None)
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(self._apply_theme)  # a bound method: Qt disconnects it with the window

    def _poll_run(self) -> None:
        mouse = QCursor.pos()
        if mouse != self._mouse or self.isFullScreen():  # a full screen counts as in use
            self._mouse = mouse
            self._idle_tracker.record_input()
        self._update_polling()
        self.context.poll(idle=self._is_idle)

    def _update_polling(self) -> None:
        """Poll less often the longer the window has not been used."""
        interval, application = round(1000 * self._idle_tracker.poll_interval_s), QApplication.instance()
        if interval != self._poll_timer.interval():
            self._poll_timer.setInterval(interval)  # restarts the interval
        animation.set_enabled(not self._idle_tracker.is_away)
        if application is not None and self._is_idle != self._idle_tracker.is_idle:
            self._is_idle = self._idle_tracker.is_idle
            (application.installEventFilter if self._is_idle else application.removeEventFilter)(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Poll often again at the first input; the event itself is not consumed."""
        kind = None if event is None else event.type()
        if kind in _INPUT_EVENTS or (kind is QEvent.Type.MouseMove and QCursor.pos() != self._mouse):
            self._idle_tracker.record_input()
            self._update_polling()
        return False

    # Runs -------------------------------------------------------------------------------------------------------

    def open_run(self, folder: Path) -> bool:
        """Open a run; return whether that succeeded."""
        return self.run_actions.open(folder)

    def open_soon(self, folder: Path | None) -> None:
        """Open a run, if one is given, once the window has been painted."""
        self._first_run = folder
        if folder is not None:
            self._opening_page.set_text(f"Opening {folder.name} …")
            self._stack.setCurrentWidget(self._opening_page)

    def _on_first_paint(self) -> None:
        if self._first_run is not None and self.context.run is None and self.pages.queries_model:
            self.context.model_client.warm_up()  # it imports torch while the first tab is made
        self.pages.start()
        if self._first_run is not None and self.context.run is None and not self.open_run(self._first_run):
            self._show_run()

    def choose_folder(self) -> None:
        """Open a run folder, chosen in a dialog."""
        name = QFileDialog.getExistingDirectory(self, "Open run folder", str(self.context.runs_dir))
        if name:
            self.open_run(Path(name))

    def _show_run(self) -> None:
        has_run = self.context.run is not None
        self.no_run.set_text("No run open.", _OPEN_HINT)
        self.undo_delete.hide()
        self._stack.setCurrentWidget(self.pages if has_run else self.no_run)
        self.time.setVisible(has_run)
        self._rule_below_tabs.setVisible(has_run)
        self.pages.bar.setEnabled(has_run)
        self._show_title()

    def _show_removed_run(self, folder: Path, name: str) -> None:
        """Report that the open run was removed, and offer to restore it from the trash."""
        self._trash = folder.parent / f"{layout.TRASH_PREFIX}{folder.name}"
        is_in_trash = self._trash.is_dir()
        if is_in_trash:
            self.no_run.set_text(f"{name} was deleted.", f"It is in the trash of {folder.parent}. {_OPEN_HINT}")
        else:
            self.no_run.set_text(f"{name} is gone.", f"{folder} was moved or removed. {_OPEN_HINT}")
        self.undo_delete.setVisible(is_in_trash)

    def _restore_run(self) -> None:
        if self._trash is not None:
            self.run_actions.restore(self._trash)

    def _show_title(self) -> None:
        run = self.context.run
        self.setWindowTitle("genexplorer" if run is None else f"{run.status.name} — genexplorer")

    def show_alerts(self) -> None:
        """Show the run's alerts."""
        if self.context.run is not None:
            dialog = AlertsDialog(self.context.run, self.run_actions.own_config(), self)
            dialog.step_chosen.connect(self.context.step_selection.select)
            dialog.change_chosen.connect(self.run_actions.apply_suggestion)
            dialog.exec()

    def _show_curve(self, quantity: str) -> None:
        from genexplorer.viewer.tabs.curves.tab import CurvesTab

        self.pages.show_tab(self.pages.index_of(CurvesTab.title))
        if isinstance(self.pages.current, CurvesTab):
            self.pages.current.show_only(quantity)

    # Saving and copying -----------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save an image or data of the current tab."""
        run, targets = self.context.run, self.pages.current.save_targets()
        if run is None or not targets:
            self.context.status_message.emit("nothing to save here yet")
            return
        filters = [target.name_filter for target in targets]
        suggested_name = targets[0].suggested_name(run.status.name, self.context.step)
        name, name_filter = QFileDialog.getSaveFileName(self, "Save", suggested_name, ";;".join(filters), filters[0])
        if name:
            target = targets[filters.index(name_filter)] if name_filter in filters else targets[0]
            succeeded, line = target.save(target.with_suffix(Path(name)))
            self.context.report(succeeded, line)

    def copy_image(self) -> None:
        """Copy the current tab's image."""
        image = self.pages.current.copy_image() if self.context.run is not None else None
        clipboard = QGuiApplication.clipboard()
        if image is None or image.isNull() or clipboard is None:
            self.context.status_message.emit("no image to copy here yet")
            return
        clipboard.setImage(image)
        self.context.status_message.emit(f"copied an image of {image.width()} × {image.height()} pixels")

    def copy_command(self) -> None:
        """Copy the shell command that makes the same image."""
        self.pages.current.copy_command()

    # Appearance -------------------------------------------------------------------------------------------------------

    def set_theme(self, theme: str) -> None:
        """Switch to "light", "dark" or "system", and store the choice."""
        self.preferences.set("theme", theme)
        self._apply_theme()

    def toggle_dark(self) -> None:
        """Swap light and dark."""
        self.set_theme("light" if self.context.palette.name == "dark" else "dark")

    def _apply_theme(self, *_scheme: object) -> None:
        theme = self.preferences.text("theme")
        theme = theme if theme in style.THEMES else "system"
        self._theme_menu.select(theme)
        palette = style.palette_for(theme)
        if palette != self.context.palette:
            self._apply_palette(palette)

    def _apply_palette(self, palette: Palette) -> None:
        """Apply colors and fonts to everything."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            style.apply(app, palette)
            style.refresh_fonts(self)
            self.context.set_palette(palette)
            self.time.recolor()
            self.title.refresh()

    def toggle_presentation(self) -> None:
        """Show the tab on the full screen, everything larger and without toolbars, or the window as it was."""
        self._idle_tracker.record_input()
        self._update_polling()
        if self.isFullScreen():
            (self.showMaximized if self._was_maximized else self.showNormal)()
        else:
            self._was_maximized = self.isMaximized()
            self.showFullScreen()
        self._present(self.isFullScreen())

    def _present(self, presenting: bool) -> None:
        """Change the scale, and show the title line and the sentence instead of the toolbars, or the reverse."""
        if presenting != self.is_presenting:
            self.is_presenting = presenting
            self.presentation.set_presenting(presenting)
            set_scale(self, (self.title, self.pages.bar, self.status), presenting=presenting)
            self._apply_palette(self.context.palette)

    def changeEvent(self, event: QEvent | None) -> None:
        """Leave the presentation also where the desktop ends the full screen."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.WindowStateChange and not self.isFullScreen():
            self._present(False)

    def show_keys(self) -> None:
        """Show the keys and their actions."""
        HelpDialog(self.pages.tabs, self.pages.current, self).exec()

    # Events -----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint; the first time, start loading the tabs and the run."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self._on_first_paint)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Offer a key to the tab first, then to the window; with Ctrl, Alt or Meta to the window alone."""
        if event is None:
            return
        used = event.key() == Qt.Key.Key_Escape and self.leave()
        # A paused run takes a step in every tab, also where the key has another meaning.
        if event.key() == Qt.Key.Key_Period and not _is_command(event) and self.run_actions.is_paused:
            used = True
            self.run_actions.step()
        used = used or (self.context.run is not None and not _is_command(event) and self.pages.current.on_key(event))
        action = None if used else action_of(self, event)
        if action is not None:
            action()
        if used or action is not None:
            event.accept()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Offer a key's release to the tab."""
        if event is None:
            return
        if self.context.run is not None and self.pages.current.on_key_release(event):
            event.accept()
        else:
            super().keyReleaseEvent(event)

    def leave(self) -> bool:
        """Dismiss the banner, else leave the presentation; return whether there was either."""
        if self.banner.isVisible():
            self.banner.clear()
            return True
        if self.isFullScreen():
            self.toggle_presentation()
            return True
        return False

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept folders and files."""
        accept_path(event)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open a dropped run, or the form of a new run with dropped data."""
        path = accept_path(event)
        if path is not None:
            self.run_actions.open_dropped(path)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Store the preferences and close the run; the training continues."""
        style.enlarge(1.0)
        self._poll_timer.stop()
        # Store the preferences.
        if not self.isFullScreen():
            self.preferences.set("geometry", self.saveGeometry().data())
        self.preferences.set("tab", self.pages.selected_title)
        self.preferences.set("tabs", dict(self.pages.states()))
        if self.context.run is not None:
            self.preferences.set("run", str(self.context.run.folder))
        self.preferences.save()
        # Close the parts; the window disappears first, as the model's process may take a moment to end.
        self.hide()
        self.pages.closing()
        self.time.closing()
        self.status.closing()
        self.run_actions.close()
        self.context.close()
        if event is not None:
            event.accept()


def _is_command(event: QKeyEvent) -> bool:
    """Return whether a key is pressed with Ctrl, Alt or Meta: such keys are those of the window in every tab."""
    modifiers = Qt.KeyboardModifier
    return bool(event.modifiers() & (modifiers.ControlModifier | modifiers.AltModifier | modifiers.MetaModifier))
