"""The tabs in their order. Importing them takes as long as the rest of the window, so that is done later."""

from genexplorer.viewer.tabs.curves.tab import CurvesTab
from genexplorer.viewer.tabs.density.tab import DensityTab
from genexplorer.viewer.tabs.encode.tab import EncodeTab
from genexplorer.viewer.tabs.flow.tab import FlowTab
from genexplorer.viewer.tabs.interpolate.tab import InterpolateTab
from genexplorer.viewer.tabs.manifold.tab import ManifoldTab
from genexplorer.viewer.tabs.progress.tab import ProgressTab
from genexplorer.viewer.tabs.samples.tab import SamplesTab
from genexplorer.viewer.tabs.tab import Tab
from genexplorer.viewer.tabs.theory.tab import TheoryTab

TAB_TYPES: tuple[type[Tab], ...] = (
    ManifoldTab,
    DensityTab,
    SamplesTab,
    EncodeTab,
    InterpolateTab,
    FlowTab,
    ProgressTab,
    CurvesTab,
    TheoryTab,
)
