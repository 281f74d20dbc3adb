// The lobby: choose a game and play, or go on with one that was begun.
import { ask, start } from "./api.js";
import { listGames } from "./games.js";

const PAST_GAMES = 10;
const find = (id) => document.getElementById(id);
const only = (section) => {
  for (const id of ["maps", "matches"]) find(id).hidden = id !== section;
};

async function play(button, path, page) {
  button.disabled = true;
  const id = await start(path, find("problem"));
  if (id) return location.assign(`${page}/${id}`);
  button.disabled = false;
}

// Some visitors are told first what a match is; the button's words differ.
async function multiplayer() {
  only("");
  const { button } = await ask("/api/notice");
  if (!button) return only("matches");
  find("understood").textContent = button;
  find("notice").showModal();
}

find("classic").onclick = () => only("maps");
find("world").onclick = () => { find("play").hidden = false; };
find("play").onclick = () => play(find("play"), "/api/games", "/game");
find("multiplayer").onclick = multiplayer;
find("understood").onclick = () => find("notice").close();
find("notice").onclose = () => only("matches");
find("unranked").onclick = () => { find("countries").hidden = false; };
find("countries").onclick = () => play(find("countries"), "/api/battles", "/battle-royale");
for (const id of ["classic", "multiplayer"]) find(id).disabled = false;
listGames(PAST_GAMES);
addEventListener("pageshow", (event) => { if (event.persisted) listGames(PAST_GAMES); });
