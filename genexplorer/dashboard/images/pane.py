"""A recorded image with its caption and the playback controls."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.images.half_blocks import HalfBlockImage
from genexplorer.dashboard.key_bindings import link
from genexplorer.dashboard.view import RunView
from genexplorer.session.objective import breakdown
from genexplorer.session.playback import SnapshotCursor

_TITLES = {"trace": "trace: x → z, layer by layer"}  # where the kind alone is too short


class ImagePane(Vertical):
    """An image with its kind, its step and the playback controls."""

    _texts: Content | None = None
    large = False

    def compose(self) -> ComposeResult:
        """Create the caption, the image and the controls."""
        yield Static("", markup=False, classes="caption")
        yield HalfBlockImage(classes="image")
        yield Static("", markup=False, classes="controls")

    def show(self, run: RunView | None, cursor: SnapshotCursor) -> None:
        """Show a run's image at the time cursor."""
        image = run.image if run else None
        self.query_one(HalfBlockImage).show(image, _placeholder(run), large=self.large)
        width = self.content_size.width
        caption = _caption(run, width) if run else Content("")
        controls = _controls(cursor) if image else Content("")
        if run is not None:
            controls = controls + _position(run, width - len(controls.plain))
        texts = Content("\n").join([caption, controls])
        if self._texts is None or not texts.is_same(self._texts):
            self._texts = texts
            self.query_one(".caption", Static).update(caption, layout=False)  # always one line
            self.query_one(".controls", Static).update(controls, layout=False)


def _placeholder(run: RunView | None) -> str:
    if run is None:
        return ""
    if run.status.state.live:
        return "The first images come\nwith the first snapshot."
    return "No images\nwere recorded."


def _caption(run: RunView, width: int) -> Content:
    """Return the image's kind, and its step on the right."""
    if run.image is None:
        return Content("")
    ref = run.image.ref
    more = " ▾" if len(run.image_kinds) > 1 else ""
    step = f"step {ref.step:,}"
    title = clip(_TITLES.get(ref.kind, ref.kind.replace("_", " ")) + more, max(width - len(step) - 1, 6))
    gap = max(width - len(title) - len(step), 1)
    return Content.assemble(link(title, "screen.next_kind", "bold"), " " * gap, (step, "$muted"))


def _position(run: RunView, width: int) -> Content:
    """Return the image's number among all steps, and the objective at its step if there is room."""
    if run.image is None:
        return Content("")
    steps, step = run.image_steps, run.image.ref.step
    position = f"   {steps.index(step) + 1 if step in steps else len(steps)} of {len(steps)}"
    objective = breakdown(run.theory, run.values) if run.theory else None
    texts = [*(f"{position}   {line}" for line in (objective.lines if objective else ())), position]
    return Content.assemble((next((text for text in texts if len(text) <= width), ""), "$muted"))


def _controls(cursor: SnapshotCursor) -> Content:
    following = link("● following", "screen.follow", "$accent")
    return Content.assemble(
        link(" ◂ ", "screen.move_snapshot(-1)", "bold"),
        link(" ❚❚ " if cursor.playing else " ▶ ", "screen.play", "bold"),
        link(" ▸ ", "screen.move_snapshot(1)", "bold"),
        " ",
        following if cursor.following else link("○ paused, L follows", "screen.follow"),
    )
