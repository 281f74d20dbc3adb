"""What a network is worth: answers over a split, and the figures of them."""
