"""Runs are listed, shown, described, deleted and restored; on fake run folders."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from genexplorer import paths
from genexplorer.cli import follow, options, output, settings
from genexplorer.errors import NoSuchRunError
from genexplorer.runs import layout
from genexplorer.runs import parent as parent_record
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import Parent, State
from genexplorer.runs.settings import write_changes
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.cli.conftest import Cli
from trainers.events import ON_RESUME, SettingChange


@pytest.fixture
def store() -> RunStore:
    store = RunStore(paths.runs_dir())
    write_run(store, steps=700, name="brave-fox", tags=("kept", "talk"))
    write_run(store, steps=300, name="red-elm", state="failed", pictures=False)
    return store


def test_no_runs_is_a_message_and_an_empty_list(cli: Cli, tmp_path: Path) -> None:
    result = cli("runs", "list", "--runs-dir", tmp_path / "none")
    assert (result.code, result.out) == (0, "")
    assert "genexplorer train vae-2d" in result.err
    assert json.loads(cli("runs", "list", "--json").out) == []
    assert not (tmp_path / "none").exists(), "looking makes no folder"


def test_a_list_is_newest_first_and_can_be_filtered(cli: Cli, store: RunStore) -> None:
    lines = cli("runs", "list").out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["red-elm", "brave-fox"]
    assert "test/elbo_ema" in lines[0], "a figure's name is always there"
    without_age = [re.sub(r"\d+ s ago|\bnow\b", "", cli(*arguments).out) for arguments in (["runs"], ["runs", "list"])]
    assert without_age[0] == without_age[1]
    named = [run["name"] for run in json.loads(cli("runs", "list", "--state", "failed", "--json").out)]
    assert named == ["red-elm"]
    assert len(json.loads(cli("runs", "list", "--tag", "talk", "--json").out)) == 1
    assert len(json.loads(cli("runs", "list", "--limit", "1", "--json").out)) == 1
    assert cli("runs", "list", "--tag", "none").out == ""


def test_branches_are_listed_below_their_parents(cli: Cli, store: RunStore) -> None:
    fox, branch = store.find("brave-fox"), write_run(store, steps=10, name="calm-owl", pictures=False)
    parent_record.write(branch, Parent("fork", fox.name, "earlier-name", 4000, exact=True, changes="model.beta 1 → 2"))
    lines = cli("runs", "list").out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["brave-fox", "⤷", "red-elm"]
    assert "⤷ calm-owl" in lines[2] and "brave-fox at 4,000" in lines[2] and "branch of" in lines[0]
    listed = {run["name"]: run["parent"] for run in json.loads(cli("runs", "list", "--json").out)}
    assert listed["brave-fox"] is None and (listed["calm-owl"]["id"], listed["calm-owl"]["step"]) == (fox.name, 4000)
    assert listed["calm-owl"]["exact"] is True
    shown = cli("runs", "show", "calm-owl").out
    assert "fork of earlier-name from checkpoint 4,000 (exact), with model.beta 1 → 2" in shown


def test_a_narrow_terminal_drops_columns(cli: Cli, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "terminal_columns", lambda: 60)
    lines = cli("runs", "list").out.splitlines()
    assert max(map(len, lines)) <= 60
    assert "brave-fox" in lines[2]
    assert "img/s" not in lines[0]


def test_the_folder_of_runs_can_be_given_before_or_after_the_command(cli: Cli, tmp_path: Path) -> None:
    write_run(tmp_path / "other", steps=100, name="far-owl", pictures=False)
    assert "far-owl" in cli("--runs-dir", tmp_path / "other", "runs", "list").out
    assert "far-owl" in cli("runs", "--runs-dir", tmp_path / "other", "list").out
    assert "far-owl" in cli("runs", "list", "--runs-dir", tmp_path / "other").out


def test_show_as_json_has_the_documented_fields(cli: Cli, store: RunStore) -> None:
    shown = json.loads(cli("runs", "show", "brave", "--json").out)
    expected = {"status", "pid", "attempt", "step", "images_seen", "metrics", "paths", "id", "name", "tags", "config"}
    assert expected <= set(shown)
    assert (shown["status"], shown["step"], shown["images_seen"]) == ("succeeded", 700, 700 * 128)
    elbo = shown["metrics"]["test/elbo_ema"]
    assert elbo["value"] < 0
    assert (elbo["step"], elbo["unit"]) == (469, "nats")
    assert "dynamic binarization" in elbo["setup"], "a figure is quoted with its setup"
    assert shown["pictures"]["manifold"] == len(shown["snapshots"])
    assert Path(shown["paths"]["database"]).is_file()
    assert shown["alert_messages"][0]["code"] == "kl_dim_collapsed"


def test_show_has_the_settings_that_were_changed(cli: Cli, store: RunStore) -> None:
    assert "changed" not in cli("runs", "show", "brave").out
    changes = [SettingChange(500, {"model.beta": 4.0}), SettingChange(ON_RESUME, {"optim.lr": 0.5})]
    write_changes(store.find("brave-fox"), changes)
    lines = cli("runs", "show", "brave").out
    assert re.search(r"changed +model\.beta 4 \(1 until step 500\), optim\.lr \S+ \(0\.5 when it is resumed\)", lines)
    shown = json.loads(cli("runs", "show", "brave", "--json").out)
    assert shown["changes"] == [
        {"step": 500, "values": {"model.beta": 4.0}},
        {"step": None, "values": {"optim.lr": 0.5}},
    ]
    assert shown["config"]["model"]["beta"] == 1.0, "as it was started"


def test_show_names_every_metric(cli: Cli, store: RunStore) -> None:
    result = cli("runs", "show", "red-elm")
    assert re.search(r"^✗ red-elm +failed$", result.out, re.MULTILINE)
    assert "the loss is not finite" in result.out
    assert re.search(r"test/elbo_ema +−[\d.]+ nats", result.out)


@pytest.mark.parametrize("content", [b"", b"garbage " * 1000])
def test_a_run_with_a_damaged_database_is_shown_in_part(cli: Cli, store: RunStore, content: bytes) -> None:
    (store.find("brave-fox") / layout.DATABASE).write_bytes(content)
    result = cli("runs", "show", "brave-fox")
    assert result.code == 4 and result.err == ""
    assert re.search(r"^! brave-fox +damaged$", result.out, re.MULTILINE)
    assert (
        "reason" in result.out
        and "database" in result.out.replace("metrics.sqlite", "database")
        and "700" in result.out
    )
    shown = cli("runs", "show", "brave-fox", "--json")
    values = json.loads(shown.out)
    assert shown.code == 4 and (values["status"], values["metrics"]) == ("damaged", {})


def test_show_as_toml_is_a_file_to_train_from(cli: Cli, store: RunStore, tmp_path: Path) -> None:
    config = settings.resolve("vae-conv", flags={"--steps": 5, "--beta": 3.0}).config
    store.create(config, name="asked-for")
    file = tmp_path / "again.toml"
    file.write_text(cli("runs", "show", "asked-for", "--toml").out)
    plan = json.loads(cli("train", "--config", file, "--dry-run", "--json").out)
    assert plan["config"] == config.model_dump(mode="json")


def test_the_log_is_printed_with_its_steps(cli: Cli, store: RunStore) -> None:
    lines = cli("runs", "logs", "red-elm").out.splitlines()
    assert any("error:" in line and "not finite" in line for line in lines)
    assert all(re.match(r"\d\d:\d\d:\d\d  step ", line) for line in lines)
    assert len(cli("runs", "logs", "red-elm", "-n", "2").out.splitlines()) == 2
    assert cli("runs", "logs", "red-elm", "--follow").code == 0, "a run that has ended is not waited for"


def test_the_log_as_json_has_the_same_lines(cli: Cli, store: RunStore) -> None:
    lines = json.loads(cli("runs", "logs", "red-elm", "--json").out)
    assert {"time", "step", "severity", "message"} == set(lines[0])
    printed = cli("runs", "logs", "red-elm").out.splitlines()
    assert all(line["message"] in text for line, text in zip(lines, printed, strict=True))
    assert len(json.loads(cli("runs", "logs", "red-elm", "--json", "-n", "2").out)) == 2
    for other in ("--follow", "--raw"):
        result = cli("runs", "logs", "red-elm", "--json", other)
        assert result.code == 2 and "omit --follow and --raw" in result.err


def test_every_command_that_the_reference_promises_json_of_prints_it(cli: Cli, store: RunStore) -> None:
    reference = (Path(__file__).parents[4] / "docs" / "reference.md").read_text()
    rows = [row for row in reference.splitlines() if row.startswith("| `genexplorer") and "`--json`" in row]
    promised = {
        f"{group}{name}"
        for row in rows
        for group, names in re.findall(r"`genexplorer ((?:runs )?)([^`]*)`", row)
        for name in names.replace("\\", "").split(" | ")
    }
    assert promised == {"runs list", "runs show", "runs logs"}
    for name in promised:
        run = [] if name == "runs list" else ["red-elm"]
        result = cli(*name.split(), *run, "--json")
        assert result.code == 0 and isinstance(json.loads(result.out), list | dict), name


def test_unknown_and_ambiguous_names(cli: Cli, store: RunStore) -> None:
    write_run(store, steps=100, name="brave-hen", pictures=False)
    for arguments in (["runs", "show", "nobody"], ["runs", "show", "brave"], ["runs", "logs", ""], ["view", "nobody"]):
        result = cli(*arguments)
        assert result.code == 6, arguments
        assert result.err.count("\n") == 1


def test_rename_tag_and_note(cli: Cli, store: RunStore) -> None:
    cli("runs", "rename", "brave-fox", "wise owl\x1b[31m\nx")
    assert cli("runs", "tag", "wise", "a", "b", "--remove", "kept").out.split() == ["talk", "a", "b"]
    assert cli("runs", "tag", "wise").out.split() == ["talk", "a", "b"]
    cli("runs", "note", "wise", "first\nsecond")
    assert cli("runs", "note", "wise").out == "first\nsecond\n"
    shown = json.loads(cli("runs", "show", "wise", "--json").out)
    assert shown["name"] == "wise owl x"
    cli("runs", "note", "wise", "")
    assert cli("runs", "note", "wise").out == ""
    assert cli("runs", "rename", "wise", "\x1b[2J").code == 2
    for tag in ("", " ", "x" * 33):
        assert cli("runs", "tag", "wise", tag).code == 2
    assert cli("runs", "tag", "wise").out.split() == ["talk", "a", "b"]


def test_a_new_name_that_another_run_has_is_reported_with_both_ids(cli: Cli, store: RunStore) -> None:
    fox, elm = store.find("brave-fox"), store.find("red-elm")
    lines = cli("runs", "rename", "red-elm", "brave-fox").err.splitlines()
    assert lines == [
        f"{elm.name} renamed to brave-fox",
        f"another run is named brave-fox ({fox.name}); this one is {elm.name}: use the ids",
    ]


def test_deleting_is_undone_until_the_trash_is_emptied(cli: Cli, store: RunStore) -> None:
    run = RunReader(store.find("brave-fox")).status().id
    assert cli("runs", "delete", "brave-fox", "nobody").code == 6, "one that fails does not keep the other from it"
    assert cli("runs", "show", "brave-fox").code == 6
    assert cli("runs", "restore").out.split() == [run, "brave-fox"]
    assert cli("runs", "restore", "latest").code == 0
    assert cli("runs", "show", "brave-fox").code == 0
    assert cli("runs", "restore", "brave-fox").code == 6
    cli("runs", "delete", run)
    assert "1 deleted run" in cli("runs", "empty-trash", "--yes").err
    assert cli("runs", "restore", run).code == 6
    assert cli("runs", "empty-trash").err == "the trash is empty\n"


def test_an_active_run_is_not_deleted_and_an_ended_one_not_steered(cli: Cli, store: RunStore) -> None:
    with running_run(store, steps=50) as run:
        result = cli("runs", "delete", run.folder.name)
        assert result.code == 7
        assert "stop" in result.err
        assert "training" not in cli("runs", "list", "--state", "live").err
    for verb in ("pause", "stop"):
        assert cli("runs", verb, "brave-fox").code == 7
    assert cli("runs", "resume", "brave-fox").code == 7
    assert cli("runs", "pause", "nobody", "brave-fox").code == 6
    assert cli("runs", "stop", "--all").err.startswith("no active runs in ")


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
def test_a_run_outside_the_runs_folder_is_not_steered(cli: Cli, store: RunStore, tmp_path: Path, verb: str) -> None:
    """As the dashboard, with the same message: somebody else's folder is read-only."""
    with running_run(tmp_path / "other", steps=50) as run:
        result = cli("runs", verb, run.folder)
        assert not list((run.folder / layout.CONTROL).glob("*.json")), "no command is written"
    assert result.code == 7
    assert "genexplorer runs import" in result.err and str(store.runs_dir) in result.err


def test_following_prints_metrics_until_the_run_ends(capsys: pytest.CaptureFixture[str], store: RunStore) -> None:
    follower = follow.RunFollower(store.find("brave-fox"))
    status = follower.follow()
    lines = capsys.readouterr().out.splitlines()
    assert status.state.value == "succeeded"
    last = lines[-1]
    assert re.search(r"step +700 +100% +train ELBO −[\d.]+  test ELBO \(EMA\) −[\d.]+ nats", last)
    assert any("warning:" in line for line in lines)


def test_a_long_evaluation_prints_how_far_it_is(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    reader = RunReader(store.find("brave-fox"))
    records = reader.read_new()
    follower = follow.RunFollower(reader.folder)

    def lines(after_s: float, phase: str, detail: str, step: int = 700) -> list[str]:
        now[0] += after_s
        status = replace(records.status, state=State.RUNNING, phase=phase, phase_detail=detail, step=step)
        follower._print(replace(records, status=status, log=()))
        return capsys.readouterr().out.splitlines()

    assert "training" in lines(0, "training", "")[0]
    assert lines(6, "training", "") == [], "there is nothing new"
    assert lines(6, "evaluating", "12%")[0].endswith("evaluating 12%")
    assert lines(1, "evaluating", "14%") == [], "not too often"
    assert lines(6, "evaluating", "40%")[0].endswith("evaluating 40%")
    assert lines(6, "evaluating", "40%") == []
    assert len(lines(30, "evaluating", "40%")) == 1, "it still works"
    assert lines(6, "compiling", "the training step")[0].endswith("compiling the training step")
    fresh = follow.RunFollower(reader.folder)
    status = replace(records.status, state=State.RUNNING, phase="loading", phase_detail="mnist", step=0)
    fresh._print(replace(records, status=status, log=(), latest={}, metric_specs={}))
    assert capsys.readouterr().out.strip().endswith("loading mnist"), "also before there are metrics"


def test_a_progress_line_fits_a_narrow_terminal(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = RunReader(store.find("brave-fox"))
    message = reader.status(), reader.latest(), reader.metric_specs()
    monkeypatch.setattr(output, "terminal_columns", lambda: 80)
    line = follow.progress_line(*message)
    assert len(line) <= 70 and "test ELBO (EMA) −" in line and line.endswith("succeeded")


def test_following_continues_after_an_interruption(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    follower = follow.RunFollower(store.find("brave-fox"))
    follower.follow()
    assert "step" in capsys.readouterr().out
    follower.follow()
    assert capsys.readouterr().out == "", "nothing is printed twice"


def test_a_run_that_failed_gives_its_exit_code_and_reason(cli: Cli, store: RunStore) -> None:
    with pytest.raises(Exception) as caught:
        follow.exit_with_outcome(RunReader(store.find("red-elm")).status())
    assert getattr(caught.value, "exit_code", None) == 5


def test_find_lists_the_runs(store: RunStore) -> None:
    with pytest.raises(NoSuchRunError, match="the runs are red-elm, brave-fox"):
        options.find_run("nobody", None)


def test_completion_offers_runs_presets_and_keys(cli: Cli, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(arguments: str, place: int) -> str:
        monkeypatch.setenv("_GENEXPLORER_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", arguments)
        monkeypatch.setenv("COMP_CWORD", str(place))
        from genexplorer.cli.main import app

        with pytest.raises(SystemExit):
            app([], prog_name="genexplorer")
        monkeypatch.delenv("_GENEXPLORER_COMPLETE")
        return arguments

    for arguments, place, expected in (
        ("genexplorer runs show bra", 3, "brave-fox"),
        ("genexplorer runs show vae-2d-", 3, store.find("brave-fox").name),
        ("genexplorer runs list --state su", 4, "succeeded"),
        ("genexplorer train vae-2d --likelihood g", 4, "gaussian"),
        ("genexplorer train uva", 2, "uva2019-vae"),
        ("genexplorer train vae-2d --set model.be", 4, "model.beta="),
        ("genexplorer manifold la", 2, "latest"),
    ):
        assert expected in _completed(arguments, place, offered), arguments


def _completed(arguments: str, place: int, offered: object) -> str:
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        offered(arguments, place)  # type: ignore[operator]
    return stream.getvalue()


def test_objectives_of_different_metrics_are_named(cli: Cli, tmp_path: Path) -> None:
    write_run(tmp_path / "mixed", name="first")
    alone = cli("runs", "list", "--runs-dir", tmp_path / "mixed")
    assert "not comparable" not in alone.err
    write_run(tmp_path / "mixed", name="second", kind="gan")
    both = cli("runs", "list", "--runs-dir", tmp_path / "mixed")
    assert "metric" in both.out.splitlines()[0] and "not comparable" in both.err
    metrics = {
        status["objective"]["metric"]
        for status in json.loads(cli("runs", "list", "--json", "--runs-dir", tmp_path / "mixed").out)
    }
    assert len(metrics) == 2 and all(metric in both.out for metric in metrics)


def test_columns_are_straight_with_wide_characters(cli: Cli, tmp_path: Path) -> None:
    write_run(tmp_path / "wide", name="生成模型实验" * 3, preset="vae-2d")
    write_run(tmp_path / "wide", name="brave-fox", preset="vae-2d")
    lines = cli("runs", "list", "--runs-dir", tmp_path / "wide").out.splitlines()
    columns = {cell_len(line[: line.index("vae-2d")]) for line in lines[1:]}
    assert len(lines) == 3 and len(columns) == 1
