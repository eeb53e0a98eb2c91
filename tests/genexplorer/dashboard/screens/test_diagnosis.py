"""Advice on alerts."""

import ast
from pathlib import Path

import trainers
from genexplorer.dashboard.screens.run_dialogs import ADVICE, diagnosis_screen
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow
from tests.genexplorer.dashboard.panes.test_header import STATUS


def test_alert_with_advice() -> None:
    alert = AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats")
    screen = diagnosis_screen(RunView(STATUS.folder, STATUS, alerts=(alert,)))
    assert "KL warm-up" in screen.text.plain


def test_every_alert_of_the_trainers_has_advice() -> None:
    position = {"Alert": 2, "ModelWarning": 0}  # of the code among the arguments
    codes = set()
    for path in Path(trainers.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in position:
                code = node.args[position[node.func.id]]
                codes |= {code.value} if isinstance(code, ast.Constant) else set()
    assert len(codes) >= 5 and codes == set(ADVICE)
