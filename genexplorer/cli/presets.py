"""`genexplorer presets`: list the presets with their expected results and training times."""

from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson

if TYPE_CHECKING:
    from trainers.registry import Preset


def presets(
    preset: Annotated[
        str | None, typer.Argument(metavar="PRESET", help="Show only this preset.", autocompletion=completion.presets)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List presets by family, with expected result and training time."""
    from trainers import registry

    selected = [registry.preset(preset)] if preset else list(registry.presets().values())
    if as_json:
        output.print_json([_preset_json(spec) for spec in selected])
        output.print_plugin_failures()
        return
    family = ""
    for number, spec in enumerate(selected):
        if number:
            output.print_stdout("")
        if preset is None and spec.family != family:
            family = spec.family
            title = registry.family(family).title
            output.print_stdout(title[:1].upper() + title[1:])
        _print_preset(spec, is_only_one=preset is not None)
    output.print_stderr("\ntrain one with: genexplorer train " + selected[0].name)
    output.print_plugin_failures()


def _print_preset(preset: "Preset", *, is_only_one: bool) -> None:
    from genexplorer.session.preset_info import training_time_text
    from trainers import registry

    output.print_stdout(f"{'' if is_only_one else '  '}{output.style(preset.name, 'accent')}  {preset.summary}")
    output.print_pairs(
        [
            ("result", preset.expected),
            ("time", f"about {training_time_text(preset)} on two cores"),
            ("fails", preset.expected_failure),
            ("family", registry.family(preset.family).title if is_only_one else ""),
            ("reproduces", preset.publication),
            ("fixed", ", ".join(preset.frozen)),
        ],
        indent=2 if is_only_one else 4,
    )


def _preset_json(preset: "Preset") -> dict[str, object]:
    from trainers.presets import assemble

    return {
        "name": preset.name,
        "family": preset.family,
        "summary": preset.summary,
        "expected": preset.expected,
        "minutes": preset.minutes,
        "look_at": preset.expected_failure,
        "source": preset.publication,
        "fixed": list(preset.frozen),
        "config": assemble(preset.name).model_dump(mode="json"),
    }
