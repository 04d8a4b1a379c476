"""The lesion detector of paper 004 (Faster R-CNN on VGG-16), on plain torch operators.

Boxes are x0, y0, x1, y1 in pixels of the slice, whose centres lie at whole numbers from 0: DeepLesion's
less 1. A box is as wide as x1 − x0.
"""
