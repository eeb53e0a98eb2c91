"""`genexplorer runs …`: list, show, steer, describe, delete and import runs."""
