// Trees, shrubs and what else grows beside the road. Each kind is drawn from a point on the ground
// (x, y) with a height h, all in heights of the picture.
import { darker, dice, lighter, mix } from "./view.js";

const KINDS = {
  //           metres   drawn by
  broadleaf: [[5, 11], drawBroadleaf],
  olive: [[3, 5], drawBroadleaf],
  acacia: [[4, 7], drawAcacia],
  birch: [[7, 13], drawBirch],
  conifer: [[7, 17], drawConifer],
  pine: [[8, 15], drawPine],
  cypress: [[6, 12], drawCypress],
  palm: [[5, 11], drawPalm],
  banana: [[2.5, 4.5], drawBanana],
  shrub: [[0.8, 2.2], drawShrub],
  scrub: [[0.4, 1.3], drawShrub],
};
const EVERGREEN = new Set(["conifer", "pine", "cypress", "palm", "banana", "olive"]);
const SNOW = "#eef2f6";

export function plantsOf(view) {
  const { scene } = view, { plants, road } = scene;
  const random = dice(scene.seed, "plants");
  const things = [];
  for (let index = 0; index < Math.round(20 + 70 * plants.density); index += 1) {
    const kind = random.weighted(plants.kinds), [range, paint] = KINDS[kind];
    const Z = 6 + 150 * random() ** 1.5, side = random() < 0.5 ? -1 : 1;
    const X = side * (road.half + 3.5 + 34 * random() ** 1.4), tall = random.between(...range);
    const green = EVERGREEN.has(kind);
    const leaf = random.one(green ? plants.evergreen : plants.leaves);
    const style = {
      leaf: view.faded(mix(leaf, "#000000", 0.12 * random()), Z),
      trunk: view.faded(kind === "birch" ? "#d9d6cd" : "#5d4a38", Z),
      bare: plants.bare && !green,
      snow: scene.ground.snow && green,
      lit: scene.light.side,
      random: dice(scene.seed, `plant${index}`),
    };
    const [x, y] = view.at(X, 0, Z);
    if (x < -0.4 || x > view.width + 0.4) continue;
    things.push({ Z, draw: () => { shadow(view, x, y, tall / Z); paint(view, x, y, tall / Z, style); } });
  }
  return things;
}

function shadow(view, x, y, h) {
  view.context.globalAlpha = 0.22;
  view.disc(x + h * 0.12 * view.scene.light.side, y, h * 0.34, h * 0.045, "#14180f");
  view.context.globalAlpha = 1;
}

function trunk(view, x, y, h, width, { trunk: colour }) {
  view.rect(x - width / 2, y - h, width, h, colour);
}

function branches(view, x, y, h, { trunk: colour, random }) {
  for (let index = 0; index < 9; index += 1) {
    const from = y - h * random.between(0.3, 0.75), lean = h * random.between(-0.32, 0.32);
    view.line([[x, from], [x + lean, from - h * random.between(0.12, 0.3)]], h * 0.014, colour);
  }
}

// A crown of discs, dark below and on the shaded side, bright where the sun is.
function crown(view, x, y, wide, high, { leaf, random, lit }, most = 13) {
  const count = wide < 0.03 ? Math.ceil(most / 3) : most; // far away, fewer look the same
  for (const [shade, lift, size] of [[darker(leaf, 0.35), 0.12, 1], [leaf, 0, 0.92], [lighter(leaf, 0.2), -0.16, 0.55]]) {
    for (let index = 0; index < count; index += 1) {
      const angle = random.between(0, 6.28), away = Math.sqrt(random()) * 0.75;
      const dx = Math.cos(angle) * away * wide + (size < 0.6 ? 0.22 * wide * lit : 0);
      const dy = Math.sin(angle) * away * high + lift * high;
      const radius = wide * size * random.between(0.22, 0.4) * (count < most ? 1.25 : 1);
      view.disc(x + dx, y + dy, radius, radius * 0.85, shade);
    }
  }
}

function drawBroadleaf(view, x, y, h, style) {
  trunk(view, x, y, h * 0.55, h * 0.042, style);
  if (style.bare) return branches(view, x, y, h * 1.1, style);
  crown(view, x, y - h * 0.64, h * 0.36, h * 0.34, style);
}

function drawAcacia(view, x, y, h, style) {
  trunk(view, x, y, h * 0.75, h * 0.04, style);
  branches(view, x, y, h * 0.9, style);
  crown(view, x, y - h * 0.85, h * 0.6, h * 0.12, style);
}

function drawBirch(view, x, y, h, style) {
  trunk(view, x, y, h * 0.8, h * 0.03, style);
  for (let index = 0; index < 5; index += 1) {
    view.rect(x - h * 0.015, y - h * style.random() * 0.6, h * 0.02, h * 0.012, "#4a4742");
  }
  if (style.bare) return branches(view, x, y, h * 1.1, style);
  crown(view, x, y - h * 0.66, h * 0.2, h * 0.36, style);
}

function drawConifer(view, x, y, h, style) {
  trunk(view, x, y, h * 0.2, h * 0.035, style);
  for (let tier = 0; tier < 6; tier += 1) {
    const base = y - h * (0.1 + tier * 0.145), half = h * (0.21 - tier * 0.03);
    const top = base - h * 0.25, dark = darker(style.leaf, 0.3);
    view.fill([[x - half, base], [x, top], [x + half, base]], dark);
    const edge = x + half * style.lit;
    view.fill([[x, base], [x, top], [edge, base]], style.leaf);
    if (style.snow) view.fill([[x - half * 0.5, base - h * 0.09], [x, top], [x + half * 0.5, base - h * 0.09]], SNOW);
  }
}

function drawPine(view, x, y, h, style) {
  trunk(view, x, y, h * 0.85, h * 0.035, style);
  crown(view, x, y - h * 0.86, h * 0.26, h * 0.12, style, 9);
  crown(view, x + h * 0.08, y - h * 0.66, h * 0.15, h * 0.07, style, 5);
}

function drawCypress(view, x, y, h, style) {
  view.disc(x, y - h * 0.5, h * 0.085, h * 0.5, darker(style.leaf, 0.4));
  view.disc(x + h * 0.025 * style.lit, y - h * 0.52, h * 0.05, h * 0.44, darker(style.leaf, 0.15));
}

function drawPalm(view, x, y, h, style) {
  const lean = h * style.random.between(-0.14, 0.14), top = [x + lean, y - h * 0.86];
  view.line([[x, y], [x + lean * 0.3, y - h * 0.45], top], h * 0.04, mix(style.trunk, "#a08a6a", 0.5));
  for (let frond = 0; frond < 13; frond += 1) {
    const angle = (frond / 13) * 6.28 + style.random() * 0.4, reach = h * style.random.between(0.28, 0.4);
    const dx = Math.cos(angle) * reach, dy = Math.sin(angle) * reach * 0.45;
    const middle = [top[0] + dx * 0.55, top[1] + dy - h * 0.08];
    const end = [top[0] + dx, top[1] + dy + h * 0.1];
    view.line([top, middle, end], h * 0.034, frond % 2 ? style.leaf : darker(style.leaf, 0.3));
  }
}

function drawBanana(view, x, y, h, style) {
  for (let blade = 0; blade < 9; blade += 1) {
    const lean = h * (blade / 8 - 0.5) * 1.3, tip = [x + lean, y - h * style.random.between(0.5, 0.75)];
    const bend = [x + lean * 0.45, y - h * style.random.between(0.85, 1)];
    const colour = blade % 2 ? lighter(style.leaf, 0.15) : darker(style.leaf, 0.2);
    view.fill([[x, y - h * 0.2], bend, tip, [bend[0] + h * 0.09, bend[1] + h * 0.14]], colour);
  }
  trunk(view, x, y, h * 0.45, h * 0.07, style);
}

function drawShrub(view, x, y, h, style) {
  if (style.bare) return branches(view, x, y + h * 0.3, h, style);
  crown(view, x, y - h * 0.35, h * 0.7, h * 0.35, style, 6);
}
