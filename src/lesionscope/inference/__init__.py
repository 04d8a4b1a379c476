"""A crop of a CT into a frozen Reading: device, calibration, familiarity, scope."""
