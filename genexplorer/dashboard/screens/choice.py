"""One of a list, by arrow keys, by its first letters or by a click."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


class ChoiceScreen(ModalScreen[str | None]):
    """Returns the id of what was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Leave", show=False),
        Binding("j,m", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    def __init__(
        self, title: str, choices: Sequence[tuple[str, str, str]], current: str = "", *, wide: bool = False
    ) -> None:
        """Make a list of (id, name, remark)."""
        super().__init__()
        self._title, self._choices, self._current = title, choices, current
        self._classes_of_box = "dialog widest" if wide else "dialog"

    def compose(self) -> ComposeResult:
        """Lay out a title above the list."""
        width = max((len(name) for _, name, _ in self._choices), default=0)
        options = [
            Option(Content.assemble((f"{name:<{width}}  ", "bold"), (remark, "$muted")), id=key)
            for key, name, remark in self._choices
        ]
        with Vertical(classes=self._classes_of_box):
            yield Static(self._title, markup=False, classes="dialog-title")
            yield OptionList(*options, compact=True, markup=False)

    def on_mount(self) -> None:
        """Begin at the current one."""
        keys = [key for key, _, _ in self._choices]
        options = self.query_one(OptionList)
        options.highlighted = keys.index(self._current) if self._current in keys else 0
        options.focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        """Choose none."""
        self.dismiss(None)

    def action_down(self) -> None:
        """Go down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Go up."""
        self.query_one(OptionList).action_cursor_up()
