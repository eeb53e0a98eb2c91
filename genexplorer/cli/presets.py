"""`genexplorer presets`: what can be trained, what it is expected to reach, and in what time."""

from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer.cli import completion, output
from genexplorer.cli.options import AsJson

if TYPE_CHECKING:
    from trainers.registry import Preset


def presets(
    preset: Annotated[
        str | None, typer.Argument(metavar="PRESET", help="Only this one.", autocompletion=completion.presets)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be trained, family by family, with the expected result and time."""
    from trainers import registry

    chosen = [registry.preset(preset)] if preset else list(registry.presets().values())
    if as_json:
        output.as_json([_as_json(one.name) for one in chosen])
        return
    family = ""
    for number, one in enumerate(chosen):
        if number:
            output.data("")
        if preset is None and one.family != family:
            family = one.family
            output.data(registry.family(family).title.capitalize())
        _tell(one, alone=preset is not None)
    output.say("\ntrain one with: genexplorer train " + chosen[0].name)


def _tell(one: "Preset", *, alone: bool) -> None:
    from genexplorer.session.gallery import minutes
    from trainers import registry

    output.data(f"{'' if alone else '  '}{output.style(one.name, 'accent')}  {one.summary}")
    output.pairs(
        [
            ("reaches", one.expected),
            ("takes", f"about {minutes(one)} on two cores"),
            ("look at", one.watch_for),
            ("family", registry.family(one.family).title if alone else ""),
            ("source", one.source),
            ("fixed", ", ".join(one.frozen)),
        ],
        indent=2 if alone else 4,
    )


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
        "look_at": preset.watch_for,
        "source": preset.source,
        "fixed": list(preset.frozen),
        "config": assembling.assemble(name).model_dump(mode="json"),
    }
