"""An implicit whole-body patient, neck to upper thighs, whose every place has a name."""

from lesionscope.phantom.body.body import Body

__all__ = ["Body"]
