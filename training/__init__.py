"""Training and evaluation of the models that the package ships or a user makes."""
