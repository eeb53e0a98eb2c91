"""Interactive questions to a model (decode, encode, sample): the client in a face and the child that has torch."""
