"""Make, grow, repair and run a batch; what a file that describes one says."""
