"""The panels: they draw a room's state and call its methods, and decide nothing."""
