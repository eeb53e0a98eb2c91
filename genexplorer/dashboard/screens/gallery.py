"""g: everything that can be trained, by family; enter takes one into the form of a new run."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from genexplorer.session.gallery import PresetGroup, gallery, minutes
from trainers import registry
from trainers.registry import Preset


class GalleryScreen(ModalScreen[str | None]):
    """Returns the name of the preset that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,g", "leave", "Leave", show=False),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    def __init__(self, groups: tuple[PresetGroup, ...] | None = None) -> None:
        super().__init__()
        self._groups = gallery() if groups is None else groups

    def compose(self) -> ComposeResult:
        """Lay out the list above what is known about the one that is chosen."""
        with Vertical(classes="dialog wide", id="gallery"):
            yield Static("What to train?  enter opens its form", markup=False, classes="dialog-title")
            yield OptionList(*self._options(), compact=True, markup=False)
            with VerticalScroll(id="facts", can_focus=False):
                yield Static("", markup=False, id="preset-facts")

    def on_mount(self) -> None:
        """Begin at the first preset."""
        options = self.query_one(OptionList)
        options.focus()
        options.action_first()

    def _options(self) -> list[Option]:
        width = max((len(preset.name) for group in self._groups for preset in group.presets), default=0)
        made: list[Option] = []
        for group in self._groups:
            made.append(Option(Content.assemble((group.title, "$muted")), disabled=True))
            made += [Option(_row(preset, width), id=preset.name) for preset in group.presets]
        return made

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        preset = registry.presets().get(event.option.id or "")
        self.query_one("#preset-facts", Static).update(_facts(preset) if preset else Content(""))

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


def _row(preset: Preset, width: int) -> Content:
    return Content.assemble(
        (f"  {preset.name:<{width}}  ", "bold"), (f"{minutes(preset):>10}  ", "$muted"), preset.summary
    )


def _facts(preset: Preset) -> Content:
    lines = [Content.assemble(("What to look at ", "$warning"), preset.watch_for)] if preset.watch_for else []
    lines.append(Content.assemble(("Expect ", "$muted"), f"{preset.expected} · about {minutes(preset)} on two cores"))
    lines.append(Content(preset.summary))
    lines += [Content.assemble(("From ", "$muted"), preset.source)] if preset.source else []
    return Content("\n").join(lines)
