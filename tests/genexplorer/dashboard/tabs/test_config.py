"""The Config tab: every setting has a value that can be read."""

from genexplorer.dashboard.tabs.config import CONFIG_SECTIONS, config_lines
from trainers.presets import assemble


def test_an_empty_list_is_none() -> None:
    lines = config_lines(assemble("gan-toy"), CONFIG_SECTIONS).plain.splitlines()
    values = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert values["diff_augment"] == ["none"] and all(values.values())
