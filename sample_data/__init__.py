"""Small ready-made data: synthetic patients for a first look."""
