"""g: the presets by family; enter opens the chosen one in the form of a new run."""

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from genexplorer.dashboard.screens.dialogs import ListScreen
from genexplorer.session.gallery import gallery, minutes
from trainers import registry
from trainers.registry import Preset


class GalleryScreen(ListScreen):
    """Returns the name of the chosen preset, or None."""

    BINDINGS = [Binding("g", "cancel", "Cancel", show=False)]  # noqa: RUF012 - Textual

    def compose(self) -> ComposeResult:
        """Create the list, and below it the facts about the highlighted preset."""
        with Vertical(classes="dialog wide", id="gallery"):
            yield Static("Presets  enter opens the form", markup=False, classes="dialog-title")
            yield OptionList(*_options(), compact=True, markup=False)
            with VerticalScroll(id="facts", can_focus=False):
                yield Static("", markup=False, id="preset-facts")

    def on_mount(self) -> None:
        """Highlight the first preset."""
        options = self.query_one(OptionList)
        options.focus()
        options.action_first()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        preset = registry.presets().get(event.option.id or "")
        self.query_one("#preset-facts", Static).update(_facts(preset) if preset else Content(""))


def _options() -> list[Option]:
    groups = gallery()
    width = max((len(preset.name) for group in groups for preset in group.presets), default=0)
    options: list[Option] = []
    for group in groups:
        options.append(Option(Content.assemble((group.title, "$muted")), disabled=True))
        for preset in group.presets:
            name, time = f"  {preset.name:<{width}}  ", f"{minutes(preset):>10}  "
            options.append(Option(Content.assemble((name, "bold"), (time, "$muted"), preset.summary), id=preset.name))
    return options


def _facts(preset: Preset) -> Content:
    lines = [Content.assemble(("What to watch ", "$warning"), preset.watch_for)] if preset.watch_for else []
    lines.append(Content.assemble(("Expect ", "$muted"), f"{preset.expected} · about {minutes(preset)} on two cores"))
    lines.append(Content(preset.summary))
    lines += [Content.assemble(("From ", "$muted"), preset.source)] if preset.source else []
    return Content("\n").join(lines)
