"""The data sets that can be downloaded: their files with checksums, and where they are.

Checksums are those of torchvision's and the authors' own pages; a data set without a published one is not listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainers.storage.user_folders import downloaded_data_dir

CLASS_NAMES_FILE = "class-names.txt"
_IDX_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_EMNIST_SETS = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")


@dataclass(frozen=True)
class Download:
    """A data set that can be downloaded.

    Args:
        name: Name of the data set, and of its folder.
        title: What it is, in a line.
        files: Checksum of each file by name: "md5:…".
        urls: Folders on the web that have these files; each is tried.
        num_bytes: Approximate size of all files together.
        convert: "module:function" of (folder of the files, folder to fill); without it the files are used as they are.
        class_names: Names of the classes.
        path: Of the data in the folder; the folder itself by default.
        sets: Options of the data sets in it by name; by default one of the name of the download.
    """

    name: str
    title: str
    files: Mapping[str, str]
    urls: tuple[str, ...]
    num_bytes: int
    convert: str = ""
    class_names: tuple[str, ...] = ()
    path: str = ""
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the data, which appears when they are complete."""
        return downloaded_data_dir() / self.name

    @property
    def is_complete(self) -> bool:
        """True if the data are on this machine."""
        return self.folder.is_dir()

    @property
    def set_names(self) -> tuple[str, ...]:
        """The names by which the data sets of this download are chosen."""
        return tuple(self.sets) or (self.name,)

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings of the section "data" for one of its data sets."""
        return {"name": "idx", "path": str((self.folder / self.path).resolve()), **self.sets.get(name, {})}


_ALL = (
    Download(
        "fashion-mnist",
        "Fashion-MNIST, 60,000 + 10,000 images of clothes, 28×28",
        dict(
            zip(
                _IDX_NAMES,
                (
                    "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "md5:25c81989df183df01b3e8a0aad5dffbe",
                    "md5:bef4ecab320f06d8554ea6380940ec79",
                    "md5:bb300cfdad3c16e7a12a480ee83cd310",
                ),
                strict=True,
            )
        ),
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        ),
        31_000_000,
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    Download(
        "kmnist",
        "Kuzushiji-MNIST, 60,000 + 10,000 characters of cursive Japanese, 28×28",
        dict(
            zip(
                _IDX_NAMES,
                (
                    "md5:bdb82020997e1d708af4cf47b453dcf7",
                    "md5:e144d726b3acfaa3e44228e80efcd344",
                    "md5:5c965bf0a639b31b8f53240b1b52f4d7",
                    "md5:7320c461ea6c1c855c0b718fb2a4b134",
                ),
                strict=True,
            )
        ),
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
        21_000_000,
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    Download(
        "emnist",
        "EMNIST, up to 814,255 handwritten letters and digits, 28×28, in six selections",
        {"gzip.zip": "md5:58c8d27c78d21e728a6bc7b3cc06412e"},
        (
            "https://biometrics.nist.gov/cs_links/EMNIST",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST",
        ),
        562_000_000,
        path="gzip.zip",
        sets={f"emnist-{name}": {"prefix": f"emnist-{name}"} for name in _EMNIST_SETS},
    ),
    Download(
        "qmnist",
        "QMNIST, MNIST with its full test set of 60,000 digits, 28×28",
        {
            "qmnist-train-images-idx3-ubyte.gz": "md5:ed72d4157d28c017586c42bc6afe6370",
            "qmnist-train-labels-idx2-int.gz": "md5:0058f8dd561b90ffdd0f734c6a30e5e4",
            "qmnist-test-images-idx3-ubyte.gz": "md5:1394631089c404de565df7b7aeaf9412",
            "qmnist-test-labels-idx2-int.gz": "md5:5b5b05890a5e13444e108efe57b788aa",
        },
        ("https://raw.githubusercontent.com/facebookresearch/qmnist/master",),
        20_000_000,
    ),
    Download(
        "cifar-10",
        "CIFAR-10, 50,000 + 10,000 color photos of ten classes, 32×32",
        {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
        ("https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz"),
        170_000_000,
        convert="trainers.data.downloads.convert:cifar_10",
        class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
    Download(
        "svhn",
        "SVHN, 73,257 + 26,032 color photos of house numbers, 32×32",
        {
            "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
        },
        ("http://ufldl.stanford.edu/housenumbers",),
        246_000_000,
        convert="trainers.data.downloads.convert:svhn",
    ),
)
DOWNLOADS = {download.name: download for download in _ALL}


def find_download(name: str) -> Download | None:
    """Return the download that has a data set of that name, or is named so; None if there is none."""
    if name in DOWNLOADS:
        return DOWNLOADS[name]
    return next((download for download in DOWNLOADS.values() if name in download.set_names), None)


def find_settings(name: str) -> dict[str, Any] | None:
    """Return the settings of a data set of that name that was downloaded; None if there is none."""
    download = find_download(name)
    return download.settings(name) if download is not None and download.is_complete else None
