"""Sample keys, and the hash that every ordering and sampling decision uses.

A key is made from the source's own identity, so the same thing fetched twice has the same key.
"""

import hashlib
import re

KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASH_HEX_DIGITS = 15  # 60 bits: fits a signed 64-bit integer in SQL
HASH_RANGE = 16**_HASH_HEX_DIGITS


def is_key(text: str) -> bool:
    """True for 1 to 64 characters of A-Z, a-z, 0-9, underscore and hyphen.

    A dot is not allowed because every WebDataset reader cuts the key at the first dot.
    """
    return KEY_PATTERN.fullmatch(text) is not None


def make_key(source: str, *identity: str | int) -> str:
    """`geoguessr-<game>-<round>` and the like; parts that do not fit the pattern are hashed."""
    parts = [source, *map(str, identity)]
    key = "-".join(parts)
    if is_key(key):
        return key
    digest = hashlib.sha256("\0".join(parts[1:]).encode()).hexdigest()[:24]
    return f"{re.sub('[^A-Za-z0-9_-]', '_', source)[:32]}-{digest}"


def view_key(key: str, view: int) -> str:
    """The key of a panorama's view: `<key>-v0` and so on; a key too long for that is hashed."""
    plain, hashed = (f"{stem}-v{view}" for stem in view_stems(key))
    return plain if is_key(plain) else hashed


def view_stems(key: str) -> tuple[str, str]:
    """What the keys of a capture's views begin with: the key itself, or its hash if it is long."""
    return key, f"{key[:32]}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def file_key(sha256: str) -> str:
    """The key of a file that has no identity but its bytes."""
    return f"file-{sha256[:24]}"


def order_hash(seed: int, key: str) -> int:
    """A uniform integer in [0, HASH_RANGE) that depends on nothing but (seed, key).

    `order_hash_sql` is the same function for DuckDB.
    """
    digest = hashlib.md5(f"{seed}:{key}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:_HASH_HEX_DIGITS], 16)


def order_hash_sql(seed: int, column: str = "key") -> str:
    """The DuckDB expression that equals `order_hash(seed, column)`."""
    return f"('0x' || substr(md5('{int(seed)}:' || {column}), 1, {_HASH_HEX_DIGITS}))::BIGINT"
