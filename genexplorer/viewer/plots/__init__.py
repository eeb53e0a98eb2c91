"""Plots on pyqtgraph: axes, curves and 2-D planes."""
