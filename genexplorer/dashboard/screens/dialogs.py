"""Dialogs of general use: a text, a confirmation, a choice from a list, the keys."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from genexplorer.dashboard.key_bindings import KeyBinding, link
from genexplorer.session import plain_marks

_KEY_CELLS = 8
_DIALOG_CELLS = 56  # width of the options in a dialog of normal size, beside the scroll bar


class TextScreen(ModalScreen[Any]):
    """Shows a scrollable text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark,d,y", "close", "Close", show=False),
    ]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title, self.text = title, text

    def compose(self) -> ComposeResult:
        """Create the text and a button below it."""
        with Vertical(classes="dialog wide"):
            yield Static(self._title, markup=False, classes="dialog-title")
            with VerticalScroll(classes="dialog-text"):
                yield Static(self.text, markup=False)
            with Horizontal(classes="buttons"):
                yield from self.compose_buttons()

    def compose_buttons(self) -> ComposeResult:
        """Create the button that closes the dialog."""
        yield Button("Close (esc)", compact=True, id="close")

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Close the dialog."""
        self.dismiss(None)


class ConfirmScreen(ModalScreen[bool]):
    """A yes/no question; returns whether it was confirmed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "close(True)", "Yes", show=False),
        Binding("n,escape,q", "close(False)", "No", show=False),
    ]

    def __init__(self, question: str, consequence: str, yes_label: str) -> None:
        super().__init__()
        self._question, self._consequence, self._yes_label = question, consequence, yes_label

    def compose(self) -> ComposeResult:
        """Create the question, its consequence and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False, classes="dialog-title")
            yield Static(self._consequence, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"{self._yes_label} (y)", id="yes", variant="primary", compact=True)
                yield Button("No (n)", id="no", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_close(self, confirmed: bool) -> None:
        """Close the dialog with a choice."""
        self.dismiss(confirmed)


class ListScreen(ModalScreen[str | None]):
    """Base of dialogs with an option list; returns the id of the selected option, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel", show=False),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_cancel(self) -> None:
        """Close the dialog without a selection."""
        self.dismiss(None)

    def action_down(self) -> None:
        """Highlight the next option."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """Highlight the previous option."""
        self.query_one(OptionList).action_cursor_up()


class ChoiceScreen(ListScreen):
    """A choice from a list of (id, name, description)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("m", "down", "Down", show=False)]

    def __init__(
        self, title: str, choices: Sequence[tuple[str, str, str]], current: str = "", *, wide: bool = False
    ) -> None:
        super().__init__()
        self._title, self._choices, self._current, self._wide = title, choices, current, wide

    def compose(self) -> ComposeResult:
        """Create the title and the list."""
        width = max((cell_len(name) for _, name, _ in self._choices), default=0)
        options = [
            Option(Content.assemble((f"{name}{' ' * (width - cell_len(name))}  ", "bold"), (text, "$muted")), id=key)
            for key, name, text in self._choices
        ]
        longest = max((width + 2 + cell_len(text) for _, _, text in self._choices), default=0)
        size = "widest" if self._wide else "wide" if longest > _DIALOG_CELLS else ""
        with Vertical(classes=f"dialog {size}"):
            yield Static(self._title, markup=False, classes="dialog-title")
            yield OptionList(*options, compact=True, markup=False)

    def on_mount(self) -> None:
        """Highlight the current choice."""
        keys = [key for key, _, _ in self._choices]
        options = self.query_one(OptionList)
        options.highlighted = keys.index(self._current) if self._current in keys else 0
        options.focus()


class HelpScreen(TextScreen):
    """Lists all keys; returns the action of the clicked line, or None."""

    def __init__(self, keys: tuple[KeyBinding, ...]) -> None:
        # List the keys by group.
        parts: list[Content] = []
        for group in dict.fromkeys(key.group for key in keys):
            parts.append(Content.assemble((group, "bold")))
            for index, key in enumerate(keys):
                if key.group == group:
                    name = Content.assemble((f"  {key.display:<{_KEY_CELLS}}", "$accent"))
                    parts.append(name + link(key.help, f"screen.key({index})", "$foreground"))
            parts.append(Content(""))
        # Keys that no widget declares, and the mouse.
        hint = "↑ ↓ select a run, tab moves the focus. Lines here and blue texts can be clicked."
        marks = f"Boxes instead of lines and dots? Start it with {plain_marks.VARIABLE}=plain."
        super().__init__(
            "Keys", Content("\n").join([*parts, *(Content.assemble((t, "$muted")) for t in (hint, marks))])
        )
        self._keys = keys

    def action_key(self, index: int) -> None:
        """Close the dialog with the action of a key."""
        self.dismiss(self._keys[index].action)
