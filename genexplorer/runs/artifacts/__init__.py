"""Large files of a run: images, snapshots, checkpoints, and which of them are kept."""
