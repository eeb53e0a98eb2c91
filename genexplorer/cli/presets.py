"""`genexplorer presets`: what can be trained, what it is expected to reach, and in what time."""

from typing import Annotated

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson


def presets(
    preset: Annotated[
        str | None, typer.Argument(metavar="PRESET", help="Only this one.", autocompletion=completion.presets)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be trained, with the expected result and time."""
    from trainers import registry

    chosen = [registry.preset(preset)] if preset else list(registry.presets().values())
    if as_json:
        output.as_json([_as_json(one.name) for one in chosen])
        return
    for number, one in enumerate(chosen):
        if number:
            output.data("")
        output.data(f"{output.style(one.name, 'accent')}  {one.summary}")
        output.pairs(
            [
                ("reaches", one.expected),
                ("takes", f"about {one.minutes:g} minutes on two cores"),
                ("family", registry.family(one.family).title),
                ("source", one.source),
                ("fixed", ", ".join(one.frozen)),
            ],
            indent=2,
        )
    output.say("\ntrain one with: genexplorer train " + chosen[0].name)


def _as_json(name: str) -> dict[str, object]:
    from trainers import presets as assembling
    from trainers import registry

    preset = registry.preset(name)
    return {
        "name": preset.name,
        "family": preset.family,
        "summary": preset.summary,
        "expected": preset.expected,
        "minutes": preset.minutes,
        "source": preset.source,
        "fixed": list(preset.frozen),
        "config": assembling.assemble(name).model_dump(mode="json"),
    }
