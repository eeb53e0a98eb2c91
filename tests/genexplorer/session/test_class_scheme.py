"""Names, colors and groups of classes; and the legend of the dashboard made from them."""

import numpy as np
import pytest
from rich.cells import cell_len

from genexplorer.dashboard.charts.class_legend import class_glyph, class_legend
from genexplorer.session.class_scheme import NO_LABEL, ClassScheme

NAMES = tuple(f"class {number:03}" for number in range(1000))


def test_a_few_classes_have_a_color_each() -> None:
    scheme = ClassScheme(("cat", ""), 3)
    assert [scheme.name(label) for label in (-1, 0, 1, 2)] == [NO_LABEL, "cat", "1", "2"]
    assert scheme.colors(np.array([-1, 0, 2])).tolist() == [-1, 0, 2]
    assert [group.name for group in scheme.groups([2, 0, -1])] == [NO_LABEL, "cat", "2"]


@pytest.mark.parametrize("count", [13, 26, 100, 999, 1000])
def test_neighbors_of_many_classes_share_ten_colors(count: int) -> None:
    scheme = ClassScheme(NAMES[:count], count)
    colors = scheme.colors(np.arange(count))
    assert np.all(np.diff(colors) >= 0) and set(colors.tolist()) == set(range(10))
    assert [scheme.color(label) for label in range(count)] == colors.tolist()
    groups = scheme.groups(range(count))
    assert [label for group in groups for label in group.labels] == list(range(count))
    assert all(colors[label] == group.color for group in groups for label in group.labels)
    assert groups[0].name.startswith("class 000 … ")


def test_the_legend_fits_and_says_what_is_left_out() -> None:
    labels = [0] * 9 + [1] * 8 + [2] * 1 + [3] * 7
    scheme = ClassScheme(("[red]x[/red]", "<b>bird</b>", "rare", "snow leopard"), 4)
    wide = class_legend(labels, scheme, 100, 1)
    assert wide.plain == "0 [red]x[/red]  1 <b>bird</b>  2 rare  3 snow leopard"
    narrow = class_legend(labels, scheme, 30, 1)
    assert "+2 rarer" in narrow.plain and "2 rare " not in narrow.plain
    assert all(cell_len(line) <= 30 for line in narrow.plain.splitlines()) and "\n" not in narrow.plain


def test_the_legend_of_numbers_without_names_is_empty() -> None:
    assert not class_legend([0, 1, 2], ClassScheme((), 3), 80, 2).plain


def test_the_legend_of_many_classes_names_groups() -> None:
    scheme = ClassScheme(NAMES, 1000)
    legend = class_legend(list(range(1000)), scheme, 60, 6).plain
    assert "0 class 000 … class 099" in legend and legend.count("…") >= 10
    assert class_glyph(999, scheme) == "9" and class_glyph(35, ClassScheme((), 36)) == "z"
