"""What is measured of a photograph at the working size, and how well it tells good from bad."""
