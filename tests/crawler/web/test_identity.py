import pytest

from crawler.web.identity import is_contact, user_agent
from shards.errors import UsageError


@pytest.mark.parametrize(
    "contact", ["me@example.org", "https://example.org/bot", "http://a.example/x?y=z", " a@b.cd "]
)
def test_a_contact_stands_in_the_user_agent(contact: str) -> None:
    name, _, rest = user_agent(contact).partition("/")
    assert name == "LostFound"
    assert rest.endswith(f" ({contact.strip()})")


@pytest.mark.parametrize(
    "contact",
    ["", "me", "me@localhost", "@example.org", "a b@c.de", "ftp://example.org", "https://nodot",
     "a@b.cd\r\nX: y", "a@b.cd (x)", "m\u00e9@example.org", "https://example.org/\u00e9"],
)  # fmt: skip
def test_nothing_starts_without_a_contact(contact: str) -> None:
    assert not is_contact(contact)
    with pytest.raises(UsageError, match="--contact"):
        user_agent(contact)


def test_this_machine_alone_needs_no_contact() -> None:
    assert user_agent("", loopback=True).endswith(" (loopback only)")
    assert user_agent("me@example.org", loopback=True).endswith(" (me@example.org)")
    with pytest.raises(UsageError):
        user_agent("me", loopback=True)
