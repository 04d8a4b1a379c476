"""HMLC (paper 003): losses on multi-label trees, conditional and unconditional, and networks for images."""
