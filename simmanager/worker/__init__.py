"""Inside the child process: one run, from its lock to its verdict."""
