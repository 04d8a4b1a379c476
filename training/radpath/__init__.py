"""Pulmonary-RadPath (paper 000): data, losses, metrics, trainer."""
