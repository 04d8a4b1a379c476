"""Training LesaNet (paper 002) and the systems it is compared with."""
