"""The page of an evaluation: one HTML file that says how good a model is, and where it errs."""
