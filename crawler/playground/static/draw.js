// Draws a scene on a canvas of any size: a pure function of the scene, with the same picture at
// every size. Nothing here knows of the game.
import { drawGround, drawHills, drawSky } from "./draw/land.js";
import { drawRoad } from "./draw/road.js";
import { plantsOf } from "./draw/plants.js";
import { buildingsOf, polesOf, smallThingsOf } from "./draw/built.js";
import { carsOf } from "./draw/traffic.js";
import { View, dice, mix } from "./draw/view.js";

const BLUR_ROWS = 7;

export function draw(canvas, scene) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { width, height } = canvas;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  if (scene.kind === "blurred") return drawBlurred(context, scene);
  context.scale(height, height);
  const special = { black: drawBlack, indoor: drawIndoor, broken: drawBroken }[scene.kind];
  (special ?? drawStreet)(context, scene, width / height);
}

function drawStreet(context, scene, width) {
  const view = new View(context, scene, width);
  drawSky(view);
  drawHills(view);
  drawGround(view);
  drawRoad(view);
  const things = [plantsOf, buildingsOf, polesOf, smallThingsOf, carsOf].flatMap((of) => of(view));
  things.sort((a, b) => b.Z - a.Z).forEach((thing) => thing.draw());
  drawLight(view);
}

// The hour tints everything; a vignette and a little grain, as a lens and a sensor have.
function drawLight({ context, scene, width }) {
  const { level, warmth } = scene.light;
  const tint = mix("#ffffff", "#ffcf96", 0.4 * warmth);
  context.globalCompositeOperation = "multiply";
  context.fillStyle = mix("#10131c", tint, level);
  context.fillRect(0, 0, width, 1);
  context.globalCompositeOperation = "source-over";
  const random = dice(scene.seed, "grain");
  for (let index = 0; index < 700; index += 1) {
    const size = random.between(0.002, 0.005);
    context.fillStyle = random() < 0.5 ? "rgba(255,255,255,.07)" : "rgba(0,0,0,.09)";
    context.fillRect(random() * width, random(), size, size);
  }
}

function drawBlack(context, scene, width) {
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, 1);
}

// A dark hall: floor, ceiling, back wall and a dim lamp.
function drawIndoor(context, scene, width) {
  const random = dice(scene.seed, "indoor");
  const wall = random.between(14, 28);
  const shade = (offset) => `rgb(${wall + offset},${wall + offset - 1},${wall + offset - 4})`;
  const left = width * random.between(0.2, 0.4), right = width * random.between(0.6, 0.8);
  const top = random.between(0.25, 0.4), bottom = random.between(0.58, 0.7);
  const quad = (corners, colour) => {
    context.fillStyle = colour;
    context.beginPath();
    corners.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
    context.fill();
  };
  context.fillStyle = shade(4);
  context.fillRect(0, 0, width, 1);
  quad([[0, 0], [width, 0], [right, top], [left, top]], shade(-6));
  quad([[0, 1], [width, 1], [right, bottom], [left, bottom]], shade(8));
  quad([[left, top], [right, top], [right, bottom], [left, bottom]], shade(12));
  context.fillStyle = shade(40);
  context.fillRect(width * random.between(0.45, 0.55), 0.12, 0.09, 0.02);
}

// Drawn with a few dozen pixels and enlarged: no edge is left anywhere.
function drawBlurred(context, scene) {
  const { width, height } = context.canvas;
  const sharp = copyOf(160, 90), small = copyOf(Math.round((BLUR_ROWS * 16) / 9), BLUR_ROWS);
  draw(sharp, { ...scene, kind: "good" });
  for (const [target, source] of [[small.getContext("2d"), sharp], [context, small]]) {
    target.imageSmoothingEnabled = true;
    target.imageSmoothingQuality = "high";
    target.drawImage(source, 0, 0, target.canvas.width, target.canvas.height);
  }
  return [width, height];
}

function copyOf(width, height) {
  return new OffscreenCanvas(width, height);
}

// What a browser shows for a picture that never came.
function drawBroken(context, scene, width) {
  context.fillStyle = "#3a3d40";
  context.fillRect(0, 0, width, 1);
  context.strokeStyle = "#5a5e62";
  context.lineWidth = 0.004;
  context.strokeRect(width / 2 - 0.04, 0.47, 0.08, 0.06);
}
