"""Training the relation model: sentences in, a model package out (LesaNet §3.2)."""
