// One match: asks the server again and again where it is, and shows that. Who did not join watches.
import { ask, start } from "./api.js";
import { CountryMap } from "./countries.js";
import { cover, uncover } from "./photograph.js";

const EVERY_MS = 250;
const IN_PLAY = { in: "", right: "Correct", out: "Out" };
const AT_THE_END = { in: "Still in", right: "Still in", out: "Out" };
const find = (selector) => document.querySelector(selector);
const id = location.pathname.split("/").pop();
const map = new CountryMap(find("#guess-map canvas"));
let match = null;
let pictured = 0;
let chosen = null;
let watching = false;
let asked = 0, answered = 0;

// An answer that a later one has overtaken is out of date.
async function refresh() {
  const turn = (asked += 1);
  const now = await ask(`/api/battles/${id}`);
  if (turn < answered) return;
  answered = turn;
  show(now);
}

async function follow() {
  for (;;) {
    try {
      await refresh();
    } catch (error) {
      if (error.status === 404) return cover("Game not found.");
    }
    if (match?.phase === "over") return;
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
  }
}

function show(now) {
  match = now;
  find("#status").hidden = now.phase === "starting";
  find("#round").textContent = `${now.round} / ${now.rounds}`;
  find("#clock").textContent = now.phase === "round" ? `${Math.ceil(now.left)} s` : "";
  showPlayers(now);
  showWrongGuesses(now.made);
  if (now.phase === "starting") return cover(`Game starting in ${Math.ceil(now.left)}`);
  if (pictured !== now.round) begin(now);
  showOwnPart(now);
  showAnswer(now);
}

// A new round: the next photograph, and a map without a choice.
async function begin({ round, phase }) {
  pictured = round;
  cover("Loading location");
  map.clear();
  choose(null);
  try {
    const shown = await ask(`/api/battles/${id}/rounds/${round}`);
    if (pictured === round) uncover(shown); // else it came too late: another round runs
  } catch {
    if (pictured === round && phase === "round") pictured = 0;
  }
}

function showPlayers({ players }) {
  const row = (tag, words) => ({ id: user, name, state }) => {
    const item = document.createElement("li"), who = document.createElement(tag);
    const word = document.createElement("span");
    item.className = state;
    who.textContent = name;
    if (tag === "a") who.href = `/user/${user}`;
    word.textContent = words[state];
    item.append(who, word);
    return item;
  };
  replace(find("#players"), players.map(row("a", IN_PLAY)));
  replace(find("#standings ul"), players.map(row("b", AT_THE_END)));
}

function showWrongGuesses(made) {
  find("#made").hidden = made.length === 0;
  replace(find("#made div"), made.map(({ country, name }) => {
    const picture = document.createElement("img");
    return Object.assign(picture, { alt: name, title: name, src: `/shape/${country}.svg` });
  }));
}

// Touches the page only where something changed.
function replace(parent, children) {
  const html = children.map((child) => child.outerHTML).join("");
  if (parent.dataset.html === html) return;
  parent.dataset.html = html;
  parent.replaceChildren(...children);
}

function showOwnPart({ phase, you }) {
  const playing = you.role === "player" && you.in;
  find("#guess-map").hidden = !(phase === "round" && playing && you.guess === undefined);
  const out = you.role === "player" && !you.in && phase !== "over";
  find("#verdict").hidden = !(you.right || (out && !watching));
  find("#verdict p").textContent = you.right
    ? `Correct: ${you.guess}` : you.guess ? `Not ${you.guess}. You are out.` : "You are out.";
  find("#spectate").hidden = !out;
}

function showAnswer({ phase, left, answer }) {
  find("#answer").hidden = !answer;
  if (!answer) return;
  const place = document.createElement(answer.link ? "a" : "b");
  place.textContent = answer.place;
  if (answer.link) Object.assign(place, { href: answer.link, target: "_blank" });
  const sentence = document.createElement("p");
  sentence.append(answer.before, place, answer.after);
  replace(find("#sentence"), [...sentence.childNodes].map(asElement));
  const over = phase === "over";
  find("#countdown").textContent = over ? "" : `Next round starts in ${Math.ceil(left)}`;
  find("#view-results").hidden = !over;
}

function asElement(node) {
  if (node.nodeType === Node.ELEMENT_NODE) return node;
  const span = document.createElement("span");
  span.textContent = node.textContent;
  return span;
}

function choose(code, name = "") {
  chosen = code;
  find("#search").value = name;
  find("#guess").disabled = code === null;
  find("#guess").textContent = code === null ? "Choose a country" : "Guess";
}

async function guess() {
  find("#guess").disabled = true;
  try {
    await ask(`/api/battles/${id}/guess`, { round: match.round, country: chosen });
    await refresh();
  } catch {
    find("#guess").disabled = false; // whether it counted shows when the match is asked next
  }
}

map.onchoice = choose;
find("#guess").onclick = guess;
find(".sticky").onclick = () => find("#guess-map").classList.toggle("open");
find("#spectate").onclick = () => { watching = true; showOwnPart(match); };
find("#view-results").onclick = () => { find("#standings").hidden = false; };
find("#again").onclick = async () => {
  const next = await start("/api/battles", find("#problem"));
  if (next) location.assign(`/battle-royale/${next}`);
};
find("#search").oninput = ({ target }) => {
  const [code] = Object.entries(map.names).find(([, name]) => name === target.value) ?? [];
  if (code) map.choose(code);
};
ask("/api/countries").then((names) => find("#names").append(...Object.values(names).map((name) =>
  Object.assign(document.createElement("option"), { value: name }))));
follow();
