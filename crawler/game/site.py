"""What a site of this kind looks like: markers, texts and paths as data. Default: the playground.

Another site is another `Site`; no code depends on the words in here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urljoin, urlsplit


class Marker(StrEnum):
    """What a page can show; the state machine thinks in these."""

    CONSENT = "consent"
    SIGNED_OUT = "signed_out"
    SIGNED_IN = "signed_in"
    REFUSED = "refused"
    """The sign-in form says no."""
    INSIDE = "inside"
    """Any page that does not ask for a login."""
    WALL = "wall"
    RATE_LIMITED = "rate_limited"
    TROUBLE = "trouble"
    """The page says that its server failed it."""
    GAME = "game"
    """The page is a game's, whatever it shows."""
    LOADING = "loading"
    """A round's picture is on its way."""
    ROUND = "round"
    """The photograph and the guess map are there."""
    ANSWER = "answer"
    FINISHED = "finished"
    UNFINISHED = "unfinished"
    """Results of a game that was not played to its end."""
    NOT_FOUND = "not_found"
    WAITING = "waiting"
    """A match, or its next round, has not begun."""
    PICTURE = "picture"
    """A match's photograph is there, whether one may still guess or only watch."""
    VERDICT = "verdict"
    """The sentence with a round's right answer."""
    SPECTATE = "spectate"
    OVER = "over"
    """The end of a match."""


@dataclass(frozen=True, slots=True)
class Element:
    """A visible element: CSS (or XPath from `//`), and the text that it must hold."""

    selector: str
    text: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """True when one of `any_of` is visible, none of `none_of` is, and `path` matches the URL's."""

    any_of: tuple[Element, ...] = ()
    none_of: tuple[Element, ...] = ()
    path: str = ""


BUTTON = "button, a"
_CONSENT = "#onetrust-consent-sdk, #snigel-cmp-framework"
_CANVAS = ".mapsConsumerUiSceneCoreScene__canvas"
_MAP_CONTROLS = (
    Element('button[title="Keyboard shortcuts"] img'),
    Element("span", "Map data ©"),
)
_LOADING = Element("body", "Loading location")
_NEXT = (Element("button", "Next", exact=True), Element("button", "View results", exact=True))
_AGAIN = Element("button", "Play again", exact=True)
_LOG_IN = Element(BUTTON, "Log in", exact=True)
_SENTENCE = Element("body", "right answer was")
_WAITING = (Element("body", "Game starting in"), Element("body", "Next round starts in"))
_OVER = (Element(BUTTON, "View results", exact=True), _AGAIN)
_CONDITIONS = {
    Marker.CONSENT: Condition((Element(_CONSENT),)),
    Marker.SIGNED_OUT: Condition((_LOG_IN,)),
    Marker.SIGNED_IN: Condition((Element(BUTTON, "Multiplayer", exact=True),)),
    Marker.REFUSED: Condition((Element('[role="alert"]'),)),
    Marker.INSIDE: Condition((Element("body"),), none_of=(_LOG_IN,)),
    Marker.WALL: Condition(
        (
            Element('iframe[src*="captcha"], #captcha, .captcha'),
            Element("body", "verify that you are human"),
            Element("body", "account has been suspended"),
            Element("body", "unusual activity"),
        )
    ),
    Marker.RATE_LIMITED: Condition((Element("body", "Rate limit"),)),
    Marker.TROUBLE: Condition(
        (
            Element("body", "Something went wrong"),
            Element("body", "Something broke"),
            Element("body", "The server does not answer"),
            Element("body", "Too busy"),
        )
    ),
    Marker.GAME: Condition(path="^/(game|battle-royale)/[^/]+$"),
    Marker.LOADING: Condition((_LOADING,)),
    Marker.ROUND: Condition(_MAP_CONTROLS, none_of=(_LOADING, *_NEXT)),
    Marker.ANSWER: Condition(_NEXT),
    Marker.FINISHED: Condition((_AGAIN,)),
    Marker.UNFINISHED: Condition((Element("body", "finish"),), none_of=(_AGAIN,)),
    Marker.NOT_FOUND: Condition((Element("body", "not found"),)),
    Marker.WAITING: Condition(_WAITING, none_of=(_SENTENCE, *_OVER)),
    Marker.PICTURE: Condition(
        (Element(_CANVAS),), none_of=(_LOADING, *_WAITING, _SENTENCE, *_OVER)
    ),
    Marker.VERDICT: Condition((_SENTENCE,)),
    Marker.SPECTATE: Condition((Element(BUTTON, "Spectate", exact=True),)),
    Marker.OVER: Condition(_OVER),
}
_START = {
    "singleplayer": (
        Element("button", "Classic Maps", exact=True),
        Element("button", "World", exact=True),
        Element("button", "Play", exact=True),
    ),
    "multiplayer": (
        Element(BUTTON, "Multiplayer", exact=True),
        Element("button", "Unranked", exact=True),
        Element("button", "Countries", exact=True),
    ),
}
_GAME_PATH = {"singleplayer": "/game/{game}", "multiplayer": "/battle-royale/{game}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    base_url: str
    source: str = "geoguessr"
    mode: str = "singleplayer"
    map_name: str = "World"
    rounds: int = 5
    viewport: tuple[int, int] = (1824, 720)
    """CSS pixels: wide enough that nothing overlaps the photograph (1280 by 720) in its middle."""
    rest: tuple[int, int] = (2, 360)
    """Where the mouse waits while a photograph is taken."""
    hosts: tuple[str, ...] = ()
    """Hosts beside the site's own that its pages may load from; all others are refused."""
    round_pause: float = 0
    """Seconds to wait before each round, for a site that is not ours."""
    lobby_path: str = "/"
    game_path: Mapping[str, str] = field(default_factory=lambda: dict(_GAME_PATH))
    """By mode."""
    results_path: str = "/results/{game}"
    conditions: Mapping[Marker, Condition] = field(default_factory=lambda: dict(_CONDITIONS))
    accept: tuple[Element, ...] = (
        Element("#onetrust-consent-sdk button", "Accept"),
        Element("#snigel-cmp-framework button", "Accept"),
    )
    email_field: str = 'input[name="email"]'
    password_field: str = 'input[name="password"]'  # noqa: S105 - a selector
    log_in: Element = _LOG_IN
    start: Mapping[str, tuple[Element, ...]] = field(default_factory=lambda: dict(_START))
    """By mode: clicked one after the other, each on the last element that fits."""
    dialogs: tuple[Element, ...] = (
        Element("button", "Got it", exact=True),
        Element("button", "\N{MULTIPLICATION SIGN}", exact=True),
    )
    """Clicked whenever one shows itself between those."""
    ongoing: Element = Element('a[data-qa="ongoing-game"]')
    past: Element = Element('a[data-qa="past-game"]')
    canvas: Element = Element(_CANVAS)
    round_label: Element = Element("#status", "Round")
    """Its first number is the round's."""
    map_controls: tuple[Element, ...] = _MAP_CONTROLS
    map_open: Element = Element('button img[alt="Sticky map"]')
    pin_offset: tuple[int, int] = (-120, -80)
    """From the map's control to where the pin goes, in CSS pixels."""
    guess: Element = Element("button", "Guess", exact=True)
    answer: Element = Element('[data-qa="correct-location-marker"]')
    next: tuple[Element, ...] = _NEXT
    spectate: Element = Element(BUTTON, "Spectate", exact=True)
    sentence: Element = _SENTENCE
    """The line of it that holds the text."""
    place_link: Element = Element('a[href^="https://maps.google.com/maps?ll="]')
    """In a match: where the picture was taken; 0,0 when the page does not know."""
    others: Element = Element("body *", "Already made guesses")
    """Beside it stand the flags of what other players guessed."""
    players: Element = Element('a[href^="/user/"]')
    show_places: Element = Element("//*[normalize-space()='Breakdown']/preceding::button[1]")
    """On the page of results: opens the map with the marker of every round."""
    license: str = "CC0-1.0"
    license_url: str = "https://creativecommons.org/publicdomain/zero/1.0/"
    attribution: str = "Lost & Found playground"

    def for_matches(self) -> Self:
        """The same site, for matches: another source, because their places are dealt otherwise."""
        return replace(self, mode="multiplayer", source=f"{self.source}-multiplayer")

    def allowed_hosts(self) -> tuple[str, ...]:
        return (urlsplit(self.base_url).hostname or "", *self.hosts)

    def lobby_url(self) -> str:
        return urljoin(self.base_url, self.lobby_path)

    def game_url(self, game: str) -> str:
        return urljoin(self.base_url, self.game_path[self.mode].format(game=game))

    def results_url(self, game: str) -> str:
        return urljoin(self.base_url, self.results_path.format(game=game))

    def probe(self, marker: Marker) -> dict[str, Any]:
        """The condition of `marker` as the plain data that `page.js` reads."""
        condition = self.conditions[marker]
        return {
            "name": marker.value,
            "any": [element_data(element) for element in condition.any_of],
            "none": [element_data(element) for element in condition.none_of],
            "path": condition.path,
        }


def element_data(element: Element) -> dict[str, Any]:
    return {"selector": element.selector, "text": element.text, "exact": element.exact}
