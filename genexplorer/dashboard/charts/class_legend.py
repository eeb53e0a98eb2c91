"""The legend of a scatter plot: the glyph of each class in its color, and its name. No widget."""

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from genexplorer.dashboard.text_fitting import clip
from genexplorer.session.class_scheme import ClassScheme

_CLASS_GLYPHS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAME_LENGTHS = (24, 16, 12, 9, 7)  # in cells, the longest that fits is used
_SEPARATOR = "  "
Entry = tuple[str, int, str]  # glyph, index of the color, name


def class_glyph(label: int, scheme: ClassScheme) -> str:
    """Return the character of a class: of more than 36 classes, the digit of its color."""
    if label < 0:
        return "·"
    return _CLASS_GLYPHS[label if scheme.count <= len(_CLASS_GLYPHS) else scheme.color(label) % 10]


def class_legend(labels: Sequence[int], scheme: ClassScheme, width: int, max_lines: int) -> Content:
    """Return the legend of points with these labels, empty where names would only repeat the glyphs.

    Where not all classes fit, the most frequent ones are listed, and how many are left out.
    """
    scheme = scheme.with_labels(labels)
    if not (scheme.names or scheme.is_grouped) or max_lines < 1:
        return Content("")
    # Name each class or group of classes.
    counts = Counter(scheme.color(label) if scheme.is_grouped else label for label in labels if label >= 0)
    entries: dict[int, Entry] = {}
    for group in scheme.groups(label for label in labels if label >= 0):
        glyphs = dict.fromkeys((class_glyph(group.first, scheme), class_glyph(group.last, scheme)))
        entries[group.color] = ("-".join(glyphs), group.color, group.name)
    # Shorten the names until all fit; else leave out the rarest.
    by_frequency = [color for color, _ in counts.most_common()]
    for count in range(len(entries), 0, -1):
        listed = [entries[color] for color in sorted(by_frequency[:count])]
        left_out = len(entries) - count
        note = f"+{left_out} rarer" if left_out else ""
        lengths = _NAME_LENGTHS if not left_out else _NAME_LENGTHS[-2:]
        for length in lengths:
            if (content := _packed(listed, note, length, width, max_lines)) is not None:
                return content
    return Content("")


def _packed(entries: Sequence[Entry], note: str, length: int, width: int, max_lines: int) -> Content | None:
    """Return the entries in lines, each name of at most `length` cells; None if they do not fit."""
    lines: list[list[Content]] = [[]]
    used = 0
    for glyphs, color, name in [*entries, ("", -1, note)] if note else entries:
        text = f" {clip(name, length)}" if glyphs else name
        size = cell_len(glyphs) + cell_len(text)
        if size > width:
            return None
        if used and used + len(_SEPARATOR) + size > width:
            lines.append([])
            used = 0
        used += size + (len(_SEPARATOR) if used else 0)
        lines[-1].append(Content.assemble((glyphs, f"$label-{color % 10}"), text) if glyphs else Content(text))
    if len(lines) > max_lines:
        return None
    return Content("\n").join([Content(_SEPARATOR).join(line) for line in lines])
