"""The Density tab: 2-D data, and the density and samples of a model of them."""
