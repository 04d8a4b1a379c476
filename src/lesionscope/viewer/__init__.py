"""The only place that imports napari or Qt: views of the session, and nothing else."""
