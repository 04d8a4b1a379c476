"""Named recipes: one YAML a published table row or bundled package."""
