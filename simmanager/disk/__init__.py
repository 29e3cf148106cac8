"""Every file of a batch: its name, its format, its lock."""
