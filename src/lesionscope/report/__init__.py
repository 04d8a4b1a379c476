"""A session into documents that people and other systems read."""
