"""The data set "images", a folder of image files: its options. The module `folder` reads them; only it needs Pillow."""

from typing import Literal

from pydantic import Field, field_validator

from trainers.data.catalog import ImageOptions, SplitOptions
from trainers.registry import DataSet

MAX_SIDE_PX = 4096
_FUNCTIONS = "trainers.data.image_files.folder"


class ImageFolderOptions(SplitOptions, ImageOptions):
    """Options of a folder, zip archive or Parquet file of images. Where it has train and test parts, they are used."""

    size: int | None = Field(None, ge=1, le=MAX_SIDE_PX)  # height and width; None: as they are, or 64 if they differ
    fit: Literal["crop", "pad", "stretch"] = "crop"  # of images with another aspect ratio
    channels: Literal[1, 3] | None = None  # gray or color; None: color if any file has colors
    background: str = "white"  # below transparent pixels, and around padded images

    @field_validator("background")
    @classmethod
    def _color(cls, value: str) -> str:
        from PIL import ImageColor

        try:
            ImageColor.getrgb(value)
        except ValueError:
            raise ValueError("must be a color such as white, black or '#80ff00'") from None
        return value


IMAGES = DataSet(
    name="images",
    title="a folder or zip of image files (PNG, JPEG, WebP, GIF, BMP, TIFF), subfolders are classes; Parquet",
    options=ImageFolderOptions,
    load=f"{_FUNCTIONS}:load",
    peek=f"{_FUNCTIONS}:peek",
    count=f"{_FUNCTIONS}:count",
    traits=f"{_FUNCTIONS}:traits",
    prepare=f"{_FUNCTIONS}:prepare",
    describe=f"{_FUNCTIONS}:describe",
    location=("path",),
)
