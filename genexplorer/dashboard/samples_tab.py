"""Tab 2: the recorded pictures, as large as the terminal allows, through time."""

from genexplorer.dashboard.pictures import PicturePane


class SamplesTab(PicturePane):
    """Samples, reconstructions or the manifold at the time cursor."""
