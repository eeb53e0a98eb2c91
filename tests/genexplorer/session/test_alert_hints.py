"""Hints for alerts."""

import ast
from pathlib import Path

import trainers
from genexplorer.session.alert_hints import ALERT_HINTS


def test_every_alert_of_the_trainers_has_a_hint() -> None:
    position = {"Alert": 2, "ModelWarning": 0}  # of the code among the arguments
    codes = set()
    for path in Path(trainers.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in position:
                code = node.args[position[node.func.id]]
                codes |= {code.value} if isinstance(code, ast.Constant) else set()
    assert len(codes) >= 5 and codes == set(ALERT_HINTS)
