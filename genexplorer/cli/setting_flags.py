"""The flags of `train` that set one setting each: one table for the command line, its help, and the settings."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from genexplorer.cli import completion

LENGTH, MODEL, SETTINGS = "Length (one of)", "Model and data", "Settings"


@dataclass(frozen=True)
class SettingFlag:
    """A flag and the setting that it sets.

    Args:
        key: Dotted key of the setting.
        kind: Type of the value.
        help: Help text.
        panel: Panel of `--help`.
        metavar: Placeholder of the value in the help; the type by default.
        choices: Values offered by shell completion.
        parser: Converts the text; the type's own conversion by default.
        hidden: Whether the help omits the flag, as an old name.
    """

    key: str
    kind: type
    help: str
    panel: str = SETTINGS
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    parser: Callable[[str], Any] | None = None
    hidden: bool = False


def parse_sizes(text: str) -> list[int]:
    """Parse layer sizes such as '512,256'."""
    try:
        return [int(size) for size in text.strip("[] ").split(",") if size.strip()]
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a list of numbers such as 512,256") from None


_LIKELIHOODS = ("bernoulli", "gaussian", "discretized-logistic")
_BINARIZATIONS = ("threshold", "static", "dynamic", "none")
FLAGS = {
    "--latent-dim": SettingFlag("model.latent_dim", int, "Size of z (VAE, GAN).", MODEL),
    "--hidden": SettingFlag(
        "model.hidden", str, "Sizes of hidden layers (VAE, flow).", MODEL, "N,N,…", parser=parse_sizes
    ),
    "--beta": SettingFlag("model.beta", float, "Weight of the KL term (VAE).", MODEL),
    "--kl-warmup": SettingFlag("model.kl_warmup", int, "Steps of linear KL warm-up (VAE).", MODEL),
    "--likelihood": SettingFlag(
        "model.likelihood",
        str,
        "bernoulli, gaussian or discretized-logistic; normal for 2-D data (VAE).",
        MODEL,
        "KIND",
        _LIKELIHOODS,
    ),
    "--binarization": SettingFlag(
        "data.binarization", str, "threshold, static, dynamic or none (images).", MODEL, "KIND", _BINARIZATIONS
    ),
    "--binarisation": SettingFlag("data.binarization", str, "Old name of --binarization.", MODEL, hidden=True),
    "--epochs": SettingFlag("schedule.epochs", float, "Passes over the data.", LENGTH),
    "--steps": SettingFlag("schedule.steps", int, "Optimizer updates.", LENGTH),
    "--minutes": SettingFlag("schedule.minutes", float, "Training time without pauses.", LENGTH),
    "--batch-size": SettingFlag("optim.batch_size", int, "Images, or 2-D points, per step."),
    "--lr": SettingFlag("optim.lr", float, "Learning rate."),
    "--seed": SettingFlag("seed", int, "Seed of all random numbers."),
    "--device": SettingFlag(
        "execution.device", str, "auto, cpu, cuda or mps.", metavar="NAME", choices=("auto", "cpu", "cuda", "mps")
    ),
    "--threads": SettingFlag("execution.threads", int, "Number of threads; 0 is automatic."),
    "--deterministic": SettingFlag(
        "execution.deterministic", bool, "A resumed run equals an uninterrupted one bit for bit."
    ),
    "--compile": SettingFlag(
        "execution.compile",
        str,
        "auto, on or off: compile the training step.",
        metavar="WHEN",
        choices=("auto", "on", "off"),
    ),
    "--precision": SettingFlag(
        "execution.precision",
        str,
        "auto, float32 or bfloat16: precision of matrix products in training.",
        metavar="NAME",
        choices=("auto", "float32", "bfloat16"),
    ),
}


def with_setting_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter `flags` of a command by one option for each flag; it gets them as {"--beta": 4.0, …}."""
    names = {flag: flag.strip("-").replace("-", "_") + "_flag" for flag in FLAGS}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += (
            [_option(flag, name) for flag, name in names.items()] if parameter.name == "flags" else [parameter]
        )

    @wraps(command)
    def run(**values: Any) -> None:
        command(flags={flag: values.pop(name) for flag, name in names.items()}, **values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _option(flag: str, name: str) -> inspect.Parameter:
    spec = FLAGS[flag]
    option = typer.Option(
        flag,
        help=spec.help,
        metavar=spec.metavar,
        rich_help_panel=spec.panel,
        autocompletion=completion.one_of(*spec.choices) if spec.choices else None,
        parser=spec.parser,
        hidden=spec.hidden,
    )
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[spec.kind | None, option])
