"""A model behind HTTP: an API and a page, on one machine or as a Ray Serve deployment."""
