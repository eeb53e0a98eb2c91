"""Rows of the list of runs, and the filter."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from genexplorer.dashboard.panes.run_list import ColumnWidths, RunRow, row_segments
from genexplorer.dashboard.panes.runs import matches
from genexplorer.runs.record import State
from tests.genexplorer.dashboard.panes.test_header import STATUS


@pytest.mark.parametrize("width", [10, 25, 34, 46, 62])
def test_rows_fit_their_width(width: int) -> None:
    for state in State:
        row = RunRow(replace(STATUS, state=state, name="日本語" * 20))
        cells = row_segments(row, width, ColumnWidths.measure([row]), selected=True)
        assert sum(cell_len(text) for text, _ in cells) <= max(width, 11)


def test_states_differ_without_color() -> None:
    rows = [RunRow(replace(STATUS, state=state)) for state in State]
    texts = {
        "".join(text for text, _ in row_segments(row, 34, ColumnWidths.measure(rows), selected=False)) for row in rows
    }
    assert len(texts) == len(State)


def test_name_gets_the_remaining_room() -> None:
    long = RunRow(replace(STATUS, name="a-name-of-19-letters", state=State.RUNNING))
    marked = replace(long, comparison_label="A")
    for rows, name in (([long], "a-name-of-19-lette…"), ([marked, long], "a-name-of-19-lett…")):
        text = "".join(text for text, _ in row_segments(rows[0], 36, ColumnWidths.measure(rows), selected=False))
        assert f" {name} vae 62% 1:10" in text and cell_len(text) == 36


def test_columns_are_aligned() -> None:
    rows = [RunRow(STATUS), RunRow(replace(STATUS, name="x", state=State.STOPPING, progress=1.0, family="flow"))]
    lines = [
        "".join(text for text, _ in row_segments(row, 36, ColumnWidths.measure(rows), selected=False)) for row in rows
    ]
    assert lines[0].index(" vae") == lines[1].index(" flow")
    assert [line.rstrip()[-4:] for line in lines] == ["1:10", "ping"]


def test_a_branch_has_an_arrow_before_its_name() -> None:
    rows = [RunRow(STATUS), RunRow(replace(STATUS, name="calm-owl"), prefix="  ⤷ ")]
    line = "".join(text for text, _ in row_segments(rows[1], 46, ColumnWidths.measure(rows), selected=False))
    assert "  ⤷ calm-owl" in line and cell_len(line) == 46


def test_filter_needs_every_word() -> None:
    assert matches(STATUS, "") and matches(STATUS, "FOX vae") and matches(STATUS, "running")
    assert not matches(STATUS, "fox gan")
