"""The table of keys."""

from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import clear_default_button
from genexplorer.viewer.widgets.labels import heading, muted, text

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "Time": (
        ("Space", "play or pause"),
        ("[  ]", "previous, next snapshot"),
        ("{  }", "first, newest snapshot"),
        ("S", "playback speed"),
        ("L", "follow or hold"),
        ("W", "alerts"),
    ),
    "Run": (
        ("Ctrl+R", "choose a run"),
        ("Ctrl+O", "open a run folder"),
        ("N", "train a new run"),
        ("Ctrl+P", "pause or resume"),
        ("Ctrl+.", "stop"),
    ),
    "Window": (
        ("1 – 9", "tabs"),
        ("T", "theory"),
        ("Ctrl+S", "save an image"),
        ("Ctrl+C", "copy the image"),
        ("Ctrl+Shift+C", "copy as command"),
        ("F11", "full screen"),
        ("Ctrl+D", "light or dark"),
        ("Esc", "dismiss, leave full screen"),
        ("Ctrl+Q", "close; training continues"),
    ),
    "Manifold": (
        ("arrows", "move the cursor"),
        ("Shift+arrows", "in small steps"),
        ("wheel, + −", "zoom"),
        ("0", "reset view"),
        ("A  B", "pin a point"),
        ("P", "draw a path"),
        ("E", "ellipses of q(z|x)"),
        ("O", "points"),
        ("U", "z or u = Φ(z)"),
    ),
    "Manifold, more than 2-D": (
        ("V", "plane: principal, axes, points"),
        ("A  B  C", "pin the plane's points"),
        ("J  K", "select a slider"),
        (",  .", "move it"),
        ("X", "sliders shift grid or cursor"),
        ("Backspace", "reset sliders"),
    ),
    "Progress": (
        ("F  G", "while held: first, newest"),
        ("K", "next kind of images"),
        ("M", "save animation"),
    ),
    "Theory": (("R", "resample"), ("←  →", "previous, next data")),
    "Density": (
        ("O  C  G", "data, classes, samples"),
        ("A  B  X", "gradients, grid, reconstructions"),
        ("Z", "latent plane"),
        ("H", "next heat map"),
        ("R", "resample"),
        ("←  →  Enter", "layers of the flow, play"),
        ("Shift+arrows", "pan"),
        ("+  −  0", "zoom, reset view"),
    ),
    "Flow": (
        ("←  →  Enter", "layers, play"),
        ("↑  ↓  R", "other data, resample"),
        ("D", "x → z or z → x"),
        ("+  −", "temperature"),
    ),
    "Encode": (
        ("arrows", "next test image or point"),
        ("R", "random"),
        ("Enter  Esc", "search for z, cancel search"),
    ),
    "Interpolate": (
        ("←  →", "move; Shift: small steps"),
        ("Home  End", "to A, to B"),
        ("Space", "play in a loop"),
        ("A  B  R", "resample A, B, both"),
        ("X", "swap"),
        ("M", "spherical or linear"),
        ("+  −", "more, fewer images"),
        ("Esc", "cancel search"),
    ),
    "Samples": (("R", "resample"), ("F", "fixed seed"), ("+  −", "columns")),
    "Curves": (
        ("Y", "logarithmic"),
        ("X", "by step, images, time"),
        ("+  −", "smoothing"),
        ("click", "go to that step"),
        ("wheel", "zoom"),
        ("0", "full range"),
    ),
}
_EVERYWHERE = ("Time", "Run", "Window")
_COLUMNS = (
    _EVERYWHERE,
    ("Manifold", "Manifold, more than 2-D", "Theory"),
    ("Density", "Samples", "Encode", "Progress"),
    ("Interpolate", "Flow", "Curves"),
)


class HelpDialog(QDialog):
    """Lists all keys.

    Args:
        tab: The title of the tab in front, whose keys are marked.
        parent: The window.
    """

    def __init__(self, tab: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        columns = QHBoxLayout()
        columns.setSpacing(4 * GAP)
        for groups in _COLUMNS:
            column = QVBoxLayout()
            for name in groups:
                column.addLayout(_group(name, here=bool(tab) and tab in name))
                column.addSpacing(GAP)
            column.addStretch(1)
            columns.addLayout(column)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        clear_default_button(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        layout.setSpacing(2 * GAP)
        layout.addWidget(muted("Left: everywhere. Other columns: only in that tab."))
        layout.addLayout(columns)
        layout.addWidget(buttons)


def _group(name: str, *, here: bool) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * GAP)
    grid.setVerticalSpacing(GAP // 2)
    grid.setColumnStretch(1, 1)
    grid.addWidget(heading(f"{name}  ◂ this tab" if here else name), 0, 0, 1, 2)
    for row, (key, does) in enumerate(KEYS[name], start=1):
        grid.addWidget(text(key), row, 0)
        grid.addWidget(muted(does), row, 1)
    return grid
