"""What is measured on held-out data: the ELBO and its parts."""
