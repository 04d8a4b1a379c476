"""Categories of lesions that nobody named, found by clustering and learning in turn (paper 004, §2.2)."""
