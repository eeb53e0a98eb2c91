"""The command line: typer only, one file a group of commands; heavy imports wait until a command needs them."""

import genexplorer

if _place := genexplorer.foreign_trainers():
    raise SystemExit(
        f"error: {_place} hides the package 'trainers' of genexplorer: rename it, or remove its folder from PYTHONPATH"
    )
