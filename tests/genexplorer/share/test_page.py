"""The page's text: texts of a run stay text, nothing is requested, what is missing is said."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from genexplorer.errors import ConfigError, UserError
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Response
from genexplorer.share.collect import collect
from genexplorer.share.page import build_page, write_page
from tests.fixtures.fake_run import write_run

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028%%DATA%%<!--"


class Parser(HTMLParser):
    """Collects the elements of a page, and the content of its scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["script"] and data.strip():
            self.scripts.append(data)
        if self.tags[-1:] == ["title"]:
            self.title += data


class NoModel(ExplorerClient):
    """A model process that lacks what the page asks for."""

    def call(self, *_: Any, **__: Any) -> Response:
        raise UserError("onnxscript is not installed", "install it")


def client() -> NoModel:
    return NoModel(lambda response: None, lambda line: None)


def parse(page: str) -> Parser:
    parser = Parser()
    parser.feed(page)
    return parser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = write_run(tmp_path_factory.mktemp("runs"), name=HOSTILE[:60], steps=1300, preset="vae-collapse")
    fake = client()
    try:
        return collect(folder, fake)
    finally:
        fake.close()


def test_texts_of_a_run_stay_text(run: dict[str, Any]) -> None:
    parser = parse(build_page([{**run, "name": HOSTILE, "alerts": [[1, "warning", HOSTILE]]}]))
    assert parser.tags.count("script") == 4 and "img" not in parser.tags
    assert HOSTILE in parser.title
    data = json.loads(parser.scripts[0])
    assert data["runs"][0]["name"] == HOSTILE and data["runs"][0]["alerts"][0][2] == HOSTILE


def test_nothing_is_requested(run: dict[str, Any]) -> None:
    page = build_page([run])
    names = {name for name, _ in parse(page).attributes}
    assert not names & {"src", "href", "srcset", "action"}
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page


def test_it_has_what_the_run_has(run: dict[str, Any]) -> None:
    assert run["expected_failure"] and run["alerts"] and run["marks"] == [[1200, "lr 0.0005"]]
    assert {chart["quantity"] for chart in run["charts"]} >= {"elbo", "kl"}
    elbo = next(chart for chart in run["charts"] if chart["quantity"] == "elbo")
    assert elbo["label"] == "ELBO (nats)" and {line["role"] for line in elbo["lines"]} >= {"train", "test_ema"}
    assert len(elbo["lines"][0]["x"]) <= 300
    steps = [step for step, _ in run["pictures"]["samples"]]
    assert steps == sorted(steps) and 1 < len(steps) <= 24
    assert run["theory"]["equation"] and run["theory"]["line"].startswith("ELBO")
    config = {section: {key: value for key, value, _ in rows} for section, rows in run["config"]}
    assert config["model"]["latent_dim"] == "2" and "path" not in config["data"]
    assert "onnxscript is not installed" in run["model"]["reason"]


def test_at_most_four_runs_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 runs do not fit"):
        write_page([tmp_path] * 5, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
