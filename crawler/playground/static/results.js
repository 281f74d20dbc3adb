// The results of a game that was played to its end, with all five places on a map.
import { ask, start } from "./api.js";
import { WorldMap, correctMarker } from "./map.js";

const find = (selector) => document.querySelector(selector);
const id = location.pathname.split("/").pop();
const number = (value) => Math.round(value).toLocaleString("en");

async function load() {
  const { finished, played, score, rounds } = await ask(`/api/results/${id}`);
  if (!finished) {
    refuse(`This game is not finished: ${played} of 5 rounds are played. `);
    const link = document.createElement("a");
    Object.assign(link, { href: `/game/${id}`, textContent: "Go on" });
    return find("#problem").append(link);
  }
  find("#total").textContent = number(score);
  find("tbody").replaceChildren(...rounds.map((outcome) => {
    const row = document.createElement("tr");
    row.innerHTML = `<td>${outcome.round}</td><td>${number(outcome.distance_km)} km</td>
      <td>${number(outcome.score)}</td>`;
    return row;
  }));
  find("#show-map").onclick = () => openMap(rounds);
  find("#results").hidden = false;
}

function openMap(rounds) {
  find("#map").hidden = false;
  const map = new WorldMap(find("#map canvas"));
  for (const outcome of rounds) {
    map.line([outcome.guess.lon, outcome.guess.lat], [outcome.lon, outcome.lat]);
    map.mark(correctMarker(outcome, String(outcome.round)), outcome);
  }
  find("#show-map").disabled = true;
}

function refuse(text) {
  find("#problem").textContent = text;
  find("#problem").hidden = false;
}

find("#again").onclick = async () => {
  const next = await start("/api/games", find("#problem"));
  if (next) location.assign(`/game/${next}`);
};
load().catch((error) => {
  refuse(error.status === 404 ? "Game not found." : "The server does not answer. Reload the page.");
});
