"""The metadata row: one for every capture, kept or rejected. Column names are a contract."""

from enum import StrEnum

import pyarrow as pa


class Status(StrEnum):
    KEPT = "kept"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a capture was rejected: a closed list, so that counts add up."""

    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    LOW_VARIANCE = "low_variance"
    BLURRY = "blurry"
    NO_POSITION = "no_position"
    INVALID_POSITION = "invalid_position"
    NO_COUNTRY = "no_country"
    DUPLICATE_KEY = "duplicate_key"
    DUPLICATE_BYTES = "duplicate_bytes"
    DUPLICATE_POSITION = "duplicate_position"
    DUPLICATE_VIEW = "duplicate_view"
    NO_LICENCE = "no_licence"
    OPTED_OUT = "opted_out"


class CountryFrom(StrEnum):
    """What a row's country was decided by."""

    COORDINATES = "coordinates"
    NAME = "name"
    SOURCE = "source"


METADATA_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("group_id", pa.string()),
        ("lat", pa.float64()),  # degrees, WGS 84
        ("lon", pa.float64()),
        ("country_code", pa.string()),  # ISO 3166-1 alpha-2, plus XK
        ("country_name", pa.string()),
        ("country_from", pa.string()),
        ("country_text", pa.string()),  # as the source gave it, however it is spelt
        ("region_id", pa.string()),  # Natural Earth adm1_code
        ("region_name", pa.string()),  # <country_name>_<name>_<adm1_code>
        ("region_distance_km", pa.float64()),  # 0 inside the polygon
        ("place_name", pa.string()),  # the nearest town or village
        ("place_distance_km", pa.float64()),
        ("heading", pa.float64()),  # degrees clockwise from north of the optical axis
        ("captured_at", pa.timestamp("ms", tz="UTC")),
        ("license", pa.string()),
        ("license_url", pa.string()),
        ("attribution", pa.string()),
        ("source_url", pa.string()),
        ("extra", pa.string()),  # JSON object as text
        ("format", pa.string()),  # of the captured file, in Pillow's names
        ("source_width", pa.int32()),
        ("source_height", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.string()),  # of the captured bytes
        ("phash", pa.int64()),
        ("rgb_variance", pa.float64()),
        ("laplacian_variance", pa.float64()),
        ("brightness", pa.float64()),
        ("contrast", pa.float64()),
        ("entropy", pa.float64()),
        ("blurred", pa.string()),  # JSON list of faces and plates; null where nothing looked
        ("status", pa.string()),
        ("reason", pa.string()),  # null when kept
        ("detail", pa.string()),  # free text behind the reason
        ("raw_segment", pa.string()),  # path inside the dataset
        ("raw_offset", pa.int64()),  # of the captured image's bytes
        ("raw_size", pa.int64()),
        ("view", pa.int32()),  # 0, or the number of a panorama's view
        ("tar", pa.string()),  # path inside the dataset; null when rejected
        ("tar_offset", pa.int64()),  # of the stored image's bytes
        ("tar_size", pa.int64()),
        ("original_offset", pa.int64()),  # in `tar`, of the captured bytes kept beside the image
        ("original_size", pa.int64()),
    ]
)

IDENTITY = ("raw_segment", "raw_offset", "view")
"""What tells two rows apart; keys may come twice. The catalogue's files name rows by it."""

SHARD_SCHEMA = pa.schema(
    [
        *METADATA_SCHEMA,
        ("split", pa.string()),
        ("country_index", pa.int32()),  # into labels.json; -1 for no such class
        ("region_index", pa.int32()),
    ]
)
"""The metadata of a shard; here `tar`, `tar_offset` and `tar_size` point into the shard."""

DUPLICATES_SCHEMA = pa.schema(
    [
        ("raw_segment", pa.string()),
        ("raw_offset", pa.int64()),
        ("view", pa.int32()),
        ("key", pa.string()),
        ("reason", pa.string()),
        ("level", pa.string()),  # `enrich.duplicates.levels.Level`
        ("detail", pa.string()),  # what was found; null where things are simply equal
        ("duplicate_of", pa.string()),  # key of the row that stays
    ]
)

CLUSTERS_SCHEMA = pa.schema(
    [
        ("cluster", pa.string()),  # key of the row that stays
        ("key", pa.string()),
        ("raw_segment", pa.string()),
        ("raw_offset", pa.int64()),
        ("view", pa.int32()),
        ("survivor", pa.bool_()),  # the one row of its cluster that stays
        # The others: what they were dropped for, compared with a row that a later level may have
        # dropped in turn.
        ("level", pa.string()),
        ("distance", pa.int32()),  # bits between the hashes, 0 to 64
        ("agreement", pa.float64()),  # share of the pictures' blocks that correlate
        ("overlap", pa.float64()),  # share of the larger picture that the other one shows
        ("metres", pa.float64()),
    ]
)
"""Rows that belong together, of which one stays."""

TOMBSTONES_SCHEMA = pa.schema(
    [
        ("raw_segment", pa.string()),
        ("raw_offset", pa.int64()),
        ("view", pa.int32()),
        ("key", pa.string()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),  # the rule that rejects it
        ("denied_at", pa.string()),  # when the rule was made, as the deny-list says it
    ]
)
"""Rows that were captured and must not be in the dataset any more."""
