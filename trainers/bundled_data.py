"""The bundled data files: beside the packages in a checkout, inside this package in a wheel."""

from pathlib import Path

from trainers.errors import DataError


def folder(name: str) -> Path:
    """Return a folder of bundled data, such as `mnist`.

    Raises:
        DataError: if the installation lacks it.
    """
    here = Path(__file__).resolve().parent
    for base in (here / "_assets", here.parent / "assets"):
        if (base / name).is_dir():
            return base / name
    raise DataError(f"the bundled data have no folder '{name}'", "reinstall genexplorer")
