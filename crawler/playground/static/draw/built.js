// What people built beside the road: houses, poles with wires, bollards, fences and signs.
import { darker, dice, lighter, rgb } from "./view.js";
import { write } from "./script.js";

const SHOP = ["#b8352c", "#2f5d9e", "#2c6b4a", "#d9a52b", "#f1efe8", "#5a3f73"];

export function buildingsOf(view) {
  const { scene } = view, { buildings, road } = scene;
  const random = dice(scene.seed, "buildings");
  const things = [];
  for (const side of [-1, 1]) {
    const setback = road.half + (road.pavement ? 3.2 : random.between(5, 11));
    for (let Z = random.between(7, 16); Z < 150;) {
      const long = buildings.narrow ? random.between(4, 6) : random.between(8, 17);
      if (random() < buildings.density) {
        const floors = Math.max(1, Math.round(buildings.floors * random.between(0.6, 1.5) + buildings.narrow));
        const house = {
          side, Z, end: Z + long * 0.92, inner: side * (setback + random.between(0, 2.5)),
          deep: random.between(7, 12), high: 0.4 + 3 * floors, floors, index: things.length,
          facade: random.one(buildings.facades), shop: road.pavement && random() < 0.7,
        };
        things.push({ Z: house.end, draw: () => drawHouse(view, house) });
      }
      Z += long + (random() < buildings.density ? random.between(0.3, 4) : random.between(8, 30));
    }
  }
  return things;
}

function drawHouse(view, house) {
  const { scene } = view, { side, Z, end, inner, deep, high } = house;
  const outer = inner + side * deep;
  const lit = side === scene.light.side ? 0.26 : 0;
  const flank = view.faded(darker(house.facade, lit), Z), front = view.faded(darker(house.facade, 0.22 - lit / 2), Z);
  const quad = (X1, Z1, X2, Z2, bottom, top, colour) => view.fill(
    [view.at(X1, bottom, Z1), view.at(X2, bottom, Z2), view.at(X2, top, Z2), view.at(X1, top, Z1)], colour);
  quad(inner, Z, inner, end, 0, high, flank);
  quad(inner, Z, outer, Z, 0, high, front);
  drawWindows(view, house);
  if (scene.buildings.planks) drawPlanks(view, house);
  if (scene.buildings.roof) drawRoof(view, house, outer);
  else quad(inner, Z, inner, end, high, high + 0.5, view.faded(darker(house.facade, 0.3), Z));
  if (house.shop) drawShop(view, house);
}

function drawRoof(view, { side, Z, end, inner, high }, outer) {
  const { scene } = view;
  const roof = scene.ground.snow ? "#e6ebf0" : view.faded(scene.buildings.roof, Z);
  const ridge = (inner + outer) / 2, top = high + 2.4, eave = inner - side * 0.5;
  view.fill([view.at(eave, high - 0.2, Z - 0.4), view.at(ridge, top, Z - 0.4), view.at(outer + side * 0.5, high - 0.2, Z - 0.4)], darker(roof, 0.22));
  view.fill([view.at(eave, high - 0.2, Z - 0.4), view.at(eave, high - 0.2, end), view.at(ridge, top, end), view.at(ridge, top, Z - 0.4)], roof);
  for (let share = 0.2; share < 1; share += 0.2) {
    const X = eave + (ridge - eave) * share, Y = high - 0.2 + (top - high + 0.2) * share;
    view.line([view.at(X, Y, Z - 0.4), view.at(X, Y, end)], 0.05 / Z, darker(roof, 0.16));
  }
}

function drawWindows(view, house) {
  const { side, Z, end, inner, deep, floors, index } = house;
  const random = dice(view.scene.seed, `windows${index}`);
  const glass = view.faded(random.one(["#33424f", "#3d4d58", "#56697a"]), Z);
  const frame = view.faded(lighter(house.facade, 0.45), Z);
  const rows = Math.min(floors, 8), columns = Math.max(2, Math.round((end - Z) / 3));
  for (let row = 0; row < rows; row += 1) {
    const low = 1.1 + 3 * row, high = low + 1.4;
    for (let column = 0; column < columns; column += 1) {
      const z1 = Z + (column + 0.3) * (end - Z) / columns, z2 = z1 + 1.2;
      for (const [grow, colour] of [[0.14, frame], [0, glass]]) {
        view.fill([view.at(inner, low - grow, z1 - grow), view.at(inner, low - grow, z2 + grow),
          view.at(inner, high + grow, z2 + grow), view.at(inner, high + grow, z1 - grow)], colour);
      }
    }
    for (let column = 0; column < 2; column += 1) {
      const X = inner + side * deep * (0.25 + 0.4 * column), [x, y] = view.at(X, high, Z);
      view.rect(Math.min(x, view.x(X + side * 1.2, Z)), y, 1.2 / Z, 1.4 / Z, glass);
    }
  }
}

function drawPlanks(view, { Z, end, inner, side, deep, high, facade }) {
  const colour = view.faded(darker(facade, 0.22), Z);
  for (let Y = 0.5; Y < high; Y += 0.55) {
    view.line([view.at(inner + side * deep, Y, Z), view.at(inner, Y, Z), view.at(inner, Y, end)], 0.035 / Z, colour);
  }
}

// An awning with writing over the ground floor.
function drawShop(view, { side, Z, end, inner, index }) {
  const { scene } = view, random = dice(scene.seed, `shop${index}`);
  const colour = view.faded(random.one(SHOP), Z), X = inner - side * 0.3;
  view.fill([view.at(X, 2.7, Z), view.at(X, 2.7, end), view.at(X, 3.7, end), view.at(X, 3.7, Z)], colour);
  const size = 0.62 / Z, upright = ["cjk", "hangul"].includes(scene.signs.script);
  const [x, y] = view.at(X, 3.62, Z + (end - Z) * 0.1);
  const count = upright ? 2 : 4, width = count * size * 0.92 + size * 0.3;
  const left = side < 0 ? x : x - width;
  view.rect(left, y, width, size * 1.45, colour);
  write(view, scene.signs.script, random, left + size * 0.18, y + size * 0.22, size, count, ink(colour));
}

export function ink(colour) {
  const [r, g, b] = rgb(colour);
  return 0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#22252b" : "#f4f2ea";
}

export function polesOf(view) {
  const { scene } = view, { poles, road } = scene;
  if (poles.kind === "none") return [];
  const X = poles.side * (road.half + 2.2), random = dice(scene.seed, "poles");
  const things = [];
  let before = null;
  for (let Z = random.between(7, 14); Z < 230; Z += poles.spacing) {
    const pole = { X, Z, before };
    things.push({ Z, draw: () => drawPole(view, pole) });
    before = pole;
  }
  return things;
}

const POLES = { wood: "#6b5440", concrete: "#a6a49e", metal: "#7f8a90", lattice: "#8b8f8e" };
const TOP = 8.5;

function drawPole(view, { X, Z, before }) {
  const { poles } = view.scene, colour = view.faded(POLES[poles.kind], Z);
  const wide = (poles.kind === "lattice" ? 0.55 : 0.3) / Z, [x, y] = view.at(X, 0, Z), top = view.y(TOP, Z);
  if (poles.kind === "lattice") {
    view.line([[x - wide / 2, y], [x - wide / 5, top]], 0.09 / Z, colour);
    view.line([[x + wide / 2, y], [x + wide / 5, top]], 0.09 / Z, colour);
    for (let Y = 0.5; Y < TOP; Y += 0.9) {
      view.line([[x - wide / 2, view.y(Y, Z)], [x + wide / 2, view.y(Y + 0.7, Z)]], 0.06 / Z, colour);
    }
  } else view.rect(x - wide / 2, top, wide, y - top, colour);
  const arms = poles.kind === "concrete" ? 2 : 1;
  for (let arm = 0; arm < arms; arm += 1) {
    view.rect(x - 0.9 / Z, view.y(TOP - 0.4 - 0.9 * arm, Z), 1.8 / Z, 0.12 / Z, colour);
  }
  for (let wire = 0; wire < poles.wires; wire += 1) drawWire(view, X, Z, before, wire);
}

function drawWire(view, X, Z, before, wire) {
  const along = -0.8 + (wire % 3) * 0.8, Y = TOP - 0.3 - 0.8 * Math.floor(wire / 3) - 0.1 * (wire % 2);
  const near = before ? before.Z : Math.max(2.4, Z - view.scene.poles.spacing), corners = [];
  for (let step = 0; step <= 6; step += 1) {
    const share = step / 6, z = Z + (near - Z) * share;
    corners.push(view.at(X + along, Y - 2.4 * share * (1 - share), z));
  }
  view.line(corners, 0.0022, view.faded("#2b2d31", Z));
}

export function smallThingsOf(view) {
  return [...bollardsOf(view), ...fenceOf(view), ...signsOf(view)];
}

function bollardsOf(view) {
  const { bollard, road } = view.scene;
  if (!bollard) return [];
  const things = [];
  for (let Z = 5 + 8 * dice(view.scene.seed, "bollards")(); Z < 90; Z += 12) {
    for (const side of [-1, 1]) things.push({ Z, draw: () => drawBollard(view, side * (road.half + 0.9), Z, bollard) });
  }
  return things;
}

function drawBollard(view, X, Z, [body, band]) {
  const [x, y] = view.at(X, 0, Z), s = 1 / Z;
  view.rect(x - 0.09 * s, y - 1.05 * s, 0.18 * s, 1.05 * s, view.faded(body, Z));
  view.rect(x - 0.09 * s, y - 0.9 * s, 0.18 * s, 0.28 * s, view.faded(band, Z));
}

function fenceOf(view) {
  const { fence, road, seed } = view.scene;
  if (!fence || road.pavement) return [];
  const random = dice(seed, "fence"), side = random() < 0.5 ? -1 : 1, X = side * (road.half + 3);
  const wood = random() < 0.5, colour = wood ? "#8a7558" : "#9a9c9b", things = [];
  for (let Z = 60; Z > 3.5; Z -= 2.4) {
    things.push({ Z, draw: () => {
      const [x, y] = view.at(X, 0, Z), tint = view.faded(colour, Z);
      view.rect(x - 0.05 / Z, y - 1.1 / Z, 0.1 / Z, 1.1 / Z, tint);
      for (const Y of [0.45, 0.9]) view.line([view.at(X, Y, Z), view.at(X, Y, Z + 2.4)], (wood ? 0.09 : 0.03) / Z, tint);
    } });
  }
  return things;
}

function signsOf(view) {
  const { signs, road, seed, traffic } = view.scene, random = dice(seed, "signs"), things = [];
  for (let board = 0; board < signs.boards; board += 1) {
    const Z = random.between(14, 34) * (1 + board), side = random() < 0.75 === traffic.left ? -1 : 1;
    things.push({ Z, draw: () => drawBoard(view, side * (road.half + 3.1), Z, board) });
  }
  if (signs.warning !== "none") {
    const Z = random.between(8, 22), side = traffic.left ? -1 : 1;
    things.push({ Z, draw: () => drawWarning(view, side * (road.half + 1.7), Z, signs.warning) });
  }
  return things;
}

function drawBoard(view, X, Z, index) {
  const { signs, seed } = view.scene, random = dice(seed, `board${index}`), [x, y] = view.at(X, 0, Z);
  const s = 1 / Z, colour = view.faded(signs.colour, Z / 3), letters = ink(colour);
  for (const leg of [-1, 1]) view.rect(x + leg * s - 0.05 * s, y - 2.2 * s, 0.1 * s, 2.2 * s, "#7b8085");
  view.rect(x - 1.9 * s, y - 4.1 * s, 3.8 * s, 2.1 * s, letters);
  view.rect(x - 1.82 * s, y - 4.02 * s, 3.64 * s, 1.94 * s, colour);
  for (const row of [0, 1]) {
    const count = 3 + Math.floor(random() * 2);
    write(view, signs.script, random, x - 1.6 * s, y - (3.8 - 0.92 * row) * s, 0.62 * s, count, letters);
  }
}

function drawWarning(view, X, Z, kind) {
  const [x, y] = view.at(X, 0, Z), s = 1 / Z, top = y - 2.6 * s;
  view.rect(x - 0.05 * s, top, 0.1 * s, 2.6 * s, "#7b8085");
  if (kind === "diamond") {
    view.fill([[x, top - 0.75 * s], [x + 0.75 * s, top], [x, top + 0.75 * s], [x - 0.75 * s, top]], "#23252a");
    view.fill([[x, top - 0.66 * s], [x + 0.66 * s, top], [x, top + 0.66 * s], [x - 0.66 * s, top]], "#eab726");
  } else {
    view.fill([[x, top - 0.75 * s], [x + 0.8 * s, top + 0.6 * s], [x - 0.8 * s, top + 0.6 * s]], "#b92f2a");
    view.fill([[x, top - 0.4 * s], [x + 0.52 * s, top + 0.45 * s], [x - 0.52 * s, top + 0.45 * s]], kind === "yellow" ? "#eab726" : "#f1efe8");
  }
  view.rect(x - 0.07 * s, top - 0.15 * s, 0.14 * s, 0.5 * s, "#23252a");
}
