"""What a crawl survives: random kill -9 of everything it is made of, and a count of the loss."""
