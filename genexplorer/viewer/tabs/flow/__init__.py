"""The Flow tab: data on their way through the transforms of a flow, station by station."""
