"""The world as a picture: country outlines and the projection of every map."""
