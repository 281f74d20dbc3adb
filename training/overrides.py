"""`key=value` on the command line: changes of a configuration before it is validated."""

from collections.abc import Mapping
from typing import Any

import yaml

from shards.errors import UsageError


def apply_override(
    values: dict[str, Any], override: str, defaults: Mapping[str, list[Any]]
) -> None:
    """Sets one dotted key. Elements of a list go by name, or by kind where they have no name.

    `heads.region.tau_km=50` changes that head and adds it where there is none; `heads.region=null`
    takes it away. `defaults`: what a list holds that the file does not mention. Raises UsageError,
    one line, for what is no `key=value`.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"{override!r}: write overrides as key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"{override!r}: the value is not YAML; quote it") from None
    *parents, last = key.split(".")
    section: Any = values
    for parent in parents:
        if section is values and parent in defaults:
            values.setdefault(parent, list(defaults[parent]))
        section = _enter(section, parent)
    if isinstance(section, list):
        _set_element(section, last, value)
    else:
        section[last] = value


def _enter(section: Any, name: str) -> Any:
    """The part of that name, made anew where it is missing or no section."""
    if isinstance(section, list):
        place = _place(section, name)
        if not isinstance(section[place], dict):
            section[place] = {"kind": section[place]}
        return section[place]
    if isinstance(section.get(name), str):
        section[name] = {"kind": section[name]}
    if not isinstance(section.get(name), dict | list):
        section[name] = {}
    return section[name]


def _set_element(section: list[Any], name: str, value: Any) -> None:
    place = _place(section, name)
    if value is None:
        del section[place]
    else:
        section[place] = _identity(section[place]) | value if isinstance(value, dict) else value


def _place(section: list[Any], name: str) -> int:
    """Where the element is; it is added at the end if there is none."""
    for place, element in enumerate(section):
        identity = _identity(element)
        if name == identity.get("name", identity["kind"]):
            return place
    section.append(name)
    return len(section) - 1


def _identity(element: Any) -> dict[str, Any]:
    """What an element is called; a plain `country` is short for `{kind: country}`."""
    if not isinstance(element, dict):
        return {"kind": element}
    return {"kind": element.get("kind"), **{k: v for k, v in element.items() if k == "name"}}
