"""A reading session: lesions, readings and edits, with undo, on disk at once."""
