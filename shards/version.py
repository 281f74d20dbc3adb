"""Which code wrote a file: recorded in manifests and selections."""

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """The installed version of this package, or `unknown` in a bare checkout."""
    try:
        return version("lostfound")
    except PackageNotFoundError:
        return "unknown"
