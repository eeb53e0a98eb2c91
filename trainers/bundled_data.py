"""Where the bundled files are: beside the packages in a checkout, inside this package in a wheel."""

from pathlib import Path

from trainers.errors import DataError


def folder(name: str) -> Path:
    """Return a folder of the bundled assets, such as `mnist`.

    Raises:
        DataError: if the installation lacks it.
    """
    here = Path(__file__).resolve().parent
    for base in (here / "_assets", here.parent / "assets"):
        if (base / name).is_dir():
            return base / name
    raise DataError(f"the bundled assets have no folder '{name}'", "install genexplorer again")
