"""The networks, one paper block a file, and model packages (weights with their card)."""
