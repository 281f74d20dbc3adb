// The lobby: choose a map and play, or go on with a game that was begun.
const find = (id) => document.getElementById(id);

async function list() {
  const { rounds, games } = await (await fetch("/api/games")).json();
  const row = (href, marker, text) => {
    const item = document.createElement("li");
    item.innerHTML = `<a data-qa="${marker}"></a>`;
    Object.assign(item.firstChild, { href, textContent: text });
    return item;
  };
  const fill = (section, items) => {
    find(section).hidden = items.length === 0;
    find(section).querySelector("ul").replaceChildren(...items);
  };
  fill("ongoing", games.filter((game) => game.played < rounds).map((game) =>
    row(`/game/${game.id}`, "ongoing-game", `Round ${game.played + 1} of ${rounds}`)));
  fill("past", games.filter((game) => game.played === rounds).slice(-10).reverse().map((game) =>
    row(`/results/${game.id}`, "past-game", `${game.score.toLocaleString("en")} points`)));
}

find("classic").onclick = () => { find("maps").hidden = false; };
find("world").onclick = () => { find("play").hidden = false; };
find("multiplayer").onclick = () => { find("soon").hidden = false; };
find("play").onclick = async () => {
  find("play").disabled = true;
  const answer = await fetch("/api/games", { method: "POST" });
  if (answer.ok) return location.assign(`/game/${(await answer.json()).id}`);
  find("problem").textContent = "The server does not answer. Try again.";
  find("problem").hidden = false;
  find("play").disabled = false;
};
list();
addEventListener("pageshow", (event) => { if (event.persisted) list(); });
