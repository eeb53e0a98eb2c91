"""Specs of the 2-D toy data sets. Imports no torch."""

from pydantic import Field

from trainers.config import Section
from trainers.registry import DataSet, ImageShape


class PointOptions(Section):
    """Options of every 2-D data set."""

    num_train: int = Field(100_000, ge=1, le=10_000_000)
    num_test: int = Field(10_000, ge=1, le=1_000_000)


class NoisyOptions(PointOptions):
    """Options of points with Gaussian noise around a curve or a center."""

    noise: float = Field(0.2, ge=0.02, le=1)  # standard deviation in each coordinate


class CirclesOptions(NoisyOptions):
    """Options of two concentric circles."""

    noise: float = Field(0.15, ge=0.02, le=1)


class RingsOptions(NoisyOptions):
    """Options of four concentric circles."""

    noise: float = Field(0.1, ge=0.02, le=1)


class SpiralsOptions(NoisyOptions):
    """Options of two spirals."""

    noise: float = Field(0.1, ge=0.02, le=1)


class PinwheelOptions(NoisyOptions):
    """Options of five bent arms."""

    noise: float = Field(0.1, ge=0.02, le=0.3)  # across an arm; wider arms would overlap themselves


def peek(options: PointOptions) -> ImageShape:
    """Return the shape of a point as a model input."""
    return 2, 1, 1


def _point_dataset(name: str, title: str, options: type[PointOptions]) -> DataSet:
    function = name.replace("-", "_")
    return DataSet(
        name, title, options, f"trainers.data.toy.samplers:{function}", "trainers.data.toy.catalog:peek", kind="points"
    )


MOONS = _point_dataset("moons", "two half moons", NoisyOptions)
CIRCLES = _point_dataset("circles", "two concentric circles", CirclesOptions)
RINGS = _point_dataset("rings", "four concentric rings", RingsOptions)
PINWHEEL = _point_dataset("pinwheel", "a pinwheel of five arms", PinwheelOptions)
CHECKERBOARD = _point_dataset("checkerboard", "a checkerboard of sharp squares", PointOptions)
SPIRALS = _point_dataset("spirals", "two spirals about one center", SpiralsOptions)
EIGHT_GAUSSIANS = _point_dataset("eight-gaussians", "eight Gaussians on a circle", NoisyOptions)
SWISS_ROLL = _point_dataset("swiss-roll", "a rolled-up curve", NoisyOptions)
