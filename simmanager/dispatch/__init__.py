"""The parent's side: from the runs that are due to their ends."""
