"""Status of a run: heartbeat, liveness, process identity and derived state."""
