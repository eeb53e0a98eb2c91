"""Dry runs and their expected time, presets, the doctor, and commands to copy."""

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from genexplorer import paths
from genexplorer.cli import settings
from genexplorer.cli.doctor import checks
from genexplorer.cli.pictures import images, interpolate, reconstruct, trace
from genexplorer.cli.pictures.image_command import OperationResult
from genexplorer.errors import ConfigError
from genexplorer.session import command_lines, eta
from tests.fixtures.fake_run import write_run
from tests.genexplorer.cli.conftest import Cli
from trainers import registry
from trainers.plan import resolve
from trainers.storage import atomic_files


def test_train_warns_of_a_disk_that_the_run_may_fill(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10e9}))
    monkeypatch.setattr("genexplorer.cli.train._start", lambda *args, **options: None)
    assert "has 10.0 GB free" in cli("train", "vae", "--steps", "100000000").err
    assert "GB free" not in cli("train", "vae", "--steps", "100").err


def test_a_dry_run_prints_settings_parameters_and_time_and_creates_nothing(cli: Cli) -> None:
    result = cli("train", "vae-2d", "--beta", "2", "--dry-run")
    assert result.code == 0
    assert "model.beta" in result.out
    assert "1,594,132" in result.out
    assert "estimate of preset 'vae-2d'" in result.out
    assert not paths.runs_dir().exists()


@pytest.mark.parametrize("options", [("--name", "latest"), ("--name", "n" * 65), ("--tag", ""), ("--tag", "t" * 33)])
@pytest.mark.parametrize("instead", [("--dry-run",), ("--write-config", "-")])
def test_a_name_or_tag_that_training_refuses_is_refused_by_a_dry_run(
    cli: Cli, options: tuple[str, ...], instead: tuple[str, ...]
) -> None:
    result = cli("train", "vae-toy", *options, *instead)
    assert result.code == 2 and not result.out and result.err.count("\n") == 1


def test_a_dry_run_on_2d_data(cli: Cli) -> None:
    result = cli("train", "flow-toy", "--dry-run").out
    assert "2-D points" in result
    assert "C×H×W" not in result


def test_parameters_in_a_plan_are_counted_by_hand(cli: Cli) -> None:
    plan = json.loads(cli("train", "vae", "--hidden", "3", "--latent-dim", "2", "--dry-run", "--json").out)
    assert plan["parameters"] == (784 * 3 + 3) + (3 * 4 + 4) + (2 * 3 + 3) + (3 * 784 + 784)


def test_the_expected_time_of_a_preset_is_scaled_to_the_length() -> None:
    preset = registry.preset("vae-2d")
    whole = eta.expected_time(settings.resolve("vae-2d", flags={}), Path("/nowhere"))
    tenth = eta.expected_time(settings.resolve("vae-2d", flags={"--epochs": 4.0}), Path("/nowhere"))
    assert whole.seconds == pytest.approx(preset.minutes * 60)
    assert tenth.seconds == pytest.approx(preset.minutes * 6)
    assert "scaled" in tenth.source
    assert "scaled" not in whole.source
    fixed = eta.expected_time(settings.resolve("vae-2d", flags={"--minutes": 3.0}), Path("/nowhere"))
    assert fixed.seconds == 180


def test_the_expected_time_is_measured_on_a_comparable_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=800, name="swift-hare", pictures=False)
    from genexplorer.runs.reader import RunReader

    reader = RunReader(folder)
    alike, status = reader.config(), reader.status()
    message = eta.expected_time(resolve(alike), tmp_path)
    assert "swift-hare" in message.source
    assert message.images_per_s == pytest.approx(status.images_seen / status.elapsed_s)
    assert message.seconds == pytest.approx(800 * 128 * status.elapsed_s / status.images_seen)
    other = alike.model_copy(update={"optim": alike.optim.model_copy(update={"batch_size": 64})})
    assert "swift-hare" not in eta.expected_time(resolve(other), tmp_path).source


def test_the_title_of_a_family_keeps_its_capitals(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    vae = replace(registry.family("vae"), title="probabilistic PCA")
    monkeypatch.setattr(registry, "family", lambda name: vae)
    assert "Probabilistic PCA" in cli("presets").out.splitlines()


def test_presets_have_results_and_warnings(cli: Cli) -> None:
    listed = json.loads(cli("presets", "--json").out)
    assert [preset["name"] for preset in listed] == list(registry.presets())
    assert all(preset["config"]["schema_version"] for preset in listed)
    published = cli("presets", "uva2019-vae").out
    assert "fixed" in published and "data.limit=50000" in published
    assert "binarized here instead of by Larochelle" in published and "no target, a student's report" in published
    assert " ± " in published  # the spread of our own value
    result = cli("presets").out
    for family in registry.families().values():
        assert family.title[:1].upper() + family.title[1:] in result.splitlines()
    failing = [preset for preset in registry.presets().values() if preset.expected_failure]
    assert failing and all(preset.expected_failure in result for preset in failing)


class FakeCommand:
    """Records the requests of a command; returns results of those for latents, and fails the one for the image."""

    requests: ClassVar[list[tuple[str, Any, Any]]] = []
    num_test, format, is_point_data = 10_000, "PNG", False
    card = SimpleNamespace(latent_shape=(2,))

    def __init__(self, run: str, out: Path, step: int | None, runs_dir: Path | None, **given: Any) -> None:
        self.requests.append((run, step, given["capability"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def has_capability(self, capability: str) -> bool:
        return True

    def request(self, op: str, params: Any, arrays: Any = None) -> Any:
        self.requests.append((op, params, arrays))
        plane = {name: np.zeros(2) for name in ("origin", "e1", "e2")}
        match op:
            case "plane":
                return OperationResult(plane, {"title": "a plane", "points": [[0, 0], [4, 0], [2, 2]]}, {})
            case "points":
                return OperationResult({"points": np.zeros((1, 2))}, {"bounds": [-1, 1, -1, 1]}, {})
            case "sample" if "temperature" not in params and params["count"] == 1:
                return OperationResult({"z": np.full((1, 2), params["seed"])}, {}, {})
            case "encode" if len(params["indices"]) == 1:
                return OperationResult({"mu": np.full((1, 2), -params["indices"][0])}, {}, {})
        raise ConfigError("enough")


COPIED: list[tuple[str, str, dict[str, object], Any]] = [
    (
        command_lines.manifold("my run", bounds=(-2.5, 2, -1e-3, 2), coords="z", rows=5, columns=7, step=40),
        "manifold",
        {"rows": 5, "columns": 7, "bounds": [-2.5, 2, -0.001, 2], "coords": "z"},
        None,
    ),
    (
        command_lines.manifold("a", bounds=(-1, 1, -2, 2), axes=(3, 7), rows=2),
        "manifold",
        {"rows": 2, "columns": 20, "bounds": [-1, 1, -2, 2], "coords": "z"},
        ["origin", "e1", "e2"],
    ),
    (
        command_lines.manifold("a", bounds=(-1, 1, -2, 2), principal=True),
        "manifold",
        {"rows": 20, "columns": 20, "bounds": [-1, 1, -2, 2], "coords": "z"},
        ["origin", "e1", "e2"],
    ),
    (
        command_lines.manifold("a", bounds=(0, 5, -1, 4), through=("7", "test:3", (-0.5, 2))),
        "manifold",
        {"rows": 20, "columns": 20, "bounds": [0, 5, -1, 4], "coords": "z"},
        ["origin", "e1", "e2"],
    ),
    (
        command_lines.sample("a", count=9, seed=3, temperature=0.5),
        "sample",
        {"count": 9, "seed": 3, "temperature": 0.5},
        None,
    ),
    (command_lines.reconstruct("a", first=7, count=2), "encode", {"indices": [7, 8]}, None),
    (
        command_lines.interpolate("a", start="4", end="test:9", count=5),
        "interpolate",
        {"count": 5, "mode": "spherical"},
        [[4, 4], [-9, -9]],
    ),
    (
        command_lines.interpolate("a", start=(-1.5, 0.25), end="0", mode="linear"),
        "interpolate",
        {"count": 9, "mode": "linear"},
        [[-1.5, 0.25], [0, 0]],
    ),
    (command_lines.trace("a", index=3), "trace", {"indices": [3]}, None),
    (
        command_lines.trace("a", seed=3, temperature=0.5),
        "trace",
        {"seed": 3, "temperature": 0.5, "count": 1},
        None,
    ),
    (
        command_lines.invert("a", first=2, count=1, steps=50),
        "invert",
        {"indices": [2], "steps": 50, "restarts": 8, "seed": 0},
        None,
    ),
    (
        command_lines.invert("a", first=2, count=1, near=False),
        "invert",
        {"indices": [2], "steps": 200, "restarts": 8, "seed": 0, "prior": 0.0},
        None,
    ),
    (
        command_lines.density("a", bounds=(-1, 1, 0, 2), of="truth"),
        "density",
        {"of": "truth", "rows": 256, "columns": 256, "bounds": [-1, 1, 0, 2]},
        None,
    ),
]


@pytest.mark.parametrize(("line", "op", "params", "arrays"), COPIED)
def test_a_copied_command_sends_the_same_request(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str, op: str, params: dict[str, object], arrays: Any
) -> None:
    for module in (images, interpolate, trace, reconstruct):
        monkeypatch.setattr(module, "ImageCommand", FakeCommand)
    FakeCommand.requests.clear()
    assert cli(*shlex.split(line)[1:]).err.splitlines()[-1] == "error: enough", line
    assert FakeCommand.requests[0][0] == shlex.split(line)[2]
    *_, (asked_op, asked_params, given) = FakeCommand.requests
    assert (asked_op, asked_params) == (op, params)
    if op == "interpolate":
        assert given["z"].tolist() == arrays
    else:
        assert (None if given is None else list(given)) == arrays


def test_a_copied_training_is_the_same_training(cli: Cli, tmp_path: Path) -> None:
    config = settings.resolve(
        "vae", flags={"--steps": 7, "--seed": 3}, assignments=["model.hidden=[5,6]", "optim.lr=0.01"]
    ).config
    line = command_lines.train(config)
    plan = json.loads(cli(*shlex.split(line)[1:], "--dry-run", "--json").out)
    assert plan["config"] == config.model_dump(mode="json")


def level_and_hint(check: Callable[[], checks.CheckResult]) -> tuple[str, str]:
    result = check()
    return result.level, result.hint


TORCH_REPORT = {"version": "2", "cuda": [], "mps": False, "bfloat16": True}
TOOLCHAIN_REPORT = {"folder": "/cache", "problem": "", "error": "", "hint": ""}


def test_the_doctor_runs_all_checks(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "probe_torch", lambda: TORCH_REPORT)
    monkeypatch.setattr(checks, "probe_toolchain", lambda: TOOLCHAIN_REPORT)
    monkeypatch.setattr(checks, "connection_error", lambda: "")
    message = json.loads(cli("doctor", "--json").out)
    names = {check["name"] for check in message["checks"]}
    assert {"python", "torch", "data", "processors", "disk", "display", "qt", "runs folder"} <= names
    assert message["healthy"] is True
    monkeypatch.setattr(checks, "check_data", lambda: checks.CheckResult("data", "broken", "gone", "fix it"))
    result = cli("doctor")
    assert result.code == 1
    assert "→ fix it" in result.out
    assert "broken: data" in result.err


def test_the_doctor_gives_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    found = checks.check_writable("runs folder", file / "runs", "use --runs-dir")
    assert (found.level, "--runs-dir" in found.hint) == ("broken", True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert level_and_hint(checks.check_display)[0] == "warning"
    monkeypatch.setattr(checks, "missing_qt_libraries", lambda: ["libxcb-cursor.so.0", "libodd.so.1"])
    level, hint = level_and_hint(checks.check_qt)
    assert level == "warning", "no display, no window, nothing broken"
    assert "apt install libxcb-cursor0" in hint
    assert "libodd.so.1" in hint
    monkeypatch.setenv("DISPLAY", ":0")
    assert level_and_hint(checks.check_qt)[0] == "broken"


def test_a_torch_that_cannot_be_imported_is_reported_with_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TORCH_SCRIPT", "import nothing_of_this_name")
    report = checks.probe_torch()
    found = checks.check_torch(report)
    assert checks.check_speed(report, TOOLCHAIN_REPORT).level == "warning"
    assert found.level == "broken"
    assert "nothing_of_this_name" in found.message


def test_the_doctor_reports_what_makes_steps_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    report = dict(TORCH_REPORT)
    toolchain = dict(TOOLCHAIN_REPORT)
    monkeypatch.setenv("LD_PRELOAD", "")
    found = checks.check_speed(report, toolchain)
    assert found.level == "ok"
    assert found.message == "compiled where faster, bfloat16 matmul where accuracy is unaffected, system allocator"
    monkeypatch.setenv("LD_PRELOAD", "/somewhere/libmimalloc.so")
    report |= {"bfloat16": False}
    toolchain |= {"error": "no C++ compiler is installed", "hint": "sudo apt install g++"}
    found = checks.check_speed(report, toolchain)
    assert found.level == "warning" and "g++" in found.hint
    assert found.message == "not compiled: no C++ compiler is installed, float32 matmul, mimalloc allocator"


def test_the_doctor_tries_what_a_run_relies_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_runs_folder(tmp_path / "runs").level == "ok" and not list(
        tmp_path.glob(".genexplorer-doctor-*")
    )

    def fails(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(atomic_files, "sync_folder", fails)
    result = checks.check_runs_folder(tmp_path)
    assert result.level == "broken" and "--runs-dir" in result.hint
    assert result.message == f"{tmp_path}: sync of a folder does not work there (Input/output error)"
    monkeypatch.setenv(paths.STATE_VARIABLE, "/proc/none")
    result = checks.check_state_folder()
    assert result.level == "broken" and result.hint.startswith(f"export {paths.STATE_VARIABLE}=")
    problem = {"problem": "/x cannot be written", "folder": "/tmp/y"}
    result = checks.check_compiled_code({**TOOLCHAIN_REPORT, **problem})
    assert (result.level, result.message) == ("warning", "/x cannot be written; stored in /tmp/y")


def test_the_doctor_connects_to_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "DISPLAY_SCRIPT", "import sys; sys.exit('could not connect to display :77')")
    result = checks.check_display()
    assert result.level == "warning" and result.message.endswith("could not connect to display :77")
