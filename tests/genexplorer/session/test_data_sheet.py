"""The sheet of a data set: examples from every class, counts and notes; it can be canceled."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genexplorer.session.data_sheet import NUM_EXAMPLES, SheetCanceled, choose_examples, class_summary, read_data_sheet
from trainers import presets


def write_images(root: Path, classes: dict[str, int]) -> Path:
    rng = np.random.default_rng(0)
    for number, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            pixels[0, 0, 0] = number
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def test_examples_are_of_every_class(tmp_path: Path) -> None:
    classes = {f"kind {number}": 1 + number for number in range(9)} | {"\x1b[31mred": 2}
    folder = write_images(tmp_path / "set", classes)
    (folder / "kind 8" / "0.png").write_bytes(b"no image")
    progress: list[tuple[int, int]] = []
    sheet = read_data_sheet(presets.assemble("vae", {"data": presets.data_settings(folder)}),
                            on_progress=lambda done, total: progress.append((done, total)))  # fmt: skip
    assert set(sheet.examples[:, 0, 0, 0].tolist()) == set(range(10))
    assert len(sheet.examples) <= NUM_EXAMPLES and sheet.examples.shape[1:] == (8, 8, 3)
    assert sheet.class_counts[0] == ("kind 8", 9) and dict(sheet.class_counts)["red"] == 2
    assert sheet.title == "set: 47 images" and progress[-1][1] >= len(sheet.examples)
    assert any("cannot be decoded: kind 8/0.png: not an image" in note for note in sheet.notes)
    shown, summary = class_summary(sheet.class_counts, 3)
    assert len(shown) == 3 and summary == "10 classes of 1 to 9 examples; the 3 most frequent"


@pytest.mark.parametrize("sizes", [(100, 100, 100), (1, 1, 300), (5,), (2, 40)])
def test_examples_are_chosen_from_classes_in_turn_and_all_over_each(sizes: tuple[int, ...]) -> None:
    classes = [label for label, size in enumerate(sizes) for _ in range(size)]
    chosen = choose_examples(classes, 30)
    assert len(chosen) == len(set(chosen)) == min(30, len(classes))
    assert [classes[index] for index in chosen[: len(sizes)]] == list(range(len(sizes))), "one of each first"
    largest = [index for index in chosen if classes[index] == sizes.index(max(sizes))]
    if max(sizes) > 30:
        assert max(largest) - min(largest) >= 0.4 * max(sizes)


def test_a_canceled_sheet_reads_no_further(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "set", {"a": 3, "b": 3})
    done: list[int] = []
    with pytest.raises(SheetCanceled):
        read_data_sheet(
            presets.assemble("vae", {"data": presets.data_settings(folder)}),
            is_canceled=lambda: len(done) == 2,
            on_progress=lambda count, _: done.append(count),
        )
    assert done == [0, 1]


def test_sheets_of_points_and_of_bundled_images() -> None:
    points = read_data_sheet(presets.assemble("vae-toy"))
    assert points.examples.shape == (500, 2) and "points" in points.title
    digits = read_data_sheet(presets.assemble("vae-2d"))
    assert digits.title == "mnist: 70,000 images" and digits.facts == "28×28, gray · 60,000 training, 10,000 test"
    assert len(digits.class_counts) == 10 and digits.notes == ("counted in the first 20,000 images",)
