// The photograph of a round, on the canvas that fills the page.
import { draw } from "./draw.js";

const canvas = document.querySelector(".mapsConsumerUiSceneCoreScene__canvas");
const loading = document.querySelector("#loading");
let scene = null;

function paint() {
  if (!scene) return;
  canvas.classList.toggle("tiny", scene.kind === "tiny");
  const box = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(box.width));
  canvas.height = Math.max(1, Math.round(box.height));
  draw(canvas, scene);
}

export function cover(text) {
  loading.textContent = text;
  loading.hidden = false;
}

// Shows what the server sent for a round. A missing scene leaves the cover where it is; `blank`
// and `crash` are the server's faults. Tells the consent banner that a round has begun.
export function uncover(shown) {
  if (shown.crash) return import("./crash.js");
  if (!shown.scene) return;
  scene = shown.blank ? null : shown.scene;
  canvas.getContext("2d").reset();
  paint();
  loading.hidden = true;
  document.dispatchEvent(new Event("round"));
}

addEventListener("resize", paint);
