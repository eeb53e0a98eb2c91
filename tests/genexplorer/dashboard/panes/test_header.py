"""The header: what it shows of each state, and how it fits its width."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.panes.header import header_lines
from genexplorer.dashboard.text_fitting import wrap
from genexplorer.runs.record import AlertRow, RunStatus, State
from trainers import registry

STATUS = RunStatus(
    id="vae-2d-brave-fox-ab12",
    folder=Path("/runs/vae-2d-brave-fox-ab12"),
    name="brave-fox",
    state=State.RUNNING,
    preset="vae-2d",
    family="vae",
    dataset="mnist",
    step=8400,
    progress=0.62,
    seconds_left=70,
    images_per_s=18_100,
    threads=2,
    phase="training",
)


def header(status: RunStatus, width: int = 43, height: int = 6, **options: object) -> str:
    run = RunDetails(status.folder, status, **options)  # type: ignore[arg-type]
    lines = header_lines(run, width, height)
    assert len(lines) <= height
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_running_run() -> None:
    text = header(STATUS, snapshot_age_s=1.0)
    for part in (
        "brave-fox",
        "● Running",
        "62%",
        "1:10 left",
        "18.1k img/s",
        "2 threads",
        "snapshot 1 s ago",
        "step 8,400",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.QUEUED, "4: log"),
        (State.PAUSED, "p resumes"),
        (State.STOPPED, "r resumes"),
        (State.FAILED, "r tries again"),
        (State.LOST, "r resumes from the last checkpoint"),
        (State.DAMAGED, "Del moves it to the trash"),
    ],
)
@pytest.mark.parametrize("height", [4, 6])
def test_every_state_has_a_remedy(state: State, expected: str, height: int) -> None:
    text = header(replace(STATUS, state=state, reason="killed by signal 9: " + "out of memory " * 20), height=height)
    assert expected in text
    if state in (State.FAILED, State.LOST, State.DAMAGED):
        assert "killed by signal 9" in text


def test_worker_that_does_not_respond() -> None:
    assert "does not respond" in header(replace(STATUS, is_responding=False))


def test_unreadable_folder() -> None:
    assert "Cannot be read: disk" in header(STATUS, error="disk gone")


def test_time_cursor() -> None:
    assert "viewing step 500 of 8,400" in header(STATUS, selected_step=500)


@pytest.mark.parametrize(
    ("width", "terms", "source"),
    [
        (80, "= −143.1 reconstruction − 5.8 KL", "nats, test set, EMA weights"),
        (59, "= −143.1 reconstruction − 5.8 KL", "nats, test"),
        (44, "= −143.1 reconstruction − 5.8 KL", "KL"),
        (43, "= −143.1 − 5.8 KL", "nats, test"),
        (33, "= −143.1 − 5.8 KL", "KL"),
    ],
)
def test_objective_is_abbreviated_but_never_cut(width: int, terms: str, source: str) -> None:
    theory = registry.family("vae").theory_for(registry.family("vae").options(), "images")
    values = {"test/elbo_ema": -148.9, "test/recon_ema": 143.1, "test/kl_ema": 5.8}
    line = header(STATUS, width=width, theory=theory, values=values).splitlines()[1]
    assert line.startswith(f"ELBO −148.9 {terms}") and line.endswith(source) and "…" not in line


@pytest.mark.parametrize("width", [26, 34, 44, 60])
def test_key_to_follow_again_is_always_visible(width: int) -> None:
    line = header(STATUS, width=width, selected_step=500).splitlines()[2]
    assert "step 500" in line and "L follows" in line and cell_len(line) <= width


def test_info_alerts_are_not_warnings() -> None:
    alert = AlertRow(1, 0.0, 600, "info", "kl_dim_collapsed", "KL of latent dimension 3 is below 0.01 nats")
    assert "alert" not in header(STATUS, alerts=(alert,))
    assert "1 alert, press d" in header(STATUS, width=80, alerts=(alert, replace(alert, severity="warning")))


def test_wrap() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three", 7, 1) == ["one t… …"] or wrap("one two three", 7, 1)[0].endswith("…")
    assert wrap("", 7) == []


def test_decoding_of_images_is_announced() -> None:
    detail = "images 3,200 of 10,000, 12 s left"
    text = header(replace(STATUS, phase="decoding", phase_detail=detail, seconds_left=None, step=0), width=60)
    assert f"decoding {detail}" in text
