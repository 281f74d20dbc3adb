"""What this stage's HTML pages are made of."""
