"""The commands of `genexplorer data`."""
