"""The Encode tab as a widget: what is chosen is encoded and shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QColor, QDropEvent
from PyQt6.QtWidgets import QColorDialog
from pytestqt.qtbot import QtBot

from genexplorer.viewer.tabs.encode.tab import EncodeTab
from genexplorer.viewer.widgets.images import to_array
from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_model import Bench, mu_of, picture, press_key, wait_for_replies
from tests.genexplorer.viewer.mouse import QTest


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs"), steps=300, pictures=False)


@pytest.fixture(params=[2, 20])
def bench(request: pytest.FixtureRequest, qtbot: QtBot, run_folder: Path) -> Iterator[Bench[EncodeTab]]:
    bench = Bench(EncodeTab, run_folder, size=request.param)
    tab = bench.tab
    qtbot.waitUntil(lambda: tab.loader.samples is not None and tab.loader.thumbnails is not None)
    yield bench
    bench.close()


def test_a_test_image_is_encoded_by_its_index(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab = bench.tab
    tab.selection_panel.index.setValue(123)
    wait_for_replies(qtbot, tab)
    current, step = tab.loader.current, bench.context.step
    assert current is not None and step is not None
    np.testing.assert_allclose(current.mu, mu_of(np.array([123]), step, bench.client.size)[0], rtol=1e-6)
    image = to_array(tab.views.image_views["reconstruction"].image())
    np.testing.assert_array_equal(image, picture(current.mu, step)[0, ..., 0])
    assert tab.views.metrics.text().replace("\u00a0", " ") == "ELBO −86.8 nats    KL 6.250 nats"
    assert "dynamic binarization" in tab.views.setup.text()
    assert tab.views.samples.image().width() > 4 * 28
    sizes = {(view.width() // 8, view.height() // 8) for view in tab.views.image_views.values() if view.isVisible()}
    assert len(sizes) == 1 and min(sizes.pop()) > 10  # side by side, equally large
    assert tab.views.posterior_plane.isVisible() == (bench.client.size == 2)


def test_keys_and_thumbnails_select_test_images(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab = bench.tab
    assert press_key(tab, Qt.Key.Key_Right) and tab.selection.index == 1
    assert press_key(tab, Qt.Key.Key_Left) and tab.selection.index == 0
    tab.selection_panel.thumbnails.pressed.emit(QPoint(35, 65))  # second column, third row
    assert tab.selection.index == 17
    wait_for_replies(qtbot, tab)
    assert "#17" in tab.views.image_views["x"].accessibleDescription()


def test_a_label_filter_requests_the_labels_once(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab = bench.tab
    tab.selection_panel.label.opened.emit()
    tab.selection_panel.label.opened.emit()
    qtbot.waitUntil(lambda: tab.selection.has_labels)
    assert sum(q.op == "test_images" and not q.params for q in bench.client.requests) == 1
    box = tab.selection_panel.label
    box.setCurrentIndex(box.findData(7))
    box.activated.emit(box.currentIndex())
    assert tab.selection.index == 7 and press_key(tab, Qt.Key.Key_Right) and tab.selection.index == 17


def test_an_image_file_is_encoded_and_inverted_if_light(bench: Bench[EncodeTab], qtbot: QtBot, tmp_path: Path) -> None:
    tab = bench.tab
    paper = np.full((56, 56), 255, np.uint8)
    paper[20:36, 20:36] = 0
    Image.fromarray(paper).save(tmp_path / "scan.png")
    _drop(tab, tmp_path / "scan.png")
    wait_for_replies(qtbot, tab)
    requests = [q for q in bench.client.requests if q.op == "encode"][-1].arrays["images"]
    assert requests.shape == (1, 28, 28, 1) and requests[0, 0, 0, 0] == 0 and requests[0, 14, 14, 0] == 255
    assert tab.selection_panel.inverted.isChecked() and "scan.png" in tab.views.image_views["x"].accessibleDescription()
    assert tab.command_line() is None
    tab.selection_panel.inverted.setChecked(False)
    wait_for_replies(qtbot, tab)
    assert [q for q in bench.client.requests if q.op == "encode"][-1].arrays["images"][0, 0, 0, 0] == 255


def _drop(tab: EncodeTab, file: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    tab.dropEvent(event)


def test_a_bad_file_is_reported_and_changes_nothing(bench: Bench[EncodeTab], qtbot: QtBot, tmp_path: Path) -> None:
    tab = bench.tab
    (tmp_path / "bad.png").write_bytes(b"nothing")
    before = bench.client.count("encode")
    _drop(tab, tmp_path / "bad.png")
    assert tab.views.note.isVisible() and "bad.png" in tab.views.note.text()
    assert tab.selection.kind == "test" and bench.client.count("encode") == before
    tab.selection.step_by(1)
    assert not tab.views.note.isVisible()


def test_a_drawing_is_encoded_while_it_is_drawn(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab = bench.tab
    canvas = tab.selection_panel.canvas
    mouse: Any = qtbot  # pytest-qt leaves these untyped
    mouse.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(30, 30))
    mouse.mouseMove(canvas, QPoint(100, 100))
    mouse.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    wait_for_replies(qtbot, tab)
    requests = [q for q in bench.client.requests if q.op == "encode" and "images" in q.arrays]
    assert requests and requests[-1].lane == "drag" and requests[-1].arrays["images"].any()
    np.testing.assert_array_equal(requests[-1].arrays["images"][0], canvas.drawing.to_image())
    tab.selection_panel.cleared.emit()
    assert tab.selection.kind == "test"


def test_another_snapshot_encodes_again(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab = bench.tab
    step = bench.followed.snapshots[1]
    bench.context.step_selection.select(step)
    qtbot.waitUntil(lambda: tab.loader.current is not None and tab.loader.current.step == step)


def test_what_can_be_saved_is_saved(bench: Bench[EncodeTab], qtbot: QtBot, tmp_path: Path) -> None:
    tab = bench.tab
    for number, target in enumerate(tab.save_targets()):
        target.write(tmp_path / f"{number}.png")
        with Image.open(tmp_path / f"{number}.png") as image:
            assert image.width >= 28
    assert number >= 4
    copied = tab.copy_image()
    assert copied is not None and copied.width() > copied.height()
    assert "--first 0" in (tab.command_line() or "")
    assert tab.state()["index"] == 0


def test_a_model_without_an_encoder_gives_the_reason(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(EncodeTab, run_folder)
    card = bench.followed.card()
    capability = card.capability("encode").model_copy(update={"available": False, "reason": "a GAN has no encoder"})
    blind = card.model_copy(update={"capabilities": {**card.capabilities, "encode": capability}})
    bench.followed.card = lambda step=None: blind  # type: ignore[method-assign]
    bench.tab.on_time(bench.context.step)
    assert "a GAN has no encoder" in (bench.tab.waiting_reason() or "")
    bench.close()


@pytest.mark.parametrize("size", [2, 20])
def test_a_failure_is_shown_once(qtbot: QtBot, run_folder: Path, size: int) -> None:
    """As where the data of a run are gone: every request fails for the same reason."""
    bench = Bench(EncodeTab, run_folder, size=size, failing="the data are not there")
    tab = bench.tab
    views = [*tab.views.image_views.values(), tab.views.samples, tab.selection_panel.thumbnails]
    qtbot.waitUntil(lambda: any("not there" in view.accessibleDescription() for view in views))
    wait_for_replies(qtbot, tab)
    shown = [view.accessibleDescription() for view in views if view.accessibleDescription()]
    assert len(shown) == 2 and "the data are not there" in shown[0] and shown[1] == "no test images"
    bench.close()


def test_the_saved_test_image_is_restored(qtbot: QtBot, run_folder: Path) -> None:
    bench = Bench(EncodeTab, run_folder)
    for state in ({"index": "x"}, {"index": -4}, {"index": True}, {}):
        bench.tab.restore(state)
    assert bench.tab.selection.index == 0
    bench.tab.restore({"index": 42})
    bench.tab.activated()
    wait_for_replies(qtbot, bench.tab)
    assert bench.tab.selection.index == 42
    bench.close()


def test_classes_are_found_by_name_and_named_in_tooltips(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab, panel = bench.tab, bench.tab.selection_panel
    assert tab.card is not None and tab.step is not None
    names = ("<b>x</b>", "red fox", "snow fox", *(f"kind {number}" for number in range(3, 1000)))
    data = tab.card.data.model_copy(update={"class_names": names, "num_classes": 1000})
    tab.show_snapshot(tab.card.model_copy(update={"data": data}), tab.step)
    panel.label.opened.emit()
    wait_for_replies(qtbot, tab)
    completer = panel.label.completer()
    assert completer is not None
    completer.setCompletionPrefix("FOX")
    assert [completer.currentCompletion()] == ["only red fox"] and completer.completionCount() == 2
    completer.activated[str].emit("only snow fox")
    panel.label.setCurrentIndex(panel.label.findText("only snow fox"))
    panel.label.activated.emit(panel.label.currentIndex())
    assert tab.selection.label == 2 and tab.selection.index == 2
    # What is being typed stays when a response arrives; what is none of the entries gives way to the selected one.
    line = panel.label.lineEdit()
    assert line is not None
    line.setText("kin")
    panel.refresh(tab.loader)
    assert line.text() == "kin"
    line.editingFinished.emit()
    assert line.text() == "only snow fox"
    tab.selection.filter(None)
    wait_for_replies(qtbot, tab)
    frame = panel.thumbnails
    inside = next(QPoint(x, 8) for x in range(frame.width()) if frame.tooltip_at(QPoint(x, 8)))
    assert frame.tooltip_at(inside) == "<qt>#0  &lt;b&gt;x&lt;/b&gt;</qt>"


def test_pen_and_background_have_colors_for_color_images(
    bench: Bench[EncodeTab], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, panel = bench.tab, bench.tab.selection_panel
    assert not panel.pen_button.isVisible() and not panel.background_button.isVisible()
    panel.set_image_shape((3, 28, 28))
    assert panel.pen_button.isVisible() and panel.pen_button.color == (0, 0, 0)
    assert panel.canvas.drawing.to_image()[0, 0].tolist() == [255, 255, 255]
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor(10, 20, 30))
    panel.background_button.click()
    assert panel.canvas.drawing.to_image()[0, 0].tolist() == [10, 20, 30] == list(panel.background_button.color)
    assert tab.context.own_image is None, "an empty drawing is no image"
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor())  # canceled
    panel.pen_button.click()
    assert panel.canvas.drawing.pen == (0, 0, 0)
    panel.canvas.drawing.stroke((5, 5), (20, 20))
    panel.canvas.changed.emit()
    own = tab.context.own_image
    assert own is not None and own.name == "drawing" and own.x.shape == (28, 28, 3)


def test_what_is_typed_replaces_the_class(bench: Bench[EncodeTab], qtbot: QtBot) -> None:
    tab, box = bench.tab, bench.tab.selection_panel.label
    line = box.lineEdit()
    assert line is not None
    box.setFocus(Qt.FocusReason.MouseFocusReason)
    qtbot.waitUntil(box.hasFocus)
    wait_for_replies(qtbot, tab)
    assert box.count() == 11, "the focus loads the classes"
    assert line.selectedText() == "any label"
    QTest.keyClicks(box, "only 3")
    assert line.text() == "only 3"
    # A choice gives the keys back to the window.
    box.setCurrentIndex(4)
    box.activated.emit(4)
    assert tab.selection.label == 3
    qtbot.waitUntil(lambda: not box.hasFocus())
