"""The browser geography game: what its pages look like, how a game is played, and by whom."""
