"""The tabs in their order. Importing them takes as long as all the rest of the window, so they come after it."""

from genexplorer.viewer.curves import CurvesTab
from genexplorer.viewer.density.tab import DensityTab
from genexplorer.viewer.encode.tab import EncodeTab
from genexplorer.viewer.flow.tab import FlowTab
from genexplorer.viewer.interpolate.tab import InterpolateTab
from genexplorer.viewer.manifold.tab import ManifoldTab
from genexplorer.viewer.progress.tab import ProgressTab
from genexplorer.viewer.samples import SamplesTab
from genexplorer.viewer.tab import Tab
from genexplorer.viewer.theory import TheoryTab

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
