// Lists the games of the player: those to go on with and those that are over.
import { ask } from "./api.js";

const row = (href, marker, text) => {
  const item = document.createElement("li");
  item.innerHTML = `<a data-qa="${marker}"></a>`;
  Object.assign(item.firstChild, { href, textContent: text });
  return item;
};

const fill = (section, items) => {
  section.hidden = items.length === 0;
  section.querySelector("ul").replaceChildren(...items);
};

// Fills the sections `#ongoing` and `#past`; the newest past games come first, at most `most`.
export async function listGames(most = Infinity) {
  const { rounds, games } = await ask("/api/games");
  const past = games.filter((game) => game.played === rounds).reverse();
  fill(document.querySelector("#ongoing"), games.filter((game) => game.played < rounds).map((game) =>
    row(`/game/${game.id}`, "ongoing-game", `Round ${game.played + 1} of ${rounds}`)));
  fill(document.querySelector("#past"), past.slice(0, most).map((game) =>
    row(`/results/${game.id}`, "past-game", `${game.score.toLocaleString("en")} points`)));
  return games.length;
}

const none = document.querySelector("#none");
if (none) listGames().then((count) => { none.hidden = count > 0; });
