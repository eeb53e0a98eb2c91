"""`genexplorer train`: from a preset and settings to a run that trains in the background and is watched."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson, RunsDir
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    from trainers.config import RunConfig

LENGTH, MODEL, RUN, SETTINGS, WATCH = "Length (one of)", "Model and data", "Run", "Settings", "Watching"

EPILOG = """\
Each setting has a dotted key, as in the dry run's list. Flags and --set go over the environment \
(GENEXPLORER__MODEL__BETA=4), that over the --config file, that over the preset.

Closing the dashboard, the terminal or the connection does not touch the training."""


class Watch(StrEnum):
    """What the command does once the worker trains."""

    DASHBOARD = "dashboard"
    LINES = "lines"
    NOT = "not"
    FOREGROUND = "foreground"


def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET", help="See 'genexplorer presets'.", autocompletion=completion.presets, show_default=False
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|DIR",
            help="A data set, or a folder of IDX files.",
            autocompletion=completion.data_sets,
            rich_help_panel=MODEL,
        ),
    ] = None,
    latent_dim: Annotated[
        int | None, typer.Option("--latent-dim", help="Size of z (VAE, GAN).", rich_help_panel=MODEL)
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option("--hidden", metavar="N,N,…", help="Sizes of hidden layers (VAE, flow).", rich_help_panel=MODEL),
    ] = None,
    beta: Annotated[
        float | None, typer.Option("--beta", help="Weight of the KL term (VAE).", rich_help_panel=MODEL)
    ] = None,
    kl_warmup: Annotated[
        int | None, typer.Option("--kl-warmup", help="Steps until the KL has that weight (VAE).", rich_help_panel=MODEL)
    ] = None,
    likelihood: Annotated[
        str | None,
        typer.Option(
            "--likelihood",
            help="bernoulli, gaussian or discretized-logistic; of points normal (VAE).",
            metavar="KIND",
            autocompletion=completion.one_of("bernoulli", "gaussian", "discretized-logistic"),
            rich_help_panel=MODEL,
        ),
    ] = None,
    binarization: Annotated[
        str | None,
        typer.Option(
            "--binarization",
            help="threshold, static, dynamic or none (images).",
            metavar="KIND",
            autocompletion=completion.one_of("threshold", "static", "dynamic", "none"),
            rich_help_panel=MODEL,
        ),
    ] = None,
    binarization_old_name: Annotated[str | None, typer.Option("--binarisation", hidden=True)] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", help="Passes over the data.", rich_help_panel=LENGTH)
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Optimizer updates.", rich_help_panel=LENGTH)] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Time of training, pauses left out.", rich_help_panel=LENGTH)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Images, or points, in a step.", rich_help_panel=SETTINGS)
    ] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Learning rate.", rich_help_panel=SETTINGS)] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of all random numbers.", rich_help_panel=SETTINGS)
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="NAME",
            help="auto, cpu, cuda or mps.",
            autocompletion=completion.one_of("auto", "cpu", "cuda", "mps"),
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="Threads; 0 is a fair share.", rich_help_panel=SETTINGS)
    ] = None,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic", help="A resumed run equals an unbroken one bit for bit.", rich_help_panel=SETTINGS
        ),
    ] = False,
    compile_step: Annotated[
        str | None,
        typer.Option(
            "--compile",
            metavar="WHEN",
            help="auto, on or off: compile the training step.",
            autocompletion=completion.one_of("auto", "on", "off"),
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            metavar="NAME",
            help="Of products in training: auto, float32 or bfloat16.",
            autocompletion=completion.one_of("auto", "float32", "bfloat16"),
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting, such as --set model.beta=4. Repeat for more.",
            autocompletion=completion.keys,
            rich_help_panel=SETTINGS,
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Take settings from a TOML file.", rich_help_panel=SETTINGS),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Made up if not given.", show_default=False, rich_help_panel=RUN)
    ] = "",
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="A label. Repeat for more.", rich_help_panel=RUN)
    ] = None,
    runs_dir: RunsDir = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return at once.", rich_help_panel=WATCH)] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Progress lines. Ctrl+C leaves it training.", rich_help_panel=WATCH)
    ] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Progress lines. Ctrl+C stops the training.", rich_help_panel=WATCH)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print settings, parameters and expected time; do not train.")
    ] = False,
    write_config: Annotated[
        Path | None,
        typer.Option("--write-config", metavar="FILE", help="Write the settings as TOML ('-': print); do not train."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model in the background and watch it.

    Starts a worker of its own, waits for its first sign of life, and opens the dashboard (in a pipe: prints lines).
    """
    from genexplorer.cli import settings, start

    watch = _watch(detach=detach, plain=plain, foreground=foreground, as_json=as_json)
    flags: dict[str, Any] = {
        "--epochs": epochs,
        "--steps": steps,
        "--minutes": minutes,
        "--batch-size": batch_size,
        "--lr": lr,
        "--latent-dim": latent_dim,
        "--hidden": _sizes(hidden),
        "--beta": beta,
        "--kl-warmup": kl_warmup,
        "--likelihood": likelihood,
        "--binarization": binarization or binarization_old_name,
        "--seed": seed,
        "--device": device,
        "--threads": threads,
        "--deterministic": deterministic or None,
        "--compile": compile_step,
        "--precision": precision,
    }
    config = settings.resolve(preset, flags=flags, assignments=assignments or (), data=data, config_file=config_file)
    if write_config is not None:
        _write_toml(config, write_config)
    if dry_run:
        start.show_plan(config, runs_dir, as_json=as_json)
    if dry_run or write_config is not None:
        return
    start.start(config, runs_dir, name=name, tags=tags or (), watch=watch, as_json=as_json)


def _watch(*, detach: bool, plain: bool, foreground: bool, as_json: bool) -> Watch:
    if detach + plain + foreground > 1:
        raise ConfigError("give one of --detach, --plain, --foreground")
    if as_json and (plain or foreground):
        raise ConfigError("--json prints one value and returns", "leave --plain and --foreground out")
    if detach or as_json:
        return Watch.NOT
    if foreground:
        return Watch.FOREGROUND
    return Watch.LINES if plain or not output.full_screen() else Watch.DASHBOARD


def _sizes(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(size) for size in text.strip("[] ").split(",") if size.strip()]
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a list of numbers such as 512,256", param_hint="--hidden") from None


def _write_toml(config: "RunConfig", path: Path) -> None:
    from genexplorer.cli.toml_text import to_toml
    from genexplorer.jobs.image_files import replace_file

    text = to_toml(config)
    if str(path) == "-":
        output.data(text.rstrip())
        return
    replace_file(path, text.encode())
    output.say(f"wrote {path}; train it with: genexplorer train --config {path}")
