"""The data of a run that are at another place now: accepted if they are the same, and remembered with the run."""

from collections.abc import Callable
from pathlib import Path

from genexplorer.errors import ConfigError, DataError
from genexplorer.runs import data_location
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.reader import RunReader
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_config

OnProgress = Callable[[float, str], None]


def relocate(folder: Path, runs_dir: Path, place: str, on_progress: OnProgress = lambda fraction, message: None) -> str:
    """Use the data at a place for a run from now on, if they are those that it was trained on.

    Args:
        folder: The run folder.
        runs_dir: The own runs folder; a run elsewhere is not written to.
        place: A path, or a name that stands for one.
        on_progress: Called with the fraction of files that are decoded, and a message.

    Returns:
        A line about it.

    Raises:
        ConfigError: if the data of the run are not at a path.
        DataError: if there are no data, or others; it names those of the run and those at the place.
    """
    from genexplorer.session import data_summary
    from trainers import presets, registry
    from trainers.data.fingerprint import fingerprint

    # Compare the kinds of data.
    config, reader = read_config(folder), RunReader(folder)
    name = reader.status().name
    if not registry.dataset(config.data.name).reads_path:
        raise ConfigError(f"--data: {name} was trained on '{config.data.name}', which is not at a path", "omit --data")
    settings = presets.data_settings(place)
    path = str(settings.get("path", ""))
    if settings["name"] != config.data.name:
        message = (
            f"{one_line(place)}: data of the type '{settings['name']}', {name} was trained on '{config.data.name}'"
        )
        raise DataError(message, "give the data of the run")
    # Read them as the run did, and compare the content.
    section = {"name": config.data.name, **config.data.options, "path": path}
    _, _, data = data_summary.load(section, on_progress)
    snapshots = reader.snapshots()
    card = reader.card(max(snapshots)).data if snapshots else None
    if card is not None:
        card.check_same(len(data.train), len(data.test), fingerprint(data), path)
        if not card.fingerprint and (card.num_train, card.num_test) != (len(data.train), len(data.test)):
            then, now = f"{card.num_train:,} + {card.num_test:,}", f"{len(data.train):,} + {len(data.test):,}"
            raise DataError(f"{path}: these are not the data of the run: then {then}, now {now}", "give its own data")
    data_location.write_location(folder, path, in_run_folder=folder.resolve().parent == runs_dir.resolve())
    return f"{name}: its data are at {one_line(path, 400)} from now on"


def require_present(folder: Path, command: str = "runs resume") -> None:
    """Check that there is something where a run's data should be.

    Args:
        folder: The run folder.
        command: The command that needs them, and has --data.

    Raises:
        DataError: with the command that names another place.
    """
    path = read_config(folder).data.options.get("path")
    if isinstance(path, str) and path and not Path(path).exists():
        hint = f"if they moved: '{run_command(command, folder)} --data PATH'; what needs no data still works"
        raise DataError(f"{one_line(path, 400)}: the data of the run are not there", hint)
