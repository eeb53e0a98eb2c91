"""The form of a new run in the viewer: fields, the sheet of the data, browsing and dropping."""

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PyQt6.QtWidgets import QComboBox, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from genexplorer.session.new_run import NewRunForm
from genexplorer.session.settings_text import parse_settings
from genexplorer.viewer.dialogs.new_run import NewRunDialog
from genexplorer.viewer.widgets.settings_edit import SettingsEdit
from trainers import presets

HOSTILE = "<b>x</b>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve color images in two classes, one of them named like markup, and a text file."""
    root, rng = tmp_path_factory.mktemp("data") / "set", np.random.default_rng(0)
    for index in range(12):
        place = root / (HOSTILE.replace("/", "∕") if index % 3 else "plain") / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(place)
    (root / "plain" / "notes.txt").write_text("x")
    return root


@pytest.fixture
def make(qtbot: QtBot) -> Callable[..., NewRunDialog]:
    def one(form: NewRunForm | None = None) -> NewRunDialog:
        dialog = NewRunDialog(form)
        qtbot.addWidget(dialog)
        qtbot.waitUntil(lambda: dialog.form.is_checked)
        return dialog

    return one


def drop(dialog: NewRunDialog, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    left, copy, plain = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(9, 9), copy, mime, left, plain)
    dialog.dragEnterEvent(enter)
    assert enter.isAccepted()
    dialog.dropEvent(QDropEvent(QPointF(9, 9), copy, mime, left, plain))


def test_the_form_refuses_invalid_values(make: Callable[..., NewRunDialog], qtbot: QtBot) -> None:
    dialog = make()
    dialog.form.set("length", "many")
    qtbot.waitUntil(lambda: not dialog.start.isEnabled() and "many" in dialog.error_label.text())
    dialog.accept()
    assert dialog.config is None
    dialog.form.set("unit", "steps")
    dialog.form.set("length", "25")
    qtbot.waitUntil(lambda: dialog.form.is_checked)
    assert dialog.start.isEnabled() and dialog.error_label.text() == ""
    dialog.accept()
    assert dialog.config is not None and dialog.config.schedule.steps == 25


def test_a_start_before_the_check_waits_for_it(make: Callable[..., NewRunDialog], qtbot: QtBot) -> None:
    dialog = make()
    dialog.form.set("beta", "3")
    dialog.accept()
    assert dialog.config is None
    qtbot.waitUntil(lambda: dialog.config is not None)
    assert dialog.config is not None and dialog.config.model_options().beta == 3


def test_a_dropped_folder_becomes_the_data_with_its_sheet(
    make: Callable[..., NewRunDialog], qtbot: QtBot, folder: Path
) -> None:
    dialog = make()
    drop(dialog, folder)
    sheet = dialog.sheet
    qtbot.waitUntil(lambda: not sheet.title.isHidden() and "set: 12 images" in sheet.title.text())
    assert sheet.facts.text() == "16×16, color · 11 training, 1 test"
    assert sheet.classes.text() == "2 classes of 4 to 8 examples"
    assert sheet.bars.accessibleDescription() == f"{HOSTILE.replace('/', '∕')} 8; plain 4"
    assert "1 files .txt are no images" in sheet.notes.text()
    assert "data.binarization=none: the images have colors" in sheet.notes.text()
    assert sheet.examples.image().width() == 8 * 16 + 7 * 2
    sheet.bars.grab()
    # Fields follow the data.
    folder_editor, size = dialog.editors["folder"], dialog.editors["size"]
    assert isinstance(folder_editor, QLineEdit) and folder_editor.text() == str(folder)
    assert isinstance(size, QLineEdit) and size.placeholderText() == "auto: 16×16"
    # Another path cancels the sheet, a wrong one says why there is none.
    dialog.form.set("folder", str(folder / "nothing"))
    qtbot.waitUntil(lambda: "nothing" in sheet.status.text() and sheet.title.isHidden())


def test_what_cannot_be_chosen_is_disabled_with_the_reason(
    make: Callable[..., NewRunDialog], qtbot: QtBot, folder: Path
) -> None:
    dialog = make(NewRunForm("vae-2d"))
    likelihood = dialog.editors["likelihood"]
    assert isinstance(likelihood, QComboBox) and likelihood.isEnabled()
    model = likelihood.model()
    assert model is not None
    normal = model.index(likelihood.findData("normal"), 0)
    assert not model.flags(normal) & Qt.ItemFlag.ItemIsEnabled
    assert "2-D points" in model.data(normal, Qt.ItemDataRole.ToolTipRole)
    assert likelihood.itemText(0) == "auto: bernoulli"
    # A GAN has no likelihood and no beta, and takes gray levels alone.
    dialog.form.set("family", "gan")
    qtbot.waitUntil(lambda: dialog.form.is_checked)
    assert "likelihood" not in dialog.editors and "beta" not in dialog.editors
    assert not dialog.editors["binarization"].isEnabled()
    assert "cannot be used with a GAN" in dialog.editors["binarization"].toolTip()
    # A preset that reproduces a publication fixes its model.
    dialog.form.set("preset", "uva2019-vae")
    qtbot.waitUntil(lambda: dialog.form.is_checked)
    assert not dialog.editors["latent_dim"].isEnabled() and "UvA" in dialog.editors["latent_dim"].toolTip()


@pytest.mark.parametrize(
    "values",
    [
        {"latent_dim": "5", "beta": "0.5", "size": "8", "name": "my fox"},
        {"likelihood": "bernoulli", "binarization": "dynamic"},  # those of the preset, but not those for these data
        {"settings": "optim.lr=1e-2 model.hidden=[8,4]", "likelihood": "gaussian"},
    ],
)
def test_the_copied_command_trains_the_same(
    make: Callable[..., NewRunDialog], qtbot: QtBot, folder: Path, values: dict[str, str]
) -> None:
    form = NewRunForm("vae-2d")
    form.use_path(folder)
    for key, value in values.items():
        form.set(key, value)
    dialog = make(form)
    assert dialog.form.last_check.errors == {}
    dialog.copy_command()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    words = shlex.split(clipboard.text())
    assert words[:3] == ["genexplorer", "train", "vae-2d"]
    assert ("my fox" in words) == ("name" in values)
    layer = command_layer(words[3:])
    assert presets.assemble("vae-2d", layer) == dialog.form.last_check.config


def command_layer(words: list[str]) -> dict[str, object]:
    """Return the settings of the flags of a command."""
    settings: dict[str, object] = {}
    data = None
    for flag, value in zip(words[::2], words[1::2], strict=True):
        if flag == "--data":
            data = value
        elif flag == "--set":
            settings |= parse_settings(shlex.quote(value))
        elif flag != "--name":
            settings[{"--seed": "seed"}.get(flag, f"schedule.{flag[2:]}")] = float(value)
    return presets.changes(data=data, settings=settings)


def test_browse_chooses_a_folder_or_a_file(
    make: Callable[..., NewRunDialog], qtbot: QtBot, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = make()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    dialog.browse(for_folder=True)
    assert dialog.form["folder"] == str(folder)
    points = tmp_path / "points.csv"
    points.write_text("x,y\n" + "\n".join(f"{number},{number * number}" for number in range(40)))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(points), ""))
    dialog.browse(for_folder=False)
    qtbot.waitUntil(lambda: dialog.sheet.points.isVisibleTo(dialog) and "points" in dialog.sheet.title.text())
    config = dialog.form.last_check.config
    assert config is not None and config.data.name == "points-file"
    dialog.sheet.points.grab()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    dialog.browse(for_folder=False)
    assert dialog.form["folder"] == str(points)


def test_keys_of_settings_are_completed(make: Callable[..., NewRunDialog]) -> None:
    editor = make().editors["settings"]
    assert isinstance(editor, SettingsEdit)
    completer = editor.completer()
    assert completer is not None
    editor.setText("optim.lr=1e-3 batch")
    completer.setCompletionPrefix(completer.splitPath(editor.text())[0])
    assert completer.currentCompletion() == "optim.lr=1e-3 optim.batch_size="
    assert completer.splitPath("model.beta=4") == ["\0"]
