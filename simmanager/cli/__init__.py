"""The command line: one verb in one place."""
