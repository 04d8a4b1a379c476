"""Looking for lesions in the window: what was found, and what the reader makes of it."""
