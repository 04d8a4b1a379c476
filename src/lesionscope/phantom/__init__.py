"""A synthetic clinic whose complete truth is known."""
