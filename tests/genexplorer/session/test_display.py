"""The reason why no window can be opened, in one line, from displays that do not work."""

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genexplorer.cli.doctor import checks
from genexplorer.errors import DisplayError
from genexplorer.session import actions, display

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="displays of Linux")


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*display.VARIABLES, "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(display, "_CONNECT_TIMEOUT_S", 0.2)


@contextmanager
def server(address: str, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """A server that receives one request of each client and answers it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.sendall(answer(client.recv(4096)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def authority(cookie: bytes, display_number: bytes) -> bytes:
    """The content of a file of X authorities with one entry for any host."""
    fields = (b"", display_number, b"MIT-MAGIC-COOKIE-1", cookie)
    return struct.pack(">H", 65535) + b"".join(struct.pack(">H", len(field)) + field for field in fields)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "there is no display"),
        ({"DISPLAY": ":7719"}, "DISPLAY=:7719: the X server does not respond"),
        ({"DISPLAY": "127.0.0.1:-1"}, "is not the name of an X display"),
        ({"WAYLAND_DISPLAY": "wayland-9"}, "WAYLAND_DISPLAY=wayland-9: XDG_RUNTIME_DIR is not set"),
        ({"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": "/nowhere"}, "/nowhere/wayland-9 does not respond"),
        ({"WAYLAND_DISPLAY": "/nowhere/w", "DISPLAY": ":7719"}, "/nowhere/w does not respond"),
        ({"QT_QPA_PLATFORM": "nonsense"}, "QT_QPA_PLATFORM=nonsense is not a platform of Qt"),
        ({"QT_QPA_PLATFORM": "xcb"}, "DISPLAY= is not the name"),
    ],
)
def test_every_front_end_and_the_doctor_give_the_same_reason(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DisplayError) as caught:
        actions.require_display(None)
    finding, result = checks.check_display(), actions.open_viewer(None, Path("runs"))
    for text in caught.value.message, finding.message, result.message:
        assert reason in text and "\n" not in text
    assert finding.level == "warning" and finding.hint and "genexplorer manifold" in caught.value.hint
    assert not result.ok and result.exit_code == DisplayError.exit_code


def test_a_socket_without_a_compositor_is_dead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "w")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "w"))
        assert "w does not respond (Connection refused)" in display.display_problem()
        silent.listen()
        assert "no answer within" in display.display_problem()
    (tmp_path / "w").unlink()
    with server(str(tmp_path / "w"), lambda request: b"global"):
        assert display.display_problem() == ""


def test_an_x_server_that_refuses_the_cookie_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    number = str(7000 + os.getpid() % 900_000)
    refusal = b"Invalid MIT-MAGIC-COOKIE-1 key"

    def answer(request: bytes) -> bytes:
        if request.endswith(b"right-cookie-16b"):
            return struct.pack("=BBHHH", 1, 0, 11, 0, 0)
        return struct.pack("=BBHHH", 0, len(refusal), 11, 0, 8) + refusal.ljust(32, b"\0")

    monkeypatch.setenv("DISPLAY", f":{number}")
    monkeypatch.setenv("XAUTHORITY", str(tmp_path / "authority"))
    with server(f"\0/tmp/.X11-unix/X{number}", answer):
        assert "authority has no cookie for it" in display.display_problem()
        (tmp_path / "authority").write_bytes(authority(b"wrong-cookie-16b", number.encode()))
        problem = display.display_problem()
        assert refusal.decode() in problem and "authority has no valid cookie for it" in problem
        (tmp_path / "authority").write_bytes(authority(b"right-cookie-16b", number.encode()))
        assert display.display_problem() == ""
        # A dead compositor beside it does no harm: Qt takes the X server.
        monkeypatch.setenv("WAYLAND_DISPLAY", "/nowhere/w")
        assert display.display_problem() == ""
