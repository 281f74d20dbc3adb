"""Who we are when we ask a server for something, and which servers are our own machine."""

import ipaddress
from urllib.parse import urlsplit

from crawler.web import identity
from shards.errors import UsageError


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


def user_agent(contact: str) -> str:
    """Who we are and how to reach the operator; without a contact only this machine is crawled.

    Raises UsageError for a contact that is neither an e-mail address nor a web address.
    """
    return identity.user_agent(contact, loopback=True)
