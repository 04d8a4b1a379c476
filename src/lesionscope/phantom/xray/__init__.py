"""Chest projections of phantoms: anatomy as chords along y, fourteen findings, a detector."""
