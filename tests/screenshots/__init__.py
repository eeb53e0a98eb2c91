"""Pictures of both faces from a real run, for the README and for a look; not part of the tests."""
