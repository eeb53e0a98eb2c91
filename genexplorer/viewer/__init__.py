"""The desktop viewer (PyQt6 and pyqtgraph). The file tree mirrors the window; widgets only bind state."""
