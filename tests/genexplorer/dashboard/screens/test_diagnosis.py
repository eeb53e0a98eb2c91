"""Advice on alerts."""

import ast
from pathlib import Path

import trainers
from genexplorer.dashboard.screens.diagnosis import ADVICE, diagnosis_screen
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow
from tests.genexplorer.dashboard.panes.test_header import STATUS


def test_alert_with_advice() -> None:
    alert = AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats")
    screen = diagnosis_screen(RunView(STATUS.folder, STATUS, alerts=(alert,)))
    assert "KL warm-up" in screen.text.plain


def test_every_alert_of_the_trainers_has_advice() -> None:
    sources = [path.read_text() for path in Path(trainers.__file__).parent.rglob("*.py")]
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    alerts = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Alert"]
    codes = {call.args[2].value for call in alerts if isinstance(call.args[2], ast.Constant)}
    yields = [y for source in sources for y in ast.walk(ast.parse(source)) if isinstance(y, ast.Yield)]
    pairs = [y.value.elts for y in yields if isinstance(y.value, ast.Tuple) and len(y.value.elts) == 2]
    codes |= {first.value for first, _ in pairs if isinstance(first, ast.Constant) and isinstance(first.value, str)}
    assert len(codes) >= 5 and codes == set(ADVICE)
