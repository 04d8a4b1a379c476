"""DeepLesion for its own paper (004): from diameters to boxes, categories, a detector."""
