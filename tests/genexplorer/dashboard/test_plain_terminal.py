"""The dashboard on terminals whose fonts lack characters."""

from pathlib import Path

import pytest
from textual.drivers.headless_driver import HeadlessDriver

from genexplorer.dashboard.app import DashboardApp, plain_driver
from tests.genexplorer.dashboard.conftest import until


class RecordingDriver(HeadlessDriver):
    """Records what would be written to the terminal."""

    written = ""

    def write(self, data: str) -> None:
        RecordingDriver.written += data


async def test_all_that_is_written_is_in_plain_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    app = DashboardApp(tmp_path)
    assert app.driver_class.__name__ == "PlainDriver"
    monkeypatch.setenv("GENEXPLORER_MARKS", "unicode")
    assert DashboardApp(tmp_path).driver_class.__name__ != "PlainDriver"
    driver = plain_driver(RecordingDriver)(app)
    driver.write("\x1b[31m−3.8 ⣿⠉\x1b[0m│")
    assert RecordingDriver.written == "\x1b[31m-3.8 █▀\x1b[0m│"


async def test_the_help_names_the_variable(tmp_path: Path) -> None:
    app = DashboardApp(tmp_path)
    async with app.run_test(size=(100, 60)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) > 1)
        assert "GENEXPLORER_MARKS=plain" in str(app.screen.query("Static").last().render())
