"""One self-contained page of a run, which anyone opens in a browser."""
