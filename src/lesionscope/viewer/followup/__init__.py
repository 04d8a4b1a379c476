"""Two studies of a patient side by side, in a window of their own."""
