"""A shared page in headless Chromium: the model decodes in it as it does here, and nothing leaves it."""

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from genexplorer.api import Run
from tests.fixtures import chromium
from tests.journeys.conftest import TINY, Shell

pytestmark = pytest.mark.process
CANVAS = "figure canvas.pixels"


def test_a_page_decodes_as_the_model_does(shell: Shell, tmp_path: Path) -> None:
    shell("train", "vae-2d", *TINY, "--steps", "40", "--name", "</script><script>alert(1)</script>")
    shell("runs", "note", "latest", "a note with </script> and \u2028 inside")
    page_file = tmp_path / "page.html"
    written = json.loads(shell("share", "latest", "--out", str(page_file), "--json").out)
    assert written["bytes"] == page_file.stat().st_size < 10_000_000
    if chromium.executable() is None:
        pytest.skip("Chromium is not installed")
    model = Run(Path(shell.show()["folder"])).model()
    with chromium.browser(tmp_path / "profile") as page:
        page.open(page_file)
        page.wait_until("document.querySelector('canvas.drag').dataset.complete")
        assert page.evaluate("document.querySelector('h1').textContent") == "</script><script>alert(1)</script>"
        assert "</script> and" in page.evaluate("document.querySelector('.facts').textContent")
        # Move the cursor, and compare the picture with the model's.
        seen = set()
        for target in ((0.2, 0.3), (0.8, 0.6), (0.5, 0.9)):
            page.drag("canvas.drag", (0.5, 0.5), target)
            z1 = NormalDist().inv_cdf(target[0])
            page.wait_until(f"Math.abs(parseFloat(document.querySelector('{CANVAS}').dataset.z) - {z1}) < 0.05")
            z, pixels = page.evaluate(
                f"(canvas => [canvas.dataset.z, Array.from(canvas.getContext('2d')"
                f".getImageData(0, 0, canvas.width, canvas.height).data)])(document.querySelector('{CANVAS}'))"
            )
            latent = np.array([float(value) for value in z.split(",")], np.float32)[None]
            expected = 255 * model.decode(latent)[0, 0]
            assert np.abs(np.array(pixels).reshape(28, 28, 4)[..., 0] - expected).max() <= 2
            seen.add(z)
        assert len(seen) == 3
        # The slider of the training moves the pictures; light and dark.
        move = "(input => { input.value = 0; input.dispatchEvent(new Event('input')) })"
        page.evaluate(f"{move}(document.querySelector('.step-bar input'))")
        assert page.evaluate("document.querySelector('.step-bar output').textContent") == "step 0"
        assert "step 0" in page.evaluate("document.querySelector('img.pixels').alt")
        page.evaluate("document.getElementById('theme').click()")
        assert page.errors == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == []
