"""`genexplorer runs …`: list, show, control, describe, delete and import runs."""
