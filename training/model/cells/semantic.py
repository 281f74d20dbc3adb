"""Regions merged until each has enough photographs (the semantic geocells of PIGEON)."""

import numpy as np

from training.geometry import Floats, centre_of, distances_km


def merge_regions(
    samples: list[int], countries: list[str], midpoints: Floats, least: int
) -> list[list[int]]:
    """Groups of indices of regions, each with `least` samples or its whole country.

    The smallest group joins the one with the nearest centre in its country, until all are large
    enough. Equal ones go by their first index. Groups are sorted, and so are their members.
    """
    groups: list[list[int]] = []
    for country in sorted(set(countries)):
        mine = [i for i, code in enumerate(countries) if code == country]
        groups += _merge([[i] for i in mine], samples, midpoints, least)
    return sorted(groups)


def _merge(
    groups: list[list[int]], samples: list[int], midpoints: Floats, least: int
) -> list[list[int]]:
    """Within one country."""
    while len(groups) > 1:
        sizes = [sum(samples[i] for i in group) for group in groups]
        small = min(range(len(groups)), key=lambda g: (sizes[g], groups[g]))
        if sizes[small] >= least:
            break
        centres = np.array([centre_of(*midpoints[group].T) for group in groups])
        distance = distances_km(centres[small : small + 1], centres)[0]
        distance[small] = np.inf
        near = int(distance.argmin())
        joined = sorted(groups[small] + groups[near])
        groups = [g for i, g in enumerate(groups) if i not in (small, near)]
        groups = sorted([*groups, joined])
    return groups
