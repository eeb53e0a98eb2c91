"""The version of configurations that is written; older ones are read, newer ones refused.

It has a module without imports, because listing runs needs it and should not import pydantic.
"""

SCHEMA_VERSION = 1
