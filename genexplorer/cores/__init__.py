"""Core leases: how the runs of one machine share its cores."""
