"""Wrong words are told in one line with exit code 2; help and version come without the heavy packages."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from genexplorer import __version__, paths
from genexplorer.cli import main, output
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import write_run
from tests.genexplorer.cli.conftest import Cli


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian"], "did you mean 'train'"),
        (["train", "vae-2d", "--epoch", "3"], "did you mean --epochs?"),
        (["train", "vae-2d", "--lr", "fast"], "--lr"),
        (["train", "vae-2d", "--hidden", "5,x"], "--hidden"),
        (["train", "vae2d"], "did you mean 'vae-2d'?"),
        (["train", "vae-2d", "--detach", "--plain"], "give one of"),
        (["train", "vae-2d", "--json", "--plain"], "--json"),
        (["runs", "shwo", "latest"], "did you mean 'show'?"),
        (["runs", "show"], "missing argument 'RUN'"),
        (["runs", "list", "--state", "asleep"], "no such state"),
        (["runs", "stop"], "no run given"),
        (["manifold", "latest"], "missing option '--out'"),
        (["manifold", "latest", "--out", "x.bmp"], ".png"),
        (["manifold", "latest", "--out", "nowhere/x.png"], "no folder"),
        (["manifold", "latest", "--out", "x.png", "--bounds", "1,2,3"], "four numbers"),
        (["manifold", "latest", "--out", "x.png", "--bounds", "2,1,0,1"], "X0 < X1"),
        (["manifold", "latest", "--out", "x.png", "--bounds=-1,1,0,1"], "u lies between 0 and 1"),
        (["manifold", "latest", "--out", "x.png", "--rows", "0"], "--rows"),
        (["manifold", "latest", "--out", "x.png", "--axes", "3"], "not two axes"),
        (["manifold", "latest", "--out", "x.png", "--axes", "3,4", "--principal"], "give one of them"),
        (["manifold", "latest", "--out", "x.png", "--through", "1,2"], "not three latents"),
        (["manifold", "latest", "--out", "x.png", "--axes", "3,4", "--coords", "u"], "leave out --coords"),
        (["interpolate", "latest", "--out", "x.png", "--from", "here"], "names no latent"),
        (["interpolate", "latest", "--out", "x.png", "--from", "1", "--to", "2", "--rows", "3"], "--rows 3"),
        (["interpolate", "latest", "--out", "x.bmp"], ".mp4"),
        (["trace", "latest", "--out", "x.png", "--seed", "1"], "--direction inverse"),
        (["trace", "latest", "--out", "x.png", "--direction", "sideways"], "--direction"),
        (["density", "latest", "--out", "x.png", "--bounds", "1,2,3"], "four numbers"),
        (["invert", "latest", "--out", "x.png", "--restarts", "0"], "--restarts"),
        (["presets", "gnn"], "no preset 'gnn'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli: Cli, words: list[str], told: str) -> None:
    said = cli(*words)
    assert said.code == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_fault_is_one_line_and_its_traceback_comes_when_asked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: list[str]) -> int:
        raise RuntimeError("surprise")

    monkeypatch.setattr(main, "_invoke", fail)
    said = cli("presets")
    assert said.code == 1
    assert "RuntimeError: surprise" in said.err
    assert "--debug" in said.err
    assert "Traceback" not in said.err
    assert "Traceback" in cli("presets", "--debug").err


def test_what_a_disk_refuses_is_told_by_the_file_that_is_meant(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/cd/runs/a/.notes.json.x1.tmp")

    monkeypatch.setattr(RunStore, "set_note", refuse)
    write_run(paths.runs_dir(), name="brave-fox", state="queued")
    said = cli("runs", "note", "brave-fox", "x")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: /cd/runs/a: Read-only file system: --runs-dir")


def test_a_runs_folder_that_is_a_file_is_wrong_usage(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    said = cli("runs", "list", "--runs-dir", tmp_path / "x")
    assert said.code == 2 and "is a file" in said.err


def test_an_interrupt_exits_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_invoke", interrupt)
    assert cli("presets").code == 130


def test_debug_after_a_double_dash_is_not_ours(cli: Cli) -> None:
    assert "'--debug'" in cli("presets", "--", "--debug").err


def test_version_and_help_are_data(cli: Cli) -> None:
    assert cli("--version").out == f"genexplorer {__version__}\n"
    for words in (["-h"], ["--help"], ["train", "-h"], ["runs", "--help"], ["runs", "tag", "-h"]):
        said = cli(*words)
        assert said.code == 0
        assert "Usage" in said.out
    assert "130" in cli("-h").out, "the exit codes are documented"
    assert "(the newest of all)" in " ".join(cli("sample", "-h").out.replace("│", " ").split()), (
        "no text is eaten as markup"
    )


def test_without_a_terminal_the_bare_command_prints_its_help(cli: Cli) -> None:
    said = cli()
    assert said.code == 0
    assert "dashboard" in said.out


def test_help_needs_neither_torch_nor_a_toolkit() -> None:
    script = (
        "import sys; from genexplorer.cli import main; main.run(['--help']); main.run(['train', '--help']);"
        "main.run(['presets']);"
        "print([m for m in ('torch', 'textual', 'PyQt6', 'pyqtgraph') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_reader_that_leaves_ends_the_command_without_a_word() -> None:
    command = f"{sys.executable} -m genexplorer.cli presets --json | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout == "0\n"
    closed = f"{sys.executable} -m genexplorer.cli presets --json >&- 2>&-"
    assert subprocess.run(["bash", "-c", closed], check=False, timeout=60).returncode == 0


def test_json_has_null_where_a_figure_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    output.as_json({"a": float("nan"), "b": [1.5, float("inf")]})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None]}


def test_no_colors_outside_a_terminal_or_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output.style("text", "error", sys.__stdout__) in ("text", "\x1b[31mtext\x1b[0m")
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in output.style("text", "error")
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("text", "error") == "text"
