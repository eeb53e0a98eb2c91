"""The machine's cores, shared fairly by the trainings and explorers of one user: see `leases` and `bursts`."""
