"""A run's SQLite database: schema, reading, writing, buckets over the curves."""
