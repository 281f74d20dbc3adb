"""Drawn pictures with edges, textures and colours, as photographs have them."""

import cv2
import numpy as np


def street(number: int, width: int, height: int) -> np.ndarray:
    """(height, width, 3) RGB: a sky, a ground, houses and fine texture, by its number."""
    random = np.random.default_rng(number)
    picture = np.empty((height, width, 3), np.uint8)
    horizon = int(height * random.uniform(0.4, 0.6))
    picture[:horizon] = random.integers(120, 255, 3)
    picture[horizon:] = random.integers(30, 160, 3)
    for _ in range(12):
        left, tall = int(random.integers(0, width)), int(random.integers(height // 10, horizon))
        colour = tuple(int(level) for level in random.integers(0, 255, 3))
        corner = (left + int(random.integers(4, width // 6)), horizon)
        cv2.rectangle(picture, (left, horizon - tall), corner, colour, -1)
    noise = cv2.GaussianBlur(random.normal(0, 25, picture.shape), (0, 0), 0.8)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)
