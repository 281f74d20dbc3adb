// One game: shows the round's picture, takes a pin, shows the true place, goes on.
import { ask } from "./api.js";
import { WorldMap, correctMarker } from "./map.js";
import { cover, uncover } from "./photograph.js";

const find = (selector) => document.querySelector(selector);
const id = location.pathname.split("/").pop();
const guessMap = new WorldMap(find("#guess-map canvas"));
const resultMap = new WorldMap(find("#outcome .map canvas"));
let round = 0;

async function begin() {
  cover("Loading location");
  find("#outcome").hidden = true;
  const game = await ask(`/api/games/${id}`);
  if (game.finished) return location.replace(`/results/${id}`);
  ({ round } = game);
  find("#round").textContent = `${round} / ${game.rounds}`;
  find("#score").textContent = game.score.toLocaleString("en");
  find("#status").hidden = false;
  find("#guess-map").hidden = false;
  find("#guess").disabled = true;
  find("#guess").textContent = "Place your pin on the map";
  guessMap.clear();
  uncover(game);
}

async function guess() {
  find("#guess").disabled = true;
  const [lon, lat] = guessMap.pin;
  const outcome = await ask(`/api/games/${id}/guess`, { round, lat, lon });
  find("#guess-map").hidden = true;
  find("#outcome").hidden = false;
  find("#earned").textContent = outcome.score.toLocaleString("en");
  find("#distance").textContent = `${Math.round(outcome.distance_km).toLocaleString("en")} km`;
  find("#next").textContent = outcome.last ? "View results" : "Next";
  resultMap.clear();
  resultMap.line([lon, lat], [outcome.lon, outcome.lat]);
  resultMap.mark(correctMarker(outcome, ""), outcome);
  find("#next").onclick = () => outcome.last ? location.assign(`/results/${id}`) : report(begin());
}

function report(promise) {
  promise.catch((error) => cover(`Something went wrong: ${error.message}. Reload the page.`));
}

guessMap.onpin = () => {
  find("#guess").disabled = false;
  find("#guess").textContent = "Guess";
};
find("#guess").onclick = () => report(guess());
find(".sticky").onclick = () => find("#guess-map").classList.toggle("open");
report(begin());
