"""The table of tabs. A new tab is a package of its own and one line here."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genexplorer.viewer.tabs.tab import Tab

_PACKAGE = "genexplorer.viewer.tabs"


@dataclass(frozen=True)
class TabSpec:
    """A tab by its title and the import path of its class, which is imported when the tab is made.

    Args:
        title: The text in the tab bar; the `title` of the class.
        class_path: "module:class"; it is imported late, because all classes take as long as the rest of the window.
        queries_model: Whether the tab queries the model as soon as it is in front; others show recorded data.
    """

    title: str
    class_path: str
    queries_model: bool = True

    def load(self) -> "type[Tab]":
        """Import and return the class."""
        module, _, name = self.class_path.partition(":")
        tab_type: type[Tab] = getattr(import_module(module), name)
        return tab_type


TABS = (
    TabSpec("Manifold", f"{_PACKAGE}.manifold.tab:ManifoldTab"),
    TabSpec("Density", f"{_PACKAGE}.density.tab:DensityTab"),
    TabSpec("Samples", f"{_PACKAGE}.samples.tab:SamplesTab"),
    TabSpec("Encode", f"{_PACKAGE}.encode.tab:EncodeTab"),
    TabSpec("Interpolate", f"{_PACKAGE}.interpolate.tab:InterpolateTab"),
    TabSpec("Flow", f"{_PACKAGE}.flow.tab:FlowTab"),
    TabSpec("Progress", f"{_PACKAGE}.progress.tab:ProgressTab", queries_model=False),
    TabSpec("Curves", f"{_PACKAGE}.curves.tab:CurvesTab", queries_model=False),
    TabSpec("Theory", f"{_PACKAGE}.theory.tab:TheoryTab"),
)
"""The tabs in their order; the first nine have the keys 1 to 9."""
