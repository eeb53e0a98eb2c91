"""The flags of `train` that set one setting each: one table for the command line, its help, and the settings."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from genexplorer.cli import completion

# Headings of sections in `train --help`.
HELP_SECTION_LENGTH = "Length (one of)"
HELP_SECTION_MODEL = "Model and data"
HELP_SECTION_SETTINGS = "Settings"


@dataclass(frozen=True)
class SettingFlag:
    """A flag and the setting that it sets.

    Args:
        key: Dotted key of the setting.
        value_type: Type of the value.
        help: Help text.
        help_section: Section of `--help` that lists it.
        metavar: Placeholder of the value in the help; the type by default.
        choices: Values offered by shell completion.
        parser: Converts the text; the type's own conversion by default.
        hidden: Whether the help omits the flag, as an old name.
    """

    key: str
    value_type: type
    help: str
    help_section: str = HELP_SECTION_SETTINGS
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    parser: Callable[[str], Any] | None = None
    hidden: bool = False


def parse_sizes(text: str) -> list[int]:
    """Parse layer sizes such as '512,256'; '[]' is no layer."""
    stripped = text.strip()
    is_bracketed = stripped.startswith("[") and stripped.endswith("]")
    inner = stripped[1:-1].strip() if is_bracketed else stripped
    try:
        return [int(size) for size in inner.split(",")] if inner or not is_bracketed else []
    except ValueError:
        raise typer.BadParameter(f"'{text[:60]}' is not a list of numbers such as 512,256") from None


def choice_flag(
    key: str, metavar: str, choices: tuple[str, ...], more_help: str, help_section: str = HELP_SECTION_SETTINGS
) -> SettingFlag:
    """Return a flag for a setting with a few values; its help lists them, then continues with `more_help`."""
    text = f"{', '.join(choices[:-1])} or {choices[-1]}{more_help}"
    return SettingFlag(key, str, text, help_section, metavar, choices)


_BINARIZATIONS = ("threshold", "static", "dynamic", "none")
FLAGS = {
    "--latent-dim": SettingFlag("model.latent_dim", int, "Size of z (VAE, GAN).", HELP_SECTION_MODEL),
    "--hidden": SettingFlag(
        "model.hidden", str, "Sizes of hidden layers (VAE, flow).", HELP_SECTION_MODEL, "N,N,…", parser=parse_sizes
    ),
    "--beta": SettingFlag("model.beta", float, "Weight of the KL term (VAE).", HELP_SECTION_MODEL),
    "--kl-warmup": SettingFlag("model.kl_warmup", int, "Steps of linear KL warm-up (VAE).", HELP_SECTION_MODEL),
    "--likelihood": SettingFlag(
        "model.likelihood",
        str,
        "bernoulli, gaussian, discretized-logistic or logistic-mixture for images; normal for 2-D data (VAE).",
        HELP_SECTION_MODEL,
        "KIND",
        choices=("bernoulli", "gaussian", "discretized-logistic", "logistic-mixture", "normal"),
    ),
    "--binarization": choice_flag("data.binarization", "KIND", _BINARIZATIONS, " (images).", HELP_SECTION_MODEL),
    "--binarisation": SettingFlag(
        "data.binarization", str, "Old name of --binarization.", HELP_SECTION_MODEL, hidden=True
    ),
    "--epochs": SettingFlag("schedule.epochs", float, "Passes over the data.", HELP_SECTION_LENGTH),
    "--steps": SettingFlag("schedule.steps", int, "Optimizer updates.", HELP_SECTION_LENGTH),
    "--minutes": SettingFlag("schedule.minutes", float, "Training time without pauses.", HELP_SECTION_LENGTH),
    "--batch-size": SettingFlag("optim.batch_size", int, "Images, or 2-D points, per step."),
    "--lr": SettingFlag("optim.lr", float, "Learning rate."),
    "--seed": SettingFlag("seed", int, "Seed of all random numbers."),
    "--device": choice_flag("execution.device", "NAME", ("auto", "cpu", "cuda", "mps"), "."),
    "--threads": SettingFlag("execution.threads", int, "Number of threads; 0 is automatic."),
    "--deterministic": SettingFlag(
        "execution.deterministic", bool, "A resumed run equals an uninterrupted one bit for bit."
    ),
    "--compile": choice_flag("execution.compile", "MODE", ("auto", "on", "off"), ": compile the training step."),
    "--precision": choice_flag(
        "execution.precision", "NAME", ("auto", "float32", "bfloat16"), ": precision of matrix products in training."
    ),
}


def with_setting_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter `flags` of a command by one option for each flag; it gets them as {"--beta": 4.0, …}."""
    # The suffix keeps a flag such as --seed or --name apart from the command's own parameters.
    names = {flag: flag.strip("-").replace("-", "_") + "_flag" for flag in FLAGS}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if parameter.name == "flags":
            parameters.extend(_option_parameter(flag, name) for flag, name in names.items())
        else:
            parameters.append(parameter)

    @wraps(command)
    def run(**values: Any) -> None:
        command(flags={flag: values.pop(name) for flag, name in names.items()}, **values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _option_parameter(flag: str, name: str) -> inspect.Parameter:
    spec = FLAGS[flag]
    option = typer.Option(
        flag,
        help=spec.help,
        metavar=spec.metavar,
        rich_help_panel=spec.help_section,
        autocompletion=completion.one_of(*spec.choices) if spec.choices else None,
        parser=spec.parser,
        hidden=spec.hidden,
    )
    position = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, position, default=None, annotation=Annotated[spec.value_type | None, option])
