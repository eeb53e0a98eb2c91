"""Downloads from a server on this machine: whole, interrupted, damaged, from a second mirror, and without a network."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import scipy.io

from trainers import presets, registry
from trainers.data import data_names, idx, loading
from trainers.data.dataset import ImageData
from trainers.data.downloads import catalog, convert, fetch
from trainers.data.downloads.catalog import Download
from trainers.errors import ConfigError, DataError
from trainers.storage.user_folders import DATA_VARIABLE

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 6, 5), dtype=np.uint8)
FILES = {
    "train-images-idx3-ubyte": idx.to_bytes(IMAGES),
    "train-labels-idx1-ubyte": idx.to_bytes(np.arange(20, dtype=np.uint8) % 3),
    "t10k-images-idx3-ubyte": idx.to_bytes(IMAGES[:6]),
    "t10k-labels-idx1-ubyte": idx.to_bytes(np.arange(6, dtype=np.uint8) % 3),
}


@dataclass
class Server:
    """What the server of a test sends, and what was requested of it."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)  # by path
    cut: dict[str, int] = field(default_factory=dict)  # paths whose first response ends after so many bytes
    requests: list[tuple[str, str]] = field(default_factory=list)  # path and range


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers requests of ranges, on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append((self.path, self.headers.get("Range", "")))
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start : state.cut.pop(self.path, len(content))])

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{http.server_port}")
    Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv(fetch.MIRRORS_VARIABLE, raising=False)
    monkeypatch.setattr(fetch, "CHUNK_BYTES", 20)


def tiny(*urls: str, files: dict[str, bytes] = FILES, **values: object) -> Download:
    checksums = {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in files.items()}
    return Download("tiny", "tiny images", checksums, urls, sum(map(len, files.values())), **values)  # type: ignore[arg-type]


def serve(server: Server, folder: str, files: dict[str, bytes] = FILES) -> str:
    server.files |= {f"/{folder}/{name}": content for name, content in files.items()}
    return f"{server.url}/{folder}"


def test_a_whole_download_is_a_data_set_with_class_names(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    download = tiny(serve(server, "a"), class_names=("red", "green", "blue"))
    monkeypatch.setitem(catalog.DOWNLOADS, "tiny", download)
    with pytest.raises(ConfigError, match="'genexplorer data fetch tiny'"):
        presets.data_settings("tiny")
    shown: list[float] = []
    folder = fetch.fetch(download, lambda fraction, message: shown.append(fraction))
    assert shown == sorted(shown) and shown[-1] == 1.0
    settings = presets.data_settings("tiny")
    spec = registry.dataset(settings.pop("name"))
    data = loading.load(spec, spec.options(**settings))
    assert isinstance(data, ImageData) and np.array_equal(data.train[..., 0], IMAGES)
    assert data.class_names == ("red", "green", "blue")
    # Nothing is left of the download, and a second one requests nothing.
    assert sorted(each.name for each in folder.parent.iterdir()) == ["downloads", "tiny"]
    assert not list((folder.parent / "downloads").iterdir())
    count = len(server.requests)
    assert fetch.fetch(download) == folder and len(server.requests) == count
    with pytest.raises(ConfigError, match="already a data set"):
        data_names.add("tiny", {"name": "idx", "path": str(folder)})


def test_an_interrupted_download_continues_where_it_stopped(server: Server) -> None:
    download = tiny(serve(server, "a"))
    server.cut["/a/train-images-idx3-ubyte"] = 100
    with pytest.raises(DataError, match="the connection broke off"):
        fetch.fetch(download)
    assert not download.is_complete
    fetch.fetch(download)
    assert server.requests[1] == ("/a/train-images-idx3-ubyte", "bytes=100-")
    assert (download.folder / "train-images-idx3-ubyte").read_bytes() == FILES["train-images-idx3-ubyte"]


def test_the_rest_comes_from_another_mirror(server: Server) -> None:
    download = tiny(serve(server, "a"), serve(server, "b"))
    server.cut["/a/train-images-idx3-ubyte"] = 100
    fetch.fetch(download)
    assert server.requests[1] == ("/b/train-images-idx3-ubyte", "bytes=100-")
    assert (download.folder / "train-images-idx3-ubyte").read_bytes() == FILES["train-images-idx3-ubyte"]


def test_a_file_with_another_checksum_is_refused_and_not_continued(server: Server) -> None:
    download = tiny(serve(server, "a"))
    server.files["/a/t10k-images-idx3-ubyte"] = b"something else"
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte cannot be downloaded.*checksum differs"):
        fetch.fetch(download)
    assert not download.is_complete
    serve(server, "a")
    fetch.fetch(download)
    assert download.is_complete
    names = [path for path, _ in server.requests]
    assert names.count("/a/train-images-idx3-ubyte") == 1, "complete files are not downloaded again"


def test_a_mirror_without_the_file_is_followed_by_the_next(server: Server) -> None:
    download = tiny(f"{server.url}/nothing", serve(server, "b"))
    fetch.fetch(download)
    assert server.requests[:2] == [("/nothing/train-images-idx3-ubyte", ""), ("/b/train-images-idx3-ubyte", "")]
    with pytest.raises(DataError, match="404 Not Found"):
        fetch.fetch(replace(download, name="other", urls=download.urls[:1]))


def test_mirrors_of_the_user_come_first(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(server, "mine/tiny")
    monkeypatch.setenv(fetch.MIRRORS_VARIABLE, f"{server.url}/mine/, {server.url}/other")
    fetch.fetch(tiny(f"{server.url}/official"))
    assert {path.rpartition("/")[0] for path, _ in server.requests} == {"/mine/tiny"}


def test_offline_one_line_says_where_to_put_the_files(tmp_path: Path) -> None:
    download = tiny("http://127.0.0.1:9/x")
    with pytest.raises(DataError) as caught:
        fetch.fetch(download)
    place = tmp_path / "data" / "downloads" / "tiny"
    text = str(caught.value)
    assert "127.0.0.1:9: no connection" in text and str(place) in text and all(name in text for name in FILES)
    assert "\n" not in text
    for name, content in FILES.items():
        (place / name).write_bytes(content)
    assert fetch.fetch(download).is_dir()


def test_a_file_much_larger_than_it_should_be_is_not_read_to_its_end(server: Server) -> None:
    download = tiny(serve(server, "a"))
    server.files["/a/train-images-idx3-ubyte"] = bytes(1_000_000)
    with pytest.raises(DataError, match="much larger"):
        fetch.fetch(download)


def test_every_checksum_of_the_catalog_is_one(tmp_path: Path) -> None:
    for download in catalog.DOWNLOADS.values():
        assert download.urls and all(len(each) == 36 and each.startswith("md5:") for each in download.files.values())


def cifar_archive(path: Path, *, num: int = 2, extra: tarfile.TarInfo | None = None) -> dict[str, np.ndarray]:
    batches = {}
    with tarfile.open(path, "w:gz") as archive:
        for name in convert._CIFAR_BATCHES:
            batches[name] = RNG.integers(0, 10, (num, 1 + 3072), dtype=np.uint8)
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = batches[name].nbytes
            archive.addfile(member, io.BytesIO(batches[name].tobytes()))
        if extra is not None:
            archive.addfile(extra)
    return batches


def test_cifar_10_is_read_from_its_binary_version(tmp_path: Path) -> None:
    escaping = tarfile.TarInfo("../../escaped")
    escaping.type, escaping.linkname = tarfile.SYMTYPE, "/etc/passwd"
    batches = cifar_archive(tmp_path / "cifar-10-binary.tar.gz", extra=escaping)
    (tmp_path / "out").mkdir()
    convert.cifar_10(tmp_path, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 4
    images = idx.read_images(tmp_path / "out" / "train-images-idx4-ubyte")
    first = batches["data_batch_1.bin"][0]
    assert images.shape == (10, 32, 32, 3) and np.array_equal(images[0, :, :, 1].ravel(), first[1 + 1024 : 1 + 2048])
    assert idx.read_labels(tmp_path / "out" / "t10k-labels-idx1-ubyte")[1] == batches["test_batch.bin"][1, 0]


def test_another_archive_in_place_of_cifar_10_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"\x80\x04N.."))
    with pytest.raises(DataError, match=r"has no data_batch_1\.bin"):
        convert.cifar_10(tmp_path, tmp_path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="damaged"):
        convert.cifar_10(tmp_path, tmp_path)


def test_svhn_is_read_from_its_matlab_files(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    for name in ("train", "test"):
        scipy.io.savemat(tmp_path / f"{name}_32x32.mat", {"X": pixels, "y": np.array([[1], [10], [9], [2]])})
    convert.svhn(tmp_path, tmp_path)
    images = idx.read_images(tmp_path / "train-images-idx4-ubyte")
    assert np.array_equal(images[3], pixels[..., 3])
    assert idx.read_labels(tmp_path / "t10k-labels-idx1-ubyte").tolist() == [1, 0, 9, 2]
    (tmp_path / "test_32x32.mat").write_bytes(b"x" * 300)
    with pytest.raises(DataError, match="cannot be read"):
        convert.svhn(tmp_path, tmp_path)
