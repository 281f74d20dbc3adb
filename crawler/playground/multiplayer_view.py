"""What one viewer may see of a match at a time, as plain JSON data, and the words for it.

Nothing here tells the country of a round that still runs, except to who guessed it.
"""

from collections.abc import Sequence
from typing import Any

from crawler.playground.multiplayer import Match, Moment, Phase
from crawler.playground.names import in_sentence, label
from crawler.playground.world import Round, uniform

SENTENCES = {
    "right": (
        "Well done! The right answer was indeed {place}. You are in the next round.",
        "Correct, the right answer was {place}. Keep going.",
    ),
    "wrong": (
        "Too bad! The right answer was actually {place}. Better luck next time.",
        "Not this time: the right answer was {place}. You can watch the others.",
    ),
    "watching": (
        "Time is up. The right answer was in {place}. {knew} of {players} players knew it.",
        "The right answer was {place}. {knew} of {players} players knew it.",
    ),
}
LINK_SHARE = 0.5
LINK_UNKNOWN_SHARE = 0.2
"""Share of the links that lead to 0,0: the page does not know where the place is."""


def view(match: Match, viewer: str, now: float) -> dict[str, Any]:
    """The state of a match for `viewer`, who plays in it or watches."""
    moment = match.moment(now)
    shown: dict[str, Any] = {
        "id": match.id,
        "phase": moment.phase,
        "round": moment.round,
        "rounds": len(match.rounds),
        "left": round(moment.left, 3),
        "players": _players(match, viewer, moment, now),
        "made": _wrong_guesses(match, moment, now),
        "you": _own_part(match, viewer, moment),
    }
    if moment.phase in (Phase.ANSWER, Phase.OVER):
        shown["answer"] = _answer(match, viewer, moment.round, now)
    return shown


def truth(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Where every round is, for tests."""
    return [
        {
            "lat": dealt.place.lat,
            "lon": dealt.place.lon,
            "country": dealt.place.country,
            "country_name": in_sentence(dealt.place.country),
            "kind": dealt.kind,
        }
        for dealt in rounds
    ]


def _players(match: Match, viewer: str, moment: Moment, now: float) -> list[dict[str, Any]]:
    """Everybody, the viewer first; `state` is in, right (this round) or out."""
    people = sorted(match.players, key=lambda player: player != viewer)
    known = [(player, "You" if player == viewer else f"Guest {player[:4]}") for player in people]
    known += [(bot.id, bot.name) for bot in match.bots]
    out = {player for player in people if not match.still_in(player, moment)}
    right: set[str] = set()
    for number in range(1, moment.round + 1):
        for guess in match.guesses(number, now):
            if match.right(guess, number):
                right |= {guess.player} if number == moment.round else set()
            else:
                out.add(guess.player)
    return [
        {
            "id": player,
            "name": name,
            "state": "out" if player in out else "right" if player in right else "in",
        }
        for player, name in known
    ]


def _wrong_guesses(match: Match, moment: Moment, now: float) -> list[dict[str, str]]:
    """Each wrong country of the round once, in order of time."""
    if moment.round == 0:
        return []
    wrong = [
        g.country for g in match.guesses(moment.round, now) if not match.right(g, moment.round)
    ]
    return [{"country": code, "name": label(code)} for code in dict.fromkeys(wrong)]


def _own_part(match: Match, viewer: str, moment: Moment) -> dict[str, Any]:
    if viewer not in match.players:
        return {"role": "spectator", "in": False}
    guess = match.players[viewer].get(moment.round)
    part: dict[str, Any] = {"role": "player", "in": match.still_in(viewer, moment)}
    if guess is not None:
        part |= {"guess": label(guess.country), "right": match.right(guess, moment.round)}
    return part


def _answer(match: Match, viewer: str, number: int, now: float) -> dict[str, Any]:
    """The sentence in two halves, with the country's name between them, and perhaps a link."""
    guess = match.players.get(viewer, {}).get(number)
    dice = (match.id, number)
    case = "watching" if guess is None else "right" if match.right(guess, number) else "wrong"
    variants = SENTENCES[case]
    sentence = variants[int(uniform(0, *dice, case) * len(variants))]
    made = match.guesses(number, now)
    knew = sum(match.right(guess, number) for guess in made)
    before, after = sentence.split("{place}")
    answer: dict[str, Any] = {
        "before": before,
        "place": in_sentence(match.country(number)),
        "after": after.format(knew=knew, players=len(match.players) + len(match.bots)),
    }
    if uniform(0, *dice, "link") < LINK_SHARE:
        place = match.rounds[number - 1].place
        known = uniform(0, *dice, "unknown") >= LINK_UNKNOWN_SHARE
        lat, lon = (place.lat, place.lon) if known else (0, 0)
        answer["link"] = f"https://maps.google.com/maps?ll={lat},{lon}&z=5"
    return answer
