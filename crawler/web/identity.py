"""Who we are: the product name that robots.txt speaks to, and how a site can reach the operator."""

import ipaddress
import re
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from shards.errors import UsageError

PRODUCT = "LostFound"
_EMAIL = re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[A-Za-z]{2,}")
_ADDRESS = re.compile(r"https?://[^\s<>()]+\.[^\s<>()]+")


def user_agent(contact: str, *, loopback: bool = False) -> str:
    """`LostFound/<version> (<contact>)`. Only a crawl of this machine alone needs no contact.

    Raises UsageError for a contact that is neither an e-mail address nor a web address.
    """
    contact = contact.strip()
    if not contact and loopback:
        contact = "loopback only"
    elif not is_contact(contact):
        raise UsageError(
            f"--contact {contact!r}: give an e-mail address or a web page at which the operators"
            " of the site can reach you"
        )
    return f"{PRODUCT}/{_version()} ({contact})"


def is_loopback(url: str) -> bool:
    """Raises UsageError for what is not a web address."""
    try:
        address = urlsplit(url)
        host = address.hostname or ""
    except ValueError:
        host = ""
    if not host or address.scheme not in ("http", "https"):
        raise UsageError(f"{url!r}: not a web address; give one like http://127.0.0.1:8000")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_contact(text: str) -> bool:
    """Whether it looks like an e-mail address or a web address."""
    return bool(_EMAIL.fullmatch(text) or _ADDRESS.fullmatch(text)) and text.isascii()


def _version() -> str:
    try:
        return version("lostfound")
    except PackageNotFoundError:
        return "0"
