"""Ways to cut the Earth into the classes of a region head, all with one interface: `Cells`."""
