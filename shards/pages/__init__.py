"""What HTML pages are made of: their frame and style, charts, maps, small pictures."""
