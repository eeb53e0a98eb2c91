"""Dry runs and their expected time, presets, the doctor, and the commands that the faces let one copy."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genexplorer import paths
from genexplorer.cli import doctor_checks, explore_pictures, qt_libraries, settings
from genexplorer.errors import ConfigError
from genexplorer.session import command_lines, expected_time
from tests.fixtures.made_up_run import write_run
from tests.genexplorer.cli.conftest import Cli
from trainers import registry


def test_a_dry_run_prints_settings_parameters_and_time_and_makes_nothing(cli: Cli) -> None:
    said = cli("train", "vae-2d", "--beta", "2", "--dry-run")
    assert said.code == 0
    assert "model.beta" in said.out
    assert "1,594,132" in said.out
    assert "what preset 'vae-2d' states" in said.out
    assert not paths.runs_dir().exists()


def test_parameters_in_a_plan_are_counted_by_hand(cli: Cli) -> None:
    plan = json.loads(cli("train", "vae", "--hidden", "3", "--latent-dim", "2", "--dry-run", "--json").out)
    assert plan["parameters"] == (784 * 3 + 3) + (3 * 4 + 4) + (2 * 3 + 3) + (3 * 784 + 784)


def test_the_expected_time_is_the_preset_s_scaled_to_the_length() -> None:
    preset = registry.preset("vae-2d")
    whole = expected_time.expected_time(settings.resolve("vae-2d", flags={}), Path("/nowhere"))
    tenth = expected_time.expected_time(settings.resolve("vae-2d", flags={"--epochs": 4.0}), Path("/nowhere"))
    assert whole.seconds == pytest.approx(preset.minutes * 60)
    assert tenth.seconds == pytest.approx(preset.minutes * 6)
    assert "scaled" in tenth.source
    assert "scaled" not in whole.source
    fixed = expected_time.expected_time(settings.resolve("vae-2d", flags={"--minutes": 3.0}), Path("/nowhere"))
    assert fixed.seconds == 180


def test_the_expected_time_is_measured_where_a_like_run_was_made(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=800, name="swift-hare", pictures=False)
    from genexplorer.runs.reader import RunReader

    with RunReader(folder) as reader:
        alike, status = reader.config(), reader.status()
    told = expected_time.expected_time(alike, tmp_path)
    assert "swift-hare" in told.source
    assert told.images_per_s == pytest.approx(status.images_seen / status.elapsed_s)
    assert told.seconds == pytest.approx(800 * 128 * status.elapsed_s / status.images_seen)
    other = alike.model_copy(update={"optim": alike.optim.model_copy(update={"batch_size": 64})})
    assert "swift-hare" not in expected_time.expected_time(other, tmp_path).source


def test_presets_tell_what_they_reach(cli: Cli) -> None:
    listed = json.loads(cli("presets", "--json").out)
    assert [preset["name"] for preset in listed] == list(registry.presets())
    assert all(preset["config"]["schema_version"] for preset in listed)
    assert "fixed" in cli("presets", "uva2019-vae").out


def test_every_command_that_can_be_copied_is_understood(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    class Stand:
        num_test = 10_000

        def __init__(self, run: str, out: Path, step: int | None, runs_dir: Path | None, *, needs: str) -> None:
            asked.append((run, step))

        def answer(self, op: str, params: Any) -> Any:
            asked.append((op, params))
            raise ConfigError("enough")

    monkeypatch.setattr(explore_pictures, "Asked", Stand)
    lines: list[tuple[str, str, dict[str, object]]] = [
        (
            command_lines.manifold("my run", bounds=(-2.5, 2, -1e-3, 2), coords="z", rows=5, columns=7, step=40),
            "manifold",
            {"rows": 5, "columns": 7, "bounds": [-2.5, 2, -0.001, 2], "coords": "z"},
        ),
        (
            command_lines.sample("a", count=9, seed=3, temperature=0.5),
            "sample",
            {"count": 9, "seed": 3, "temperature": 0.5},
        ),
        (command_lines.reconstruct("a", first=7, count=2), "encode", {"indices": [7, 8]}),
    ]
    for line, op, params in lines:
        asked.clear()
        assert cli(*shlex.split(line)[1:]).err == "error: enough\n", line
        assert asked[1] == (op, params)
    assert asked[0] == ("a", None)


def test_a_copied_training_is_the_same_training(cli: Cli, tmp_path: Path) -> None:
    config = settings.resolve(
        "vae", flags={"--steps": 7, "--seed": 3}, assignments=["model.hidden=[5,6]", "optim.lr=0.01"]
    )
    line = command_lines.train(config, name="again")
    words = [word for word in shlex.split(line)[1:] if word not in ("--name", "again")]
    plan = json.loads(cli(*words, "--dry-run", "--json").out)
    assert plan["config"] == config.model_dump(mode="json")


def finding(check: Callable[[], doctor_checks.Finding]) -> tuple[str, str]:
    found = check()
    return found.level, found.advice


def test_the_doctor_checks_what_can_be_checked_here(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = doctor_checks.Finding("torch", "ok", "torch 2")
    monkeypatch.setattr(doctor_checks, "torch_and_device", lambda: fine)
    told = json.loads(cli("doctor", "--json").out)
    names = {check["name"] for check in told["checks"]}
    assert {"python", "torch", "data", "threads", "disk", "display", "qt", "runs folder"} <= names
    assert told["healthy"] is True
    monkeypatch.setattr(
        doctor_checks, "bundled_data", lambda: doctor_checks.Finding("data", "broken", "gone", "mend it")
    )
    said = cli("doctor")
    assert said.code == 1
    assert "→ mend it" in said.out
    assert "broken: data" in said.err


def test_the_doctor_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    found = doctor_checks.writable("runs folder", file / "runs")
    assert (found.level, "--runs-dir" in found.advice) == ("broken", True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert finding(doctor_checks.display)[0] == "warning"
    monkeypatch.setattr(qt_libraries, "missing", lambda: ["libxcb-cursor.so.0", "libodd.so.1"])
    level, advice = finding(doctor_checks.qt)
    assert level == "warning", "no display, no window, nothing broken"
    assert "apt install libxcb-cursor0" in advice
    assert "libodd.so.1" in advice
    monkeypatch.setenv("DISPLAY", ":0")
    assert finding(doctor_checks.qt)[0] == "broken"


def test_a_torch_that_cannot_be_imported_is_told_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "TORCH_SCRIPT", "import nothing_of_this_name")
    found = doctor_checks.torch_and_device()
    assert found.level == "broken"
    assert "nothing_of_this_name" in found.found
