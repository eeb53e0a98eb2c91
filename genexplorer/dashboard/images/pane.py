"""Recorded pictures in half blocks, through time: ◂ ▸ step, ● follows, a click on the name changes the kind."""

from typing import Any

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.images import half_blocks
from genexplorer.dashboard.images.tiles import montage
from genexplorer.dashboard.links import link
from genexplorer.dashboard.view import RunView, TiledImage
from genexplorer.session.objective import breakdown

_GAP = {"manifold": 0, "samples": 1, "reconstructions": 1}
_NAMES = {"trace": "trace: stage by stage, x → z"}  # where the kind alone says too little


class HalfBlockImage(Widget):
    """Paints one picture, or words in its place."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._picture: TiledImage | None = None
        self._words = ""
        self._large = False
        self._strips: list[Strip] | None = None
        self._strips_size = Size(0, 0)

    def show(self, picture: TiledImage | None, words: str, *, large: bool) -> None:
        """Show a picture; without one, the words."""
        if picture is self._picture and words == self._words and large == self._large:
            return
        self._picture, self._words, self._large, self._strips = picture, words, large, None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint one row of cells."""
        width = self.size.width
        rows = self._drawn()
        if self._picture is None:
            lines = self._words.splitlines()
            text = clip(lines[y], width) if y < len(lines) else ""
            return _plain(text, width, self)
        return rows[y].adjust_cell_length(width, self.rich_style) if y < len(rows) else _plain("", width, self)

    def _drawn(self) -> list[Strip]:
        if self._picture is None:
            return []
        if self._strips is None or self.size != self._strips_size:
            kind = self._picture.ref.kind
            gap = _GAP.get(kind, 1)
            pixels = montage(self._picture.tiles, kind, self.size.width, self.size.height, gap=gap, large=self._large)
            self._strips, self._strips_size = half_blocks.strips(pixels), self.size
        return self._strips


def _plain(text: str, width: int, widget: Widget) -> Strip:
    return Strip([Segment(text, widget.rich_style)]).adjust_cell_length(width, widget.rich_style)


class ImagePane(Vertical):
    """A picture with its name, its step and the controls of time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._caption: Content | None = None
        self.large = False

    def compose(self) -> ComposeResult:
        """Lay out caption, picture and controls."""
        yield Static("", markup=False, classes="caption")
        yield HalfBlockImage(classes="picture")
        yield Static("", markup=False, classes="controls")

    def show(self, run: RunView | None, *, following: bool, playing: bool) -> None:
        """Show the picture of a run at the time cursor."""
        picture = run.picture if run else None
        self.query_one(HalfBlockImage).show(picture, _no_picture(run), large=self.large)
        caption = _caption(run, self.content_size.width)
        controls = _controls(following=following, playing=playing) if picture else Content("")
        controls = controls + _moment(run, self.content_size.width - len(controls.plain))
        both = Content("\n").join([caption, controls])
        if self._caption is None or not both.is_same(self._caption):
            self._caption = both
            self.query_one(".caption", Static).update(caption, layout=False)  # a line each, whatever it says
            self.query_one(".controls", Static).update(controls, layout=False)


def _no_picture(run: RunView | None) -> str:
    if run is None:
        return ""
    if run.status.state.live:
        return "Pictures come with\nthe first snapshot."
    return "No pictures\nwere recorded."


def _caption(run: RunView | None, width: int) -> Content:
    if run is None or run.picture is None:
        return Content("")
    ref = run.picture.ref
    more = " ▾" if len(run.picture_kinds) > 1 else ""
    step = f"step {ref.step:,}"
    name = clip(_NAMES.get(ref.kind, ref.kind.replace("_", " ")) + more, max(width - len(step) - 1, 6))
    gap = max(width - len(name) - len(step), 1)
    return Content.assemble(link(name, "screen.next_kind", "bold"), " " * gap, (step, "$muted"))


def _moment(run: RunView | None, width: int) -> Content:
    """Return which of the pictures this is and the objective at its step, as far as there is room."""
    if run is None or run.picture is None:
        return Content("")
    steps = run.picture_steps
    place = steps.index(run.picture.ref.step) + 1 if run.picture.ref.step in steps else len(steps)
    written = breakdown(run.theory, run.values) if run.theory else None
    texts = [f"   {place} of {len(steps)}   {line}" for line in (written.lines if written else ())]
    texts.append(f"   {place} of {len(steps)}")
    return Content.assemble((next((text for text in texts if len(text) <= width), ""), "$muted"))


def _controls(*, following: bool, playing: bool) -> Content:
    follow = (
        link("● following", "screen.follow", "$accent") if following else link("○ held, L follows", "screen.follow")
    )
    return Content.assemble(
        link(" ◂ ", "screen.replay(-1)", "bold"),
        link(" ❚❚ " if playing else " ▶ ", "screen.play", "bold"),
        link(" ▸ ", "screen.replay(1)", "bold"),
        " ",
        follow,
    )
