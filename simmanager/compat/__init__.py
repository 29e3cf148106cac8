"""The names of other packages, so that scripts written for them run here."""
