"""A lesion: a click or RECIST diameters, in patient space."""
