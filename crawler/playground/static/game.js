// One game: shows the round's picture, takes a pin, shows the true place, goes on.
import { draw } from "./draw.js";
import { WorldMap, correctMarker } from "./map.js";

const find = (selector) => document.querySelector(selector);
const id = location.pathname.split("/").pop();
const photograph = find(".mapsConsumerUiSceneCoreScene__canvas");
const guessMap = new WorldMap(find("#guess-map canvas"));
const resultMap = new WorldMap(find("#outcome .map canvas"));
let round = 0;
let scene = null;

async function call(path, body) {
  const options = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(`/api/games/${id}${path}`, options);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.json();
}

async function begin() {
  find("#loading").hidden = false;
  find("#outcome").hidden = true;
  const game = await call("");
  if (game.finished) return location.replace(`/results/${id}`);
  ({ round, scene } = game);
  find("#round").textContent = `${round} / ${game.rounds}`;
  find("#score").textContent = game.score.toLocaleString("en");
  find("#status").hidden = false;
  find("#guess-map").hidden = false;
  find("#guess").disabled = true;
  find("#guess").textContent = "Place your pin on the map";
  paint();
  guessMap.clear();
  find("#loading").hidden = true;
}

function paint() {
  photograph.classList.toggle("tiny", scene.kind === "tiny");
  const box = photograph.getBoundingClientRect();
  photograph.width = Math.max(1, Math.round(box.width));
  photograph.height = Math.max(1, Math.round(box.height));
  draw(photograph, scene);
}

async function guess() {
  find("#guess").disabled = true;
  const [lon, lat] = guessMap.pin;
  const outcome = await call("/guess", { round, lat, lon });
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
  promise.catch((error) => {
    find("#loading").textContent = `Something went wrong: ${error.message}. Reload the page.`;
    find("#loading").hidden = false;
  });
}

guessMap.onpin = () => {
  find("#guess").disabled = false;
  find("#guess").textContent = "Guess";
};
find("#guess").onclick = () => report(guess());
find(".sticky").onclick = () => find("#guess-map").classList.toggle("open");
addEventListener("resize", () => { if (scene) paint(); });
report(begin());
