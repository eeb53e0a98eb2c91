"""Hostile names, metric names, labels and log lines; links in a run folder."""

import io
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from genexplorer.errors import UserError
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from tests.fault_injection.case import FaultCase, Tally
from tests.fixtures.fake_run import config, specs, write_run
from trainers.events import Alert, Finished, Metrics, MetricSpec, Started

HOSTILE = (
    "../../x",
    "/etc/passwd",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b2J",
    "[bold]not bold[/bold]",
    "[@click=app.quit]quit[/]",
    "a\nb\rc\x08d",
    "\u202egpj.exe",
    "\u2066hidden\u2069",
    "a\x00b",
    "\ud800",
    "x" * 100_000,
    "'; DROP TABLE log; --",
    "$(touch pwned) `id`",
    "--out=/etc/passwd",
    "\u200b\u200d\ufeff",
    "%s %n {0} {x!r}",
    "CON", ".", "..", "~", "-", " ", "\t",
)  # fmt: skip
COMMANDS = ("runs list", "runs show {}", "runs logs {}", "runs list --json", "runs show {} --json")


def hostile_texts(count: int, folder: Path) -> Tally:
    """Put each text into every text field of a run, and check every byte that the CLI then prints."""
    tally, rng = Tally(), random.Random(3)
    for number in range(count):
        text = HOSTILE[number % len(HOSTILE)]
        if number >= len(HOSTILE):
            text = "".join(rng.choice([text, chr(rng.randrange(1, 0x300)), "ab"]) for _ in range(4))
        with tally.attempt(repr(text[:30])):
            runs = folder / str(number)
            run = _record_run_with(runs, text)
            created = {path.name for path in folder.iterdir()} - {"state"}  # the state folder of the commands
            assert run.parent == runs and created == {str(number)}
            _check_no_raw_control_characters(_print_with_cli(runs, run) if number % 25 == 0 else _read_texts(run))
            shutil.rmtree(runs)
    return tally


def _record_run_with(runs: Path, text: str) -> Path:
    store = RunStore(runs)
    try:
        run = store.create(config(steps=2), name=text, tags=(text,))
    except (UserError, UnicodeEncodeError):
        run = store.create(config(steps=2))
    encodable = text.encode("utf-8", "replace").decode()
    writer = RunWriter(run, config(steps=2), threaded=False)
    metric = MetricSpec(encodable, encodable, encodable, encodable, "lower", encodable, encodable)
    writer.record(Started(0, (*specs(), metric), 1, 2, encodable, 1))
    writer.record(Metrics(1, 1, {encodable: 1.0, "train/elbo": -1.0}, 1.0, 0.5, None))
    writer.record(Alert(1, "warning", encodable, encodable))
    writer.log(encodable)
    writer.record(Finished(2, "failed", encodable))
    writer.close("failed", encodable)
    store.set_note(run, encodable)
    return run


def _read_texts(run: Path) -> str:
    """Return all texts of a run that front ends show, joined."""
    reader = RunReader(run)
    status = reader.status()
    texts = [status.name, status.reason, *status.tags, reader.log_tail()]
    texts += [line.message for line in reader.log()] + [alert.message for alert in reader.alerts()]
    for name, spec in reader.metric_specs().items():
        texts += [name, spec.title, spec.unit, spec.panel, spec.setup]
    Console(file=io.StringIO(), markup=False, width=120).print(*texts)  # rich must not raise
    return "".join(texts)


def _print_with_cli(runs: Path, run: Path) -> str:
    """Return the output of all commands that show a run."""
    command = [sys.executable, "-m", "genexplorer.cli"]
    output = ""
    for arguments in COMMANDS:
        done = subprocess.run(
            [*command, *arguments.format(run.name).split(), "--runs-dir", str(runs)],
            capture_output=True, text=True, errors="surrogateescape", timeout=60, check=False,
            env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr[-300:]
        output += done.stdout + done.stderr
    return output


def _check_no_raw_control_characters(output: str) -> None:
    forbidden = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u202e\u2066\u2069\u200b\ufeff"} - {"\n"}
    unsafe = sorted(forbidden & set(output))
    assert not unsafe, f"printed raw: {unsafe}"


def links(count: int, folder: Path) -> Tally:
    """Replace a part of a run folder by a link, delete the run, empty the trash: nothing outside changes."""
    tally = Tally()
    parts = (layout.SNAPSHOTS, layout.CHECKPOINTS, layout.PICTURES, layout.CONTROL, layout.LOG, layout.NOTES, "more")
    for number in range(count):
        part = parts[number % len(parts)]
        with tally.attempt(part):
            outside = folder / f"outside-{number}"
            (outside / "deep").mkdir(parents=True)
            (outside / "deep" / "precious").write_text("mine")
            store = RunStore(folder / f"runs-{number}")
            run = write_run(store, steps=10, pictures=False)
            path = run / part
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            path.symlink_to(outside, target_is_directory=True)
            (run / "also").symlink_to(outside / "deep" / "precious")
            store.list()
            store.delete(run)
            store.empty_trash()
            assert not store.trash() and (outside / "deep" / "precious").read_text() == "mine"
            shutil.rmtree(outside)
    return tally


CASES = (
    FaultCase(
        name="texts",
        fault="paths, escape sequences, markup and bidi marks in names, metrics, alerts and log lines",
        guarantee="refused or shown literally; no escape byte is printed; no path is built from it",
        full=200,
        short=len(HOSTILE),
        run=hostile_texts,
    ),
    FaultCase(
        name="links",
        fault="links to other places in a run folder, which is then deleted and the trash emptied",
        guarantee="links are removed, never followed; no file outside changes",
        full=70,
        short=7,
        run=links,
    ),
)
