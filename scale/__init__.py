"""How far it goes: the real frontier, catalogue and planners under the load of a large crawl.

Nothing here has pixels. `docs/scale.md` says what was found.
"""
