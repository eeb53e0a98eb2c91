"""Well-known data sets that are downloaded on request, verified by their checksums."""
