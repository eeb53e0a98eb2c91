"""Files that last: atomic writes, safetensors, checkpoints and snapshots. No torch."""
