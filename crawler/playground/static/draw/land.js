// Sky, far hills and the ground.
import { darker, dice, lighter, mix } from "./view.js";

export function drawSky(view) {
  const { context, scene, width, horizon } = view;
  const { cover } = scene.sky, { warmth, sun } = scene.light;
  const grey = Math.max(0, (cover - 0.45) / 0.55);
  const top = mix(mix("#2f74c0", "#6c86ad", warmth), "#8d98a3", grey);
  const low = mix(mix("#bfdcf0", "#f6d3a6", warmth), "#d3d8da", grey);
  view.air = mix(low, "#dcd6c8", 0.5 * Math.min(1, scene.haze * 1.5));
  const gradient = context.createLinearGradient(0, 0, 0, horizon);
  gradient.addColorStop(0, top);
  gradient.addColorStop(0.65, mix(top, low, 0.6));
  gradient.addColorStop(1, view.air);
  context.fillStyle = gradient;
  context.fillRect(0, 0, width, horizon + 0.01);
  if (sun) drawSun(view, sun, grey);
  drawClouds(view, grey);
}

function drawSun(view, [x, y], grey) {
  const { context, width } = view;
  const glow = context.createRadialGradient(x * width, y, 0.01, x * width, y, 0.42);
  glow.addColorStop(0, "rgba(255,250,225,.95)");
  glow.addColorStop(0.09, "rgba(255,240,200,.5)");
  glow.addColorStop(1, "rgba(255,235,190,0)");
  context.globalAlpha = 1 - 0.6 * grey;
  view.rect(0, 0, width, view.horizon, glow);
  context.globalAlpha = 1;
}

// Each cloud is a heap of soft discs over a flat base, smaller towards the horizon.
function drawClouds(view, grey) {
  const { context, scene, width, horizon } = view;
  const random = dice(scene.seed, "clouds");
  const light = mix("#ffffff", mix("#aab0b6", "#ffd9b0", scene.light.warmth), 0.3 + 0.4 * grey);
  const shade = mix(light, "#6f7d8c", 0.35);
  for (let index = 0; index < scene.sky.clouds; index += 1) {
    const y = horizon * random.between(0.04, 0.85), near = 1 - y / horizon;
    const x = random.between(-0.1, 1.1) * width, size = random.between(0.05, 0.13) * (0.3 + near);
    for (const [colour, lift, alpha] of [[shade, 0.18, 0.35], [light, 0, 0.3]]) {
      context.globalAlpha = alpha;
      const puffs = dice(scene.seed, `cloud${index}`);
      for (let puff = 0; puff < 9; puff += 1) {
        const along = puffs.between(-1.6, 1.6), radius = size * puffs.between(0.3, 0.75);
        const up = size * 0.45 * puffs() * (1.6 - Math.abs(along));
        view.disc(x + along * size, y - up + lift * size, radius * 1.25, radius * 0.55, colour);
      }
    }
  }
  context.globalAlpha = 1;
}

export function drawHills(view) {
  const { scene, width, horizon } = view;
  const { height, rough, bare } = scene.hills;
  const base = bare ? "#a58a68" : "#5d7a5a";
  for (let layer = 0; layer < 3; layer += 1) {
    const random = dice(scene.seed, `hills${layer}`);
    const waves = [1, 2.3, 5.1, 11].map((pitch, index) =>
      [pitch * random.between(0.8, 1.3), random.between(0, 7), rough ** index / (index + 1.3)]);
    const corners = [[0, horizon + 0.02]];
    for (let step = 0; step <= 60; step += 1) {
      const u = step / 60;
      const wave = waves.reduce((sum, [pitch, phase, size]) =>
        sum + size * Math.sin(2 * pitch * u + phase), 0);
      const up = Math.max(0.004, height * (1 - layer * 0.3) * (0.5 + 0.45 * wave));
      corners.push([u * width, horizon - up]);
    }
    corners.push([width, horizon + 0.02]);
    view.fill(corners, mix(scene.ground.snow ? lighter(base, 0.5) : base, view.air, 0.72 - layer * 0.2));
  }
  drawTreeLine(view);
}

// The ragged edge of what grows far away.
function drawTreeLine(view) {
  const { scene, width, horizon } = view;
  const random = dice(scene.seed, "treeline");
  const leaf = mix(scene.plants.leaves[0], view.air, 0.35);
  const tall = 0.004 + 0.03 * scene.plants.density;
  for (let x = 0; x < width; x += 0.012) {
    const up = tall * random.between(0.2, 1);
    view.disc(x, horizon + 0.002, random.between(0.008, 0.016), up, mix(leaf, view.air, 0.3 * random()));
  }
}

export function drawGround(view) {
  const { context, scene, width, horizon } = view;
  const [near, far, soil] = scene.ground.snow ? ["#e8ecf1", "#dfe6ee", "#b7b2a8"] : scene.ground.colours;
  const gradient = context.createLinearGradient(0, horizon, 0, 1);
  gradient.addColorStop(0, mix(far, view.air, 0.35));
  gradient.addColorStop(0.25, far);
  gradient.addColorStop(1, near);
  view.rect(0, horizon, width, 1 - horizon, gradient);
  drawPatches(view, near, soil);
  drawTufts(view, near, soil);
}

function drawPatches(view, near, soil) {
  const { context, scene, width, horizon } = view;
  const random = dice(scene.seed, "patches");
  const share = scene.ground.dry ? 0.5 : 0.25;
  context.globalAlpha = 0.28;
  for (let index = 0; index < 70; index += 1) {
    const down = random() ** 1.6 * (1 - horizon);
    const size = 0.03 + 0.35 * down * random();
    const colour = random() < share ? soil : random() < 0.5 ? darker(near, 0.25) : lighter(near, 0.2);
    view.disc(random() * width, horizon + 0.008 + down, size, size * 0.16, colour);
  }
  context.globalAlpha = 1;
}

// Blades of grass, or stones where it is dry: small and many, larger when near.
function drawTufts(view, near, soil) {
  const { scene, width, horizon } = view;
  const random = dice(scene.seed, "tufts");
  const { dry, snow } = scene.ground;
  const shades = [darker(near, 0.35), darker(near, 0.18), lighter(near, 0.22), mix(near, soil, 0.6)];
  for (let index = 0; index < 1500; index += 1) {
    const down = random() ** 1.3 * (1 - horizon);
    const size = 0.0025 + 0.016 * down, colour = random.one(shades);
    const x = random() * width, y = horizon + down;
    if (dry || snow) view.rect(x, y, size * random.between(0.5, 1.6), size * 0.45, colour);
    else view.rect(x, y - size, size * 0.3, size * random.between(0.6, 1.9), colour);
  }
}
