"""The tabs of the viewer, one package each."""
