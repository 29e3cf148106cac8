"""What agents and arenas share."""
