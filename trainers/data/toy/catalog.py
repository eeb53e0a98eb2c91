"""The toy densities of the plane, described without torch."""

from pydantic import Field

from trainers.config import Section
from trainers.registry import DataSet, ImageShape


class PointOptions(Section):
    """Options of every data set of points."""

    num_train: int = Field(100_000, ge=1, le=10_000_000)
    num_test: int = Field(10_000, ge=1, le=1_000_000)


class NoisyOptions(PointOptions):
    """Options of points with Gaussian noise about a curve or a center."""

    noise: float = Field(0.2, ge=0.02, le=1)  # its standard deviation in each coordinate


class CirclesOptions(NoisyOptions):
    """Options of two circles."""

    noise: float = Field(0.15, ge=0.02, le=1)


class RingsOptions(NoisyOptions):
    """Options of four circles."""

    noise: float = Field(0.1, ge=0.02, le=1)


class SpiralsOptions(NoisyOptions):
    """Options of two spirals."""

    noise: float = Field(0.1, ge=0.02, le=1)


class PinwheelOptions(NoisyOptions):
    """Options of five bent arms."""

    noise: float = Field(0.1, ge=0.02, le=0.3)  # across an arm; wider ones would fold over themselves


def peek(options: PointOptions) -> ImageShape:
    """Return the shape of a point as a model sees it."""
    return 2, 1, 1


def _points(name: str, title: str, options: type[PointOptions]) -> DataSet:
    function = name.replace("-", "_")
    return DataSet(
        name, title, options, f"trainers.data.toy.samplers:{function}", "trainers.data.toy.catalog:peek", kind="points"
    )


MOONS = _points("moons", "two half moons", NoisyOptions)
CIRCLES = _points("circles", "two concentric circles", CirclesOptions)
RINGS = _points("rings", "four concentric rings", RingsOptions)
PINWHEEL = _points("pinwheel", "a pinwheel of five arms", PinwheelOptions)
CHECKERBOARD = _points("checkerboard", "a checkerboard of sharp squares", PointOptions)
SPIRALS = _points("spirals", "two spirals about one center", SpiralsOptions)
EIGHT_GAUSSIANS = _points("eight-gaussians", "eight Gaussians on a circle", NoisyOptions)
SWISS_ROLL = _points("swiss-roll", "a rolled-up curve", NoisyOptions)
