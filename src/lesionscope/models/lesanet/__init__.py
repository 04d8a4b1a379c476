"""LesaNet (paper 002, K. Yan et al., CVPR 2019), one block of the paper a file."""
