"""How a batch stands, and how that looks."""
