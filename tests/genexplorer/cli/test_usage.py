"""Wrong usage is one line with exit code 2; help and version do not import heavy packages."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from genexplorer import __version__, paths
from genexplorer.cli import main, output
from genexplorer.errors import ConfigError
from genexplorer.runs.store import RunStore
from genexplorer.session import actions
from genexplorer.session.new_run import NewRunForm
from genexplorer.workers import launcher
from tests.fixtures.fake_run import write_run
from tests.genexplorer.cli.conftest import Cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "did you mean 'train'"),
        (["train", "vae-2d", "--epoch", "3"], "did you mean --epochs?"),
        (["train", "vae-2d", "--lr", "fast"], "--lr"),
        (["train", "vae-2d", "--lr", "fast"], "'--lr': must be a number (got 'fast')"),
        (["train", "vae-2d", "--steps", "1.5"], "'--steps': must be a whole number (got '1.5')"),
        (["sample", "latest", "--out", "x.png", "--count", "0"], "'--count': must be at least 1 (got '0')"),
        (["trace", "latest", "--out", "x.png", "--direction", "up"], "'up' is not one of 'forward', 'inverse'"),
        *((["train", "vae-2d", "--hidden", text], "--hidden") for text in ("5,x", ",", ",,", "1,", " ", "", "[1,]")),
        *((["manifold", "latest", "--out", "x.png", "--axes", text], "--axes") for text in (",", "1,", " ", "")),
        *((["train", "vae-2d", "--tag", text], "a tag cannot be empty") for text in ("", " ", "\x07")),
        (["train", "vae-2d", "--device", "cuda:7"], "execution.device: must be 'auto', 'cpu', 'cuda' or 'mps'"),
        (["train", "vae2d"], "did you mean 'vae-2d'?"),
        (["train", "vae-2d", "--detach", "--plain"], "give one of"),
        (["train", "vae-2d", "--json", "--plain"], "--json"),
        (["runs", "shwo", "latest"], "did you mean 'show'?"),
        (["runs", "show"], "missing argument 'RUN'"),
        (["runs", "list", "--state", "asleep"], "no such state"),
        (["runs", "stop"], "no run given"),
        (["manifold", "latest", "--out"], "option '--out' requires an argument"),
        (["interpolate", "latest", "--from", ""], "--from : not a latent"),
        (["manifold", "latest", "--out", "x.bmp"], ".png"),
        (["manifold", "latest", "--out", "nowhere/x.png"], "folder nowhere does not exist"),
        (["manifold", "latest", "--out", "x.png", "--bounds", "1,2,3"], "four numbers"),
        (["manifold", "latest", "--out", "x.png", "--bounds", "2,1,0,1"], "X0 < X1"),
        (["manifold", "latest", "--out", "x.png", "--bounds=-1,1,0,1"], "u is between 0 and 1"),
        (["manifold", "latest", "--out", "x.png", "--rows", "0"], "--rows"),
        (["manifold", "latest", "--out", "x.png", "--axes", "3"], "not two axes"),
        (["manifold", "latest", "--out", "x.png", "--axes", "3,4", "--principal"], "give one of them"),
        (["manifold", "latest", "--out", "x.png", "--through", "1,2"], "not three latents"),
        (["manifold", "latest", "--out", "x.png", "--axes", "3,4", "--coords", "u"], "omit --coords"),
        (["interpolate", "latest", "--out", "x.png", "--from", "here"], "not a latent"),
        (["interpolate", "latest", "--out", "x.png", "--from", "1", "--to", "2", "--rows", "3"], "--rows 3"),
        (["interpolate", "latest", "--out", "x.bmp"], ".mp4"),
        (["trace", "latest", "--out", "x.png", "--seed", "1"], "--direction inverse"),
        (["trace", "latest", "--out", "x.png", "--direction", "sideways"], "--direction"),
        (["density", "latest", "--out", "x.png", "--bounds", "1,2,3"], "four numbers"),
        (["invert", "latest", "--out", "x.png", "--restarts", "0"], "--restarts"),
        (["presets", "gnn"], "no preset 'gnn'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli: Cli, arguments: list[str], message: str) -> None:
    result = cli(*arguments)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""
    assert not RunStore(paths.runs_dir()).list(), "no run is created"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_this_machine_lacks_is_refused_before_a_run_exists(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    def probe(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[-1] == device
        return subprocess.CompletedProcess(command, 2, "execution.device: not available\nuse 'cpu'\n", "")

    monkeypatch.setattr(subprocess, "run", probe)
    result = cli("train", "vae-2d", "--device", device)
    assert (result.code, result.err) == (2, "error: execution.device: not available: use 'cpu'\n")
    assert not paths.runs_dir().exists()
    form = NewRunForm()
    form.set("settings", f"execution.device={device}")
    refused = actions.start_run(paths.runs_dir(), form.validate())
    assert (refused.ok, str(refused)) == (False, "execution.device: not available: use 'cpu'")
    assert not paths.runs_dir().exists()


@pytest.mark.process
def test_the_device_is_looked_for_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    launcher.require_device("cpu")
    with pytest.raises(ConfigError, match=r"^execution\.device: 'cuda' is not available here: use 'cpu' or 'auto'$"):
        launcher.require_device("cuda")


def test_a_bug_is_one_line_and_debug_shows_its_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise RuntimeError("surprise")

    monkeypatch.setattr(main, "app", fail)
    result = cli("presets")
    assert result.code == 1
    assert "RuntimeError: surprise" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in cli("presets", "--debug").err


def test_a_disk_error_names_the_folder_instead_of_the_temporary_file(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/cd/runs/a/.notes.json.x1.tmp")

    monkeypatch.setattr(RunStore, "set_note", refuse)
    write_run(paths.runs_dir(), name="brave-fox", state="queued")
    result = cli("runs", "note", "brave-fox", "x")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: /cd/runs/a: Read-only file system: choose another place with --runs-dir")


def test_a_runs_folder_that_is_a_file_is_wrong_usage(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    result = cli("runs", "list", "--runs-dir", tmp_path / "x")
    assert result.code == 2 and "is a file" in result.err


def test_an_interrupt_exits_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "app", interrupt)
    assert cli("presets").code == 130


def test_debug_after_a_double_dash_is_an_argument(cli: Cli) -> None:
    assert "'--debug'" in cli("presets", "--", "--debug").err


def test_version_and_help_are_data(cli: Cli) -> None:
    assert cli("--version").out == f"genexplorer {__version__}\n"
    for arguments in (["-h"], ["--help"], ["train", "-h"], ["runs", "--help"], ["runs", "tag", "-h"]):
        result = cli(*arguments)
        assert result.code == 0
        assert "Usage" in result.out
    assert "130" in cli("-h").out, "the exit codes are documented"
    assert "(newest of all)" in " ".join(cli("sample", "-h").out.replace("│", " ").split()), (
        "no text is taken for markup"
    )


def test_without_a_terminal_the_command_alone_prints_its_help(cli: Cli) -> None:
    result = cli()
    assert result.code == 0
    assert "dashboard" in result.out


def test_help_needs_neither_torch_nor_a_toolkit() -> None:
    script = (
        "import sys; from genexplorer.cli import main; main.run(['--help']); main.run(['train', '--help']);"
        "main.run(['presets']);"
        "print([m for m in ('torch', 'textual', 'PyQt6', 'pyqtgraph') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_closed_pipe_ends_the_command_quietly() -> None:
    command = f"{sys.executable} -m genexplorer.cli presets --json | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "0\n"
    closed = f"{sys.executable} -m genexplorer.cli presets --json >&- 2>&-"
    assert subprocess.run(["bash", "-c", closed], check=False, timeout=60).returncode == 0


def test_json_has_null_for_values_that_are_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": float("nan"), "b": [1.5, float("inf")]})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None]}


def test_no_colors_outside_a_terminal_or_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output.style("text", "error", sys.__stdout__) in ("text", "\x1b[31mtext\x1b[0m")
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in output.style("text", "error")
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("text", "error") == "text"


def test_a_table_shows_texts_literally_and_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("[red]7[/red]", "a title that is long"), ("8", "")]
    output.print_table(("n", "title"), rows, right_aligned=(0,))
    piped = capsys.readouterr().out
    assert piped == "           n  title\n[red]7[/red]  a title that is long\n           8\n"
    monkeypatch.setattr(output, "terminal_columns", lambda: 23)
    output.print_table(("n", "title"), rows, right_aligned=(0,))
    assert capsys.readouterr().out.splitlines()[1] == "[red]7[/red]  a title …"


TERMINAL = {"TERM": "xterm-256color", "HOME": "/home/x", "KAGGLE_USERNAME": "x", "CI": "", "PAGER": "cat"}
KERNEL = {"TERM": "xterm-color", "PAGER": "cat", "GIT_PAGER": "cat", "CLICOLOR": "1"}  # what ipykernel sets


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, ""),
        ({"TERM": "xterm-color"}, ""),
        ({"CI": "false"}, ""),
        ({"INSIDE_EMACS": "29.1,vterm"}, ""),
        ({"TERM_PROGRAM": "vscode", "VSCODE_PID": "1"}, ""),
        ({"JPY_PARENT_PID": "7"}, "a notebook"),
        ({"JPY_SESSION_NAME": "a.ipynb"}, "a notebook"),
        ({**KERNEL, "VSCODE_PID": "1"}, "a notebook"),
        ({"COLAB_RELEASE_TAG": "x"}, "a notebook"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, "a notebook"),
        ({"CI": "true"}, "a continuous integration job"),
        ({"JENKINS_URL": "http://x"}, "a continuous integration job"),
        ({"INSIDE_EMACS": "29.1,comint"}, "a shell buffer of Emacs"),
    ],
)
def test_only_a_terminal_of_a_person_shows_the_dashboard(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], place: str
) -> None:
    assert output.unattended_terminal({**TERMINAL, **environment}) == place
    for name, value in {**TERMINAL, **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    assert output.can_show_dashboard() == (place == "")
    if place:
        result = cli("dashboard")
        assert result.code == 1 and f"needs a terminal with a keyboard, this is {place}: " in result.err
        assert "Usage" in cli().out, "without a command it prints the help"
    for term in ("dumb", "", "unknown"):
        monkeypatch.setenv("TERM", term)
        assert not output.can_show_dashboard()


def test_progress_is_shown_in_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with output.progress_bar("sample") as show_progress:
        show_progress(0.5, "decoding")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress_bar("sample") as show_progress:
        show_progress(0.5, "[b]decoding")
    assert "[b]decoding" in capsys.readouterr().err
    monkeypatch.setenv("JPY_PARENT_PID", "7")
    with output.progress_bar("sample") as show_progress:
        show_progress(0.5, "[b]decoding")
    assert capsys.readouterr().err == "", "a cell does not overwrite lines"
