"""What each key does."""

from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.viewer.style import GAP
from genexplorer.viewer.widgets.controls import clear_default_button
from genexplorer.viewer.widgets.labels import heading, muted, text

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "Time": (
        ("Space", "play or stop"),
        ("[  ]", "snapshot before, after"),
        ("{  }", "first, newest snapshot"),
        ("S", "speed of playing"),
        ("L", "follow or hold"),
        ("W", "why: all alerts"),
    ),
    "Run": (
        ("Ctrl+R", "choose a run"),
        ("Ctrl+O", "open a run folder"),
        ("N", "train a new run"),
        ("Ctrl+P", "pause or go on"),
        ("Ctrl+.", "stop"),
    ),
    "Window": (
        ("1 – 9", "tabs"),
        ("T", "theory"),
        ("Ctrl+S", "save a picture"),
        ("Ctrl+C", "copy the picture"),
        ("Ctrl+Shift+C", "copy as command"),
        ("F11", "present"),
        ("Ctrl+D", "light or dark"),
        ("Esc", "dismiss, leave presenting"),
        ("Ctrl+Q", "close; training goes on"),
    ),
    "Manifold": (
        ("arrows", "move the cursor"),
        ("Shift+arrows", "move it finely"),
        ("wheel, + −", "zoom"),
        ("0", "home"),
        ("A  B", "pin a point"),
        ("P", "pen a path"),
        ("E", "ellipses of q(z|x)"),
        ("O", "points"),
        ("U", "z or u = Φ(z)"),
    ),
    "Planes of the Manifold": (
        ("V", "principal, axes, points"),
        ("A  B  C", "pin its points"),
        ("J  K", "choose a slider"),
        (",  .", "move it"),
        ("X", "it moves plane or image"),
        ("Backspace", "all sliders to 0"),
    ),
    "Progress": (
        ("F  G", "hold: first, newest"),
        ("K", "next kind of pictures"),
        ("M", "save the film"),
    ),
    "Theory": (("R", "draw again"), ("←  →", "other image or point")),
    "Density": (
        ("O  C  G", "data, their classes, samples"),
        ("A  B  X", "gradients, grid, reconstructions"),
        ("Z", "latent plane"),
        ("H", "next heat map"),
        ("R", "other samples"),
        ("←  →  Enter", "unmix, play"),
        ("Shift+arrows", "pan"),
        ("+  −  0", "zoom, home"),
    ),
    "Flow": (
        ("←  →  Enter", "stations, play"),
        ("↑  ↓  R", "other data"),
        ("D", "x → z or z → x"),
        ("+  −", "temperature"),
    ),
    "Encode": (
        ("arrows", "next test image or point"),
        ("R", "one by chance"),
        ("Enter  Esc", "search for z, give up"),
    ),
    "Interpolate": (
        ("←  →", "walk; Shift: finely"),
        ("Home  End", "to A, to B"),
        ("Space", "walk to and fro"),
        ("A  B  R", "another end, both"),
        ("X", "A and B change places"),
        ("M", "spherical or linear"),
        ("+  −", "more, fewer images"),
        ("Esc", "give a search up"),
    ),
    "Samples": (("R", "draw anew"), ("F", "back to the fixed seed"), ("+  −", "columns")),
    "Curves": (
        ("Y", "logarithmic"),
        ("X", "by step, images, time"),
        ("+  −", "smoother, rawer"),
        ("click", "go to that time"),
        ("wheel", "zoom time"),
        ("0", "home"),
    ),
}
_EVERYWHERE = ("Time", "Run", "Window")
_COLUMNS = (
    _EVERYWHERE,
    ("Manifold", "Planes of the Manifold", "Theory"),
    ("Density", "Samples", "Encode", "Progress"),
    ("Interpolate", "Flow", "Curves"),
)


class HelpDialog(QDialog):
    """All keys at a glance.

    Args:
        tab: The title of the tab in front, whose keys are the ones that work now.
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
        layout.addWidget(
            muted(
                "The first column holds everywhere. The others hold in their own tab: one letter does"
                " there what it says, whatever it does elsewhere."
            )
        )
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
