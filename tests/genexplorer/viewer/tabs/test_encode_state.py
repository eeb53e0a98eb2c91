"""The Encode tab's state, without Qt: the chosen image, picture files, drawing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genexplorer.errors import DataError
from genexplorer.viewer.tabs.encode import image_selection
from genexplorer.viewer.tabs.encode.canvas import Drawing
from genexplorer.viewer.tabs.encode.encoding import Encoding
from genexplorer.viewer.tabs.encode.image_selection import THUMBNAILS_PER_PAGE, ImageSelection
from genexplorer.viewer.tabs.encode.latent_plots import axis_limit, dimension_name, kl_fraction

GRAY = (1, 28, 28)


def _selection() -> ImageSelection:
    selection = ImageSelection()
    selection.reset(100)
    return selection


def test_stepping_is_circular() -> None:
    selection = _selection()
    selection.step_by(-1)
    assert selection.index == 99
    selection.step_by(2)
    assert selection.index == 1
    selection.choose(1_000)
    assert selection.index == 99


def test_a_filter_steps_through_one_class() -> None:
    selection = _selection()
    selection.set_labels(np.arange(100) % 10)
    selection.choose(11)
    selection.filter(4)
    assert selection.index == 14
    selection.step_by(1)
    assert selection.index == 24
    for _ in range(20):
        selection.choose_random()
        assert selection.index % 10 == 4
    assert (selection.page() % 10 == 4).all() and len(selection.page()) == 10
    selection.choose(7)
    assert selection.label is None and selection.index == 7


def test_a_page_contains_the_selected_image() -> None:
    selection = _selection()
    selection.choose(57)
    assert len(selection.page()) == THUMBNAILS_PER_PAGE and 57 in selection.page()
    selection.choose(99)
    assert selection.page().tolist() == list(range(80, 100))


def test_an_empty_test_set_is_allowed() -> None:
    selection = ImageSelection()
    selection.step_by(1)
    selection.choose_random()
    assert selection.index == 0 and not len(selection.page())


def test_listeners_are_called_once_per_change() -> None:
    selection, indices = _selection(), list[int]()
    selection.subscribe(lambda: indices.append(selection.index))
    selection.step_by(3)
    selection.set_custom(np.zeros((28, 28, 1), np.uint8), "drawing", "drawn here")
    assert indices == [3, 3] and selection.kind == "drawing"


@pytest.mark.parametrize("shape", [GRAY, (3, 32, 48)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_any_image_file_gets_the_shape_of_the_model(tmp_path: Path, shape: tuple[int, int, int], mode: str) -> None:
    image_view = Image.new(mode, (90, 60))
    image_view.save(tmp_path / "any.png")
    image = image_selection.read_image_file(tmp_path / "any.png", shape)
    assert image.shape == (shape[1], shape[2], shape[0]) and image.dtype == np.uint8


def test_an_image_of_the_right_size_is_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "digit.png")
    np.testing.assert_array_equal(image_selection.read_image_file(tmp_path / "digit.png", GRAY)[..., 0], pixels)
    inverted = image_selection.read_image_file(tmp_path / "digit.png", GRAY, inverted=True)[..., 0]
    np.testing.assert_array_equal(inverted, 255 - pixels)


def test_a_wide_image_is_padded_not_distorted(tmp_path: Path) -> None:
    pixels = np.full((100, 200), 240, np.uint8)
    pixels[30:70, 80:120] = 0  # a square
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    image = image_selection.read_image_file(tmp_path / "wide.png", GRAY)[..., 0]
    rows, columns = np.nonzero(image < 120)
    assert np.ptp(rows) == np.ptp(columns)
    assert (image[:5] == 240).all() and image_selection.is_light(image[..., None])


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"not a picture")
    (tmp_path / "torn.png").write_bytes(_png()[:60])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    for name in ("no.png", "torn.png", "empty.png", "folder.png", "missing.png"):
        with pytest.raises(DataError) as caught:
            image_selection.read_image_file(tmp_path / name, GRAY)
        assert name in caught.value.message and caught.value.hint and "\n" not in str(caught.value)


def test_too_many_pixels_and_bytes_are_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.png").write_bytes(_png(size=(300, 200)))
    monkeypatch.setattr(image_selection, "MAX_FILE_PIXELS", 50_000)
    with pytest.raises(DataError, match="300 × 200"):
        image_selection.read_image_file(tmp_path / "large.png", GRAY)
    monkeypatch.setattr(image_selection, "MAX_FILE_BYTES", 20)
    with pytest.raises(DataError, match="too large"):
        image_selection.read_image_file(tmp_path / "large.png", GRAY)


def test_a_name_with_control_characters_is_shown_clean(tmp_path: Path) -> None:
    file = tmp_path / "a\x1b[31mb\nc.png"
    file.write_bytes(b"no")
    with pytest.raises(DataError) as caught:
        image_selection.read_image_file(file, GRAY)
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


def _png(size: tuple[int, int] = (60, 40)) -> bytes:
    import io

    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, size[::-1], np.uint8)
    Image.fromarray(noise).save(content, "PNG")
    return content.getvalue()


def test_strokes_are_drawn_and_erased() -> None:
    brush = Drawing((3, 28, 28))
    brush.stroke((5, 14), (23, 14))
    pixels = brush.to_image()
    assert pixels.shape == (28, 28, 3) and (pixels[13:15, 6:22] > 200).all()
    assert not pixels[:10].any() and not pixels[18:].any()
    brush.stroke((5, 14), (14, 14), erase=True)
    assert not brush.to_image()[13, 6:12].any() and (brush.to_image()[13, 18:22] > 200).all()
    brush.clear()
    assert brush.is_empty
    brush.stroke((3, 3), (3, 3))
    assert brush.to_image()[3, 3, 0] > 0


def test_the_difference_shows_missing_and_extra_intensity() -> None:
    x, recon = np.zeros((2, 2, 1), np.uint8), np.zeros((2, 2, 1), np.uint8)
    x[0, 0], recon[1, 1] = 255, 255
    zero = np.zeros(2)
    encoding = Encoding(x, recon, zero, zero, zero, (), 3, 1)
    difference = encoding.difference()
    assert difference[0, 0, 0] > difference[0, 0, 2] and difference[1, 1, 2] > difference[1, 1, 0]
    assert not difference[0, 1].any()


def test_the_difference_of_a_color_image_shows_a_wrong_hue_of_the_same_mean() -> None:
    x, recon = np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2, 3), np.uint8)
    x[0, 0], recon[0, 0] = (200, 100, 100), (100, 200, 100)
    zero = np.zeros(2)
    encoding = Encoding(x, recon, zero, zero, zero, (), 3, 1)
    red, green, blue = encoding.difference()[0, 0].tolist()
    assert red > 170 and green < 85 and blue == 128
    assert encoding.difference()[0, 1].tolist() == [128, 128, 128]
    assert "gray = none" in encoding.difference_legend()


def test_the_axis_reaches_all_of_the_posterior() -> None:
    assert axis_limit(np.zeros(2), np.ones(2)) == 3
    assert axis_limit(np.array([-4.2, 0]), np.array([0.3, 1])) >= 4.5
    assert dimension_name(0) == "z₁" and dimension_name(19) == "z₂₀"


def test_a_bar_of_kl_is_as_long_as_its_nats_in_every_image() -> None:
    collapsed = np.array([0.004, 0.0, 0.001])
    assert max(kl_fraction(float(kl), collapsed) for kl in collapsed) < 0.01
    assert kl_fraction(2.5, np.array([2.5, 1.0])) == 0.5
    assert kl_fraction(10.0, np.array([10.0, 5.0])) == 1.0 and kl_fraction(5.0, np.array([10.0, 5.0])) == 0.5
    assert kl_fraction(2.5, np.array([2.5, np.inf])) == 0.5 and kl_fraction(np.inf, np.array([np.inf])) == 1.0


def test_color_images_are_drawn_in_colors() -> None:
    drawing = Drawing((3, 28, 28))
    drawing.background, drawing.pen = (255, 255, 255), (200, 0, 0)
    drawing.stroke((5, 14), (23, 14))
    drawing.pen = (0, 0, 250)
    drawing.stroke((14, 5), (14, 23))
    image = drawing.to_image()
    assert image[14, 8].tolist() == [200, 0, 0] and image[14, 14].tolist() == [0, 0, 250]
    assert image[0, 0].tolist() == [255, 255, 255] and image.dtype == np.uint8
    # Another background leaves what is drawn; the rubber shows it again.
    drawing.background = (0, 60, 0)
    assert drawing.to_image()[0, 0].tolist() == [0, 60, 0] and drawing.to_image()[14, 8].tolist() == [200, 0, 0]
    drawing.stroke((5, 14), (23, 14), erase=True)
    assert drawing.to_image()[14, 8].tolist() == [0, 60, 0]
