// The road: surface, lines, kerbs and pavements.
import { darker, dice, lighter, mix } from "./view.js";

const NEAR = 1.8, FAR = 420;
const LINE = 0.14;
const DASH = 3, GAP = 6;

export function drawRoad(view) {
  const { road, ground } = view.scene;
  const { half } = road;
  const verge = mix(ground.colours[2], "#8d8475", 0.4);
  view.strip(-half - 0.9, 2 * half + 1.8, NEAR, FAR, ground.snow ? "#c9ccd1" : verge);
  if (road.pavement) {
    for (const X of [-half - 3, half + 0.1]) view.strip(X, 2.9, NEAR, FAR, "#a9a59d", 0.08);
  }
  view.strip(-half, 2 * half, NEAR, FAR, view.faded(road.surface, 30));
  drawWear(view);
  drawCentre(view);
  drawEdges(view);
  if (road.kerb.length) drawKerbs(view);
}

// Wheel tracks, patches and grains of the surface.
function drawWear(view) {
  const { context, scene, horizon } = view;
  const { surface, half, unpaved } = scene.road;
  const random = dice(scene.seed, "wear");
  context.globalAlpha = unpaved ? 0.4 : 0.2;
  const track = unpaved ? lighter(surface, 0.3) : darker(surface, 0.3);
  for (const X of [-half * 0.72, -half * 0.28, half * 0.22, half * 0.66]) {
    view.strip(X, half * 0.12, NEAR, FAR / 2, track);
  }
  context.globalAlpha = 0.35;
  for (let index = 0; index < 380; index += 1) {
    const Z = 1 / random.between(1 / 60, 1 / (NEAR * 1.4)), X = random.between(-half, half);
    const [x, y] = view.at(X, 0, Z);
    const colour = random() < 0.5 ? darker(surface, 0.4) : lighter(surface, 0.3);
    view.rect(x, y, 0.03 / Z + 0.001, 0.014 / Z + 0.001, colour);
  }
  if (!unpaved && random() < 0.6) {
    const Z = random.between(5, 16);
    view.strip(random.between(-half * 0.8, half * 0.2), half * 0.6, Z, Z * 1.25, darker(surface, 0.5));
  }
  context.globalAlpha = 1;
  return horizon;
}

function drawCentre(view) {
  const { colour, style } = view.scene.road.centre;
  const solid = (X) => view.strip(X, LINE, NEAR, FAR / 2, colour);
  if (style === "double") [-0.22, 0.08].forEach(solid);
  if (style === "solid") solid(-LINE / 2);
  if (style === "dash") drawDashes(view, -LINE / 2, colour, DASH, GAP);
}

function drawEdges(view) {
  const { edge, half } = view.scene.road;
  for (const X of [-half + 0.25, half - 0.25 - LINE]) {
    if (edge.style === "solid") view.strip(X, LINE, NEAR, FAR / 2, edge.colour);
    if (edge.style === "dash") drawDashes(view, X, edge.colour, 1.5, 2);
  }
}

function drawDashes(view, X, colour, dash, gap) {
  const start = NEAR + dice(view.scene.seed, "dash")() * (dash + gap);
  for (let Z = start; Z < 130; Z += dash + gap) view.strip(X, LINE, Z, Z + dash, view.faded(colour, Z));
}

// Painted kerb stones alternate near by and run together far away.
function drawKerbs(view) {
  const { kerb, half } = view.scene.road;
  for (const X of [-half - 0.25, half]) {
    const far = kerb.length > 1 ? mix(kerb[0], kerb[1], 0.5) : kerb[0];
    view.strip(X, 0.25, NEAR, FAR, view.faded(far, 60), 0.1);
    for (let Z = 38; Z >= NEAR; Z -= 1) {
      const colour = kerb[Math.round(Z) % kerb.length];
      view.strip(X, 0.25, Z, Z + 1, view.faded(colour, Z), 0.12);
    }
  }
}
