"""A batch as data; nothing is unpickled."""
