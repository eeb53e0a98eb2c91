"""The terminal dashboard (Textual). The file tree mirrors the screen; state lives in `genexplorer.session`."""
