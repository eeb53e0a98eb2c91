"""Model families, one package each, and the interface that they implement."""
