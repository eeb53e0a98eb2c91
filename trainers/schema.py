"""The version of the configurations that are written; older ones are read, newer ones refused."""

SCHEMA_VERSION = 1
