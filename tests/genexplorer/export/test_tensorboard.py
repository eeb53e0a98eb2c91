"""TensorBoard event files, read back by TensorBoard itself."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genexplorer.errors import ConfigError, DamagedRunError
from genexplorer.export import tensorboard
from genexplorer.export.tensorboard import EventCounts, EventWriter, write_events
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import running_run, write_run


def read(log_dir: Path) -> EventAccumulator:
    events = EventAccumulator(str(log_dir), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_scalars_and_images_come_back(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", steps=700)
    counts = write_events(folder, tmp_path / "logs" / "run")
    events, reader = read(tmp_path / "logs" / "run"), RunReader(folder)
    assert set(events.Tags()["scalars"]) == {name for name in reader.metric_specs() if len(reader.series(name).x)}
    series = reader.series("test/elbo_ema", max_points=10_000)
    recorded = events.Scalars("test/elbo_ema")
    assert [event.step for event in recorded] == series.x.tolist()
    assert [event.value for event in recorded] == pytest.approx(series.mean)
    images = events.Images("images/samples")
    assert [image.step for image in images] == [image.step for image in reader.images("samples")]
    assert images[0].encoded_image_string == reader.images("samples")[0].path.read_bytes()
    num_scalars = sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"])
    assert counts == EventCounts(num_scalars, len(reader.images()))


def test_a_run_is_followed_while_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "_POLL_INTERVAL_S", 0.01)
    with running_run(tmp_path / "runs", steps=300, pictures=False) as run:
        num_checks = 0

        def advance() -> None:
            nonlocal num_checks
            num_checks += 1
            if num_checks <= 2:
                run.advance(25)
                run.writer.flush()
            elif not run.ended:
                run.end()

        counts = write_events(run.folder, tmp_path / "logs", follow=True, check=advance)
        assert num_checks >= 3 and counts.scalars > 0
        last = int(RunReader(run.folder).series("train/elbo").x[-1])
    assert [event.step for event in read(tmp_path / "logs").Scalars("train/elbo")][-1] == last > 300


def test_ctrl_c_ends_following_with_a_complete_file(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with running_run(tmp_path / "runs", steps=300, pictures=False) as run:
        counts = write_events(run.folder, tmp_path / "follow", follow=True, check=interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_events(run.folder, tmp_path / "once", check=interrupt)
    events = read(tmp_path / "follow")
    assert counts.scalars == sum(len(events.Scalars(tag)) for tag in events.Tags()["scalars"]) > 0


def test_a_new_attempt_replaces_what_was_beyond_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "runs", steps=300, pictures=False)
    writer = EventWriter(folder, tmp_path / "logs")
    writer.update()
    # The next attempt goes on from step 100.
    attempt = writer._attempt + 1
    reader = writer._reader
    first = reader.attempts()[0]
    monkeypatch.setattr(reader, "attempts", lambda: [first.__class__(attempt, 0.0, 100)])
    writer._restart_after_resume(attempt)
    assert writer._last_step == 100
    writer.update()
    writer.close()
    steps = [event.step for event in read(tmp_path / "logs").Scalars("train/elbo")]
    assert steps == sorted(set(steps)), "TensorBoard dropped the earlier values beyond step 100"


def test_only_own_files_are_replaced(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", steps=300, pictures=False)
    logs = tmp_path / "logs"
    for _ in range(2):
        write_events(folder, logs)
        assert len(list(logs.iterdir())) == 1
    (logs / "events.out.tfevents.1.other").write_bytes(b"theirs")
    with pytest.raises(ConfigError, match=r"contains other files, such as events\.out\.tfevents\.1\.other"):
        write_events(folder, logs)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        write_events(folder, tmp_path / "file")


def test_a_damaged_run_is_reported(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", steps=300, pictures=False)
    write_events(folder, tmp_path / "logs")
    former = list((tmp_path / "logs").iterdir())
    (folder / "metrics.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DamagedRunError):
        write_events(folder, tmp_path / "logs")
    assert list((tmp_path / "logs").iterdir()) == former
