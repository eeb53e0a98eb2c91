"""The dialog that explains a run's state."""

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.screens.run_dialogs import diagnosis_screen
from genexplorer.runs.record import AlertRow
from tests.genexplorer.dashboard.panes.test_header import STATUS


def test_alert_with_hint() -> None:
    alert = AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats")
    screen = diagnosis_screen(RunDetails(STATUS.folder, STATUS, alerts=(alert,)))
    assert "KL warm-up" in screen.text.plain
