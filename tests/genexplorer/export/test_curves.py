"""Figures for papers: vectors, text as text, the same file for the same run."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from genexplorer.errors import ConfigError
from genexplorer.export.curves import WIDTHS_CM, FigureStyle, write_curves
from genexplorer.runs import settings
from tests.fixtures.fake_run import write_run

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg: Path) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.parse(svg).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [write_run(folder, name=name, seed=seed, steps=1300) for seed, name in enumerate(("costs $5", "calm-owl"))]


def test_a_run_is_drawn_with_its_labels_and_changes(runs: list[Path], tmp_path: Path) -> None:
    assert write_curves(runs[:1], tmp_path / "a.svg", "kl") == "KL(q(z|x) ‖ p(z)) (nats)"
    texts = texts_of(tmp_path / "a.svg")
    assert {"step", "KL(q(z|x) ‖ p(z)) (nats)", "train", "test", "lr 0.0005"} <= set(texts)
    content = (tmp_path / "a.svg").read_bytes()
    assert b"<image" not in content, "vectors alone"
    write_curves(runs[:1], tmp_path / "a.svg", "kl")
    assert (tmp_path / "a.svg").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_several_runs_share_one_metric(runs: list[Path], tmp_path: Path) -> None:
    style = FigureStyle(width="page", font="sans-serif", x_axis="time", logarithmic=True)
    write_curves(runs, tmp_path / "a.pdf", "kl", style)
    page = PdfReader(tmp_path / "a.pdf").pages[0]
    text = page.extract_text()
    assert "calm-owl" in text and "costs $5" in text and "training time (s)" in text
    assert float(page.mediabox.width) == pytest.approx(WIDTHS_CM["page"] / 2.54 * 72, abs=1)


def test_what_cannot_be_drawn_is_named(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no curves of 'nix'") as caught:
        write_curves(runs[:1], tmp_path / "a.svg", "nix")
    assert "kl" in caught.value.hint
    other = write_run(tmp_path, kind="gan", name="other", steps=300)
    with pytest.raises(ConfigError, match="other is not comparable"):
        write_curves([runs[0], other], tmp_path / "a.svg", "kl")
    assert not settings.read_changes(runs[0])
