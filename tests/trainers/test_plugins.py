"""Families and data sets of installed packages: those that cannot be used are named, and everything else works."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genexplorer.cli import main
from genexplorer.cli.doctor import checks
from genexplorer.session.new_run import NewRunForm
from genexplorer.session.preset_info import families_with_presets
from trainers import presets, registry
from trainers.errors import ConfigError

Install = Callable[..., None]
TWIN = "from dataclasses import replace\nfrom trainers.families.vae.spec import VAE\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module with an entry point `NAME = NAME_plugin:SPEC`, until the end of the test."""

    def install(name: str, module: str, group: str = "families") -> None:
        folder = tmp_path / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[genexplorer.{group}]\n{name} = {name}_plugin:SPEC\n")
        (folder / f"{name}_plugin.py").write_text(module)
        monkeypatch.syspath_prepend(folder)
        sys.modules.pop(f"{name}_plugin", None)
        registry.clear_caches()

    yield install
    monkeypatch.undo()
    registry.clear_caches()


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import nothing_there", "(ModuleNotFoundError: No module named 'nothing_there')"),
        ("SPEC = (", "(SyntaxError: "),
        ("import sys\nsys.exit('no\\nway')", "(SystemExit: no way)"),
        ("OTHER = 1", "(AttributeError: "),
        ("SPEC = 3", "is not a {} with a name, but of type int"),
    ],
)
@pytest.mark.parametrize("group", ["families", "datasets"])
def test_a_plugin_that_cannot_be_loaded_is_named_and_the_rest_works(
    install: Install, capsys: pytest.CaptureFixture[str], module: str, reason: str, group: str
) -> None:
    install("broken", module, group)
    (failure,) = registry.plugin_failures()
    expected = reason.format("Family" if group == "families" else "DataSet")
    assert str(failure).startswith("plug-in 'broken' of broken is left out: broken_plugin:SPEC ")
    assert expected in str(failure)
    assert {"vae-2d", "gan", "realnvp"} <= registry.presets().keys() and "moons" in registry.datasets()
    find = registry.family if group == "families" else registry.dataset
    with pytest.raises(ConfigError, match=r"there is no .* 'broken': plug-in 'broken' of broken is left out"):
        find("broken")
    # The commands and forms that list presets say so, and work.
    for command in (["presets"], ["presets", "--json"], ["train", "vae-2d", "--dry-run"]):
        assert main.run(command) == 0
        assert f"warning: {failure}" in capsys.readouterr().err.splitlines()
    assert NewRunForm().plugin_failures == (str(failure),)
    result = checks.check_plugins()
    assert result.level == "warning" and str(failure) in result.message


def test_a_plugin_of_a_name_that_is_taken_is_named(install: Install) -> None:
    install("twin", TWIN + "SPEC = replace(VAE, title='mine')")
    install("first", TWIN + "SPEC = replace(VAE, name='mine', presets=())")
    install("second", TWIN + "SPEC = replace(VAE, name='mine', title='another', presets=())")
    messages = set(map(str, registry.plugin_failures()))
    assert "plug-in 'twin' of twin is left out: 'vae' is already a built-in family; rename it" in messages
    assert len(messages) == 2 and any("'mine' is already that of plug-in '" in message for message in messages)
    assert registry.families()["vae"].title != "mine"


def test_a_plugin_that_is_found_twice_is_no_failure(install: Install) -> None:
    install("again", "from trainers.families.vae.spec import VAE as SPEC")
    assert registry.plugin_failures() == ()


def test_a_preset_of_a_plugin_that_cannot_be_trained_is_left_out(install: Install) -> None:
    module = (
        "first = VAE.presets[0]\n"
        "good, typo, slow = (replace(first, name=name) for name in ('good', 'typo', 'slow'))\n"
        "typo, slow = replace(typo, settings={'model': {'latent': 3}}), replace(slow, minutes='5')\n"
        "SPEC = replace(VAE, name='mine', presets=(first, typo, slow, good))"
    )
    install("mine", TWIN + module)
    names = [name for failure in registry.plugin_failures() for name in failure.names]
    assert names == ["vae-2d", "typo", "slow"]
    assert registry.preset("vae-2d").family == "vae" and presets.assemble("good").model.name == "mine"
    with pytest.raises(ConfigError, match=r"there is no preset 'slow': .*minutes: '5' is not a number"):
        registry.preset("slow")
    assert [
        preset.name for family in families_with_presets() if family.name == "mine" for preset in family.presets
    ] == ["good"]
    form = NewRunForm()
    form.set("family", "mine")
    assert form["preset"] == "good"
