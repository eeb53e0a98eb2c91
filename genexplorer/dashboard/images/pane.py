"""A recorded image with its caption and the playback controls."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from genexplorer.dashboard.details import RunDetails, TiledImage
from genexplorer.dashboard.images.half_blocks import HalfBlockImage
from genexplorer.dashboard.key_bindings import link
from genexplorer.dashboard.text_fitting import clip
from genexplorer.dashboard.widgets import Text
from genexplorer.session.objective import objective_values
from genexplorer.session.step_selection import StepSelection

_IMAGE_KIND_TITLES = {"trace": "trace: x → z, layer by layer"}  # of kinds that do not explain themselves


class ImagePane(Vertical):
    """An image with its kind, its step and the playback controls."""

    large_tiles = False  # few tiles at full size instead of many small ones

    def compose(self) -> ComposeResult:
        """Create the caption, the image and the controls."""
        yield Text(classes="caption")
        yield HalfBlockImage(classes="image")
        yield Text(classes="controls")

    def show(self, run: RunDetails | None, step_selection: StepSelection) -> None:
        """Show a run's image at the selected step."""
        placeholder, caption, controls = "", Content(""), Content("")
        width = self.content_size.width
        if run is not None and run.image is not None:
            caption, controls = _caption_content(run, run.image, width), _controls_content(step_selection)
            controls += _position_content(run, run.image.step, width - len(controls.plain))
        elif run is not None:
            is_active = run.status.state.active
            placeholder = (
                "The first images come\nwith the first snapshot." if is_active else "No images\nwere recorded."
            )
        self.query_one(HalfBlockImage).show(run.image if run else None, placeholder, large_tiles=self.large_tiles)
        self.query_one(".caption", Text).show_text(caption, layout=False)  # always one line
        self.query_one(".controls", Text).show_text(controls, layout=False)


def _caption_content(run: RunDetails, image: TiledImage, width: int) -> Content:
    """Return the image's kind, and its step on the right."""
    more = " ▾" if len(run.image_kinds) > 1 else ""
    step = f"step {image.step:,}"
    title = clip(_IMAGE_KIND_TITLES.get(image.kind, image.kind.replace("_", " ")) + more, max(width - len(step) - 1, 6))
    gap = max(width - len(title) - len(step), 1)
    return Content.assemble(link(title, "screen.next_image_kind", "bold"), " " * gap, (step, "$muted"))


def _position_content(run: RunDetails, step: int, width: int) -> Content:
    """Return the image's number among all steps and, if there is space, the objective at its step."""
    steps = run.image_steps
    position = f"   {steps.index(step) + 1 if step in steps else len(steps)} of {len(steps)}"
    objective = objective_values(run.theory, run.values) if run.theory else None
    texts = [*(f"{position}   {line}" for line in (objective.texts if objective else ())), position]
    return Content.assemble((next((text for text in texts if len(text) <= width), ""), "$muted"))


def _controls_content(step_selection: StepSelection) -> Content:
    following = link("● following", "screen.follow", "$accent")
    return Content.assemble(
        link(" ◂ ", "screen.move_step(-1)", "bold"),
        link(" ❚❚ " if step_selection.playing else " ▶ ", "screen.play", "bold"),
        link(" ▸ ", "screen.move_step(1)", "bold"),
        " ",
        following if step_selection.following else link("○ paused, L follows", "screen.follow"),
    )
