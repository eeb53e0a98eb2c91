"""The log: each line, and the tail of worker.log, is displayed once."""

from pathlib import Path

from textual.app import App, ComposeResult

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.tabs.log import LogPane
from genexplorer.runs.record import LogLine, RunStatus, State

FOLDER = Path("/runs/vae-brave-fox-ab12")
LOST = RunStatus("vae-brave-fox-ab12", FOLDER, "brave-fox", State.LOST, "vae", "vae", "mnist")


class LogApp(App[None]):
    """The pane alone."""

    def compose(self) -> ComposeResult:
        yield LogPane()


def details(*messages: str, tail: str = "", folder: Path = FOLDER) -> RunDetails:
    lines = tuple(LogLine(number, 0.0, number, "info", message) for number, message in enumerate(messages, 1))
    return RunDetails(folder, LOST, log=lines, log_tail=tail)


async def displayed(*redraws: RunDetails | None) -> str:
    """Return the text of the pane after some redraws."""
    app = LogApp()
    async with app.run_test() as pilot:
        pane = app.query_one(LogPane)
        for run in redraws:
            pane.show(run)
            await pilot.pause()
        return "\n".join(line.text for line in pane.lines)


async def test_the_tail_of_a_run_without_log_lines_is_displayed_once() -> None:
    run = details(tail="Killed")
    text = await displayed(run, run, run)
    assert text.count("Last log lines of the worker:") == text.count("Killed") == 1


async def test_lines_and_tail_are_displayed_once() -> None:
    run = details("started", "step 2", tail="Killed")
    text = await displayed(run, run)
    assert [text.count(part) for part in ("started", "step 2", "Killed")] == [1, 1, 1]


async def test_the_first_line_replaces_the_note_of_an_empty_log() -> None:
    assert "The log is empty." in await displayed(details(), details())
    text = await displayed(details(), details("started"), details("started", "step 2"))
    assert "empty" not in text
    assert text.count("started") == text.count("step 2") == 1


async def test_a_line_is_displayed_above_the_tail() -> None:
    text = await displayed(details("started", tail="Killed"), details("started", "failed", tail="Killed"))
    assert text.index("started") < text.index("failed") < text.index("Killed")
    assert text.count("started") == text.count("Killed") == 1


async def test_another_run_clears_the_pane() -> None:
    text = await displayed(details("started"), details("other", folder=FOLDER.with_name("other")))
    assert "other" in text and "started" not in text
    assert not await displayed(details("started"), None)
