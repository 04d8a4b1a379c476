"""A phantom clinic: patients with lesions whose whole truth is known, their marks and their reports."""
