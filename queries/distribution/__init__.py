"""How many pictures of each country follow a distribution, and what a threshold costs."""
