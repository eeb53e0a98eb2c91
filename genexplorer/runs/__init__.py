"""The run folder, the only interface between processes: its layout, its one writer, its readers, its controls."""
