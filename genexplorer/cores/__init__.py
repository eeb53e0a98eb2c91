"""The machine's cores, shared fairly by the trainings of one user: see `leases`."""
