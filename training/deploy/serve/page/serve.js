// Photographs in, answers out: one request for each, or one for all as views of a place.

import { WorldMap, percent } from "./map.js";

const SHOWN = 5; // countries and regions with a bar
const ASKED = 300; // countries that the map may shade
const AT_ONCE = 4; // requests
const TRIES = 8; // of a busy server

const $ = (id) => document.getElementById(id);
const map = new WorldMap(document.querySelector("svg.map"));
const most = Number(document.body.dataset.maxImages);
let photos = []; // {file, url, answer, problem}
let chosen = null;
let fused = null; // {answer, problem} of all together
let near = true;
let token = "";
let waiting = [];
let running = 0;
let round = 0; // counts up when answers still under way are no longer wanted

function add(files) {
  const images = [...files].filter((file) => file.type.startsWith("image/") || file.type === "");
  if (!images.length) return say("That is no image.");
  const made = images.map((file) => ({ file, url: URL.createObjectURL(file) }));
  photos.push(...made);
  chosen = made[0];
  $("chosen").hidden = false;
  if ($("together").checked) return predictTogether();
  ask(made);
  draw();
}

function ask(some) {
  waiting.push(...some);
  while (running < AT_ONCE && waiting.length) next();
}

async function next() {
  const [photo, began] = [waiting.shift(), round];
  running += 1;
  const found = await answered(photo.file, false);
  running -= 1;
  if (began === round) Object.assign(photo, found);
  draw();
  if (waiting.length) next();
}

async function predictTogether() {
  fused = null;
  draw();
  if (photos.length > most) {
    fused = { problem: `At most ${most} views of one place; these are ${photos.length}.` };
    return draw();
  }
  round += 1;
  const began = round;
  const images = await Promise.all(photos.map(({ file }) => base64(file)));
  const found = await answered(JSON.stringify({ images }), true);
  if (began !== round) return;
  fused = found;
  draw();
}

/** {answer} or {problem}. A busy server is asked again. */
async function answered(body, together) {
  const headers = together ? { "Content-Type": "application/json" } : {};
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    for (let tries = 1; ; tries += 1) {
      const address = `v1/predict?top=${ASKED}&together=${together}`;
      const response = await fetch(address, { method: "POST", body, headers });
      const content = await response.json();
      if (response.status === 503 && tries < TRIES) {
        await new Promise((done) => setTimeout(done, 1000 * tries * Number(response.headers.get("Retry-After") || 1)));
        continue;
      }
      if (response.status === 401) $("token").hidden = false;
      if (!response.ok) return { problem: content.error.message };
      const answer = content.predictions.find((entry) => !entry.error);
      return answer ? { answer } : { problem: content.predictions[0].error.message };
    }
  } catch {
    return { problem: "The server does not answer; is it still running?" };
  }
}

function base64(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = failed;
    reader.readAsDataURL(file);
  });
}

function draw() {
  const together = $("together").checked && photos.length > 1;
  $("together").closest("label").hidden = photos.length < 2;
  drawThumbs(together);
  const { answer, problem } = (together ? fused : chosen) ?? {};
  const open = together ? (fused ? 0 : 1) : photos.filter((photo) => !photo.answer && !photo.problem).length;
  say(problem ?? (open ? `Looking at ${together ? photos.length : open} …` : ""), Boolean(problem));
  $("result").hidden = !answer;
  if (answer) drawAnswer(answer, together ? photos : [chosen]);
}

function drawThumbs(together) {
  const list = $("thumbs");
  const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
  list.replaceChildren(...photos.map((photo) => {
    const name = photo.file.name || "pasted";
    const best = photo.answer?.countries[0];
    const said = together ? name : best ? `${best.name}, ${percent(best.probability)}` : photo.problem ? "no answer" : "…";
    const button = make("button", { type: "button", title: name }, [
      make("img", { src: photo.url, alt: "" }),
      make("span", { class: photo.problem && !together ? "problem" : "" }, [said]),
    ]);
    button.setAttribute("aria-label", `${name}: ${said}`);
    button.setAttribute("aria-pressed", String(together || photo === chosen));
    button.addEventListener("click", () => { chosen = photo; draw(); });
    return make("li", {}, [button]);
  }));
  if (focused >= 0) list.children[focused]?.firstChild.focus();
}

function drawAnswer(answer, shown) {
  const best = answer.countries[0];
  $("headline").textContent = `${best.name}, ${percent(best.probability)}`;
  $("where").replaceChildren(...placeWords(answer));
  $("shown").replaceChildren(...shown.map(({ url, file }) => make("img", { src: url, alt: file.name || "Your photograph" })));
  bars($("countries-list"), answer.countries);
  $("regions").hidden = !answer.regions?.length;
  bars($("regions-list"), (answer.regions ?? []).map(readable));
  for (const item of document.querySelectorAll(".rings")) item.hidden = !answer.within_km;
  map.show(answer);
  $("near").disabled = !answer.position;
  map.svg.setAttribute("aria-label", `World map: ${$("headline").textContent}. ${$("where").textContent}`);
  look(near);
}

function placeWords({ position, within_km: within }) {
  if (!position) return ["The model names no position."];
  const { lat, lon } = position;
  const text = `${Math.abs(lat).toFixed(2)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(2)}° ${lon < 0 ? "W" : "E"}`;
  const link = make("a", {
    href: `https://www.openstreetmap.org/?mlat=${lat.toFixed(5)}&mlon=${lon.toFixed(5)}#map=7/${lat.toFixed(3)}/${lon.toFixed(3)}`,
    target: "_blank", rel: "noopener noreferrer",
  }, [text]);
  const km = within && Math.round(within["50%"]).toLocaleString("en");
  return within ? [link, `; half of the probability lies within ${km} km`] : [link];
}

// A region is called Country_Name_code.
function readable({ name, probability }) {
  const parts = name.split("_");
  const region = parts.slice(1, -1).join("_");
  return { name: region ? `${region}, ${parts[0]}` : name, probability };
}

function bars(list, rows) {
  list.replaceChildren(...rows.slice(0, SHOWN).map(({ name, probability }) => {
    const fill = make("span", { class: "fill kept" });
    fill.style.width = `${(100 * probability).toFixed(2)}%`;
    return make("div", { class: "row" }, [
      make("span", { class: "name", title: name }, [name]),
      make("span", { class: "track" }, [fill]),
      make("span", { class: "count" }, [percent(probability)]),
    ]);
  }));
}

function look(close) {
  near = close;
  map.look(near);
  $("near").setAttribute("aria-pressed", String(near));
  $("world").setAttribute("aria-pressed", String(!near));
}

function say(text, problem = false) {
  $("status").textContent = text;
  $("status").classList.toggle("problem", problem);
}

function make(name, attributes, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, value);
  if (attributes.alt === "") made.setAttribute("alt", "");
  made.append(...children);
  return made;
}

$("choose").addEventListener("click", () => $("files").click());
$("take").addEventListener("click", () => $("camera").click());
$("take").hidden = !matchMedia("(pointer: coarse)").matches;
for (const input of [$("files"), $("camera")]) {
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
}
$("near").addEventListener("click", () => look(true));
$("world").addEventListener("click", () => look(false));
$("together").addEventListener("change", () => {
  if ($("together").checked) return predictTogether();
  ask(photos.filter((photo) => !photo.answer && !photo.problem && !waiting.includes(photo)));
  draw();
});
$("clear").addEventListener("click", () => {
  for (const { url } of photos) URL.revokeObjectURL(url);
  [photos, waiting, chosen, fused] = [[], [], null, null];
  round += 1;
  $("together").checked = false;
  $("chosen").hidden = true;
  draw();
  $("choose").focus();
});
$("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token-text").value;
  $("token").hidden = true;
  for (const photo of photos) delete photo.problem;
  if ($("together").checked) return predictTogether();
  ask(photos.filter((photo) => !photo.answer));
  draw();
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) add(event.clipboardData.files);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  add(event.dataTransfer.files);
});
