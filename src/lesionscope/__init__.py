"""Lesionscope: read a CT lesion the way a radiologist describes it."""

__version__ = "0.1.0"
