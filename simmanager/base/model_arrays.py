"""Names under which agents and arenas give the arrays that figures show."""

#: Before the name of maps, (n_maps, n_y, n_x), the lowest x and y first.
MAPS = "maps:"

#: x_min, x_max, y_min, y_max of the room; before the name of maps: their outer edges.
EXTENT = "extent:"
