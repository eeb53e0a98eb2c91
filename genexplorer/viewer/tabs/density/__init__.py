"""The Density tab: data of the plane, on which everything about a model can be drawn."""
