// Cars: ahead of us in our lane with their backs, towards us in the other with their fronts.
import { darker, dice, lighter } from "./view.js";

const PAINT = ["#e9e9e6", "#24262b", "#8d9297", "#7c1f22", "#27476f", "#c9ccce", "#3f5a45"];

export function carsOf(view) {
  const { traffic, road, seed } = view.scene;
  const random = dice(seed, "cars"), things = [];
  for (let index = 0; index < traffic.cars; index += 1) {
    const ahead = random() < 0.5, Z = ahead ? random.between(9, 45) : random.between(7, 60);
    const right = ahead !== traffic.left;
    const car = { X: (right ? 1 : -1) * road.half * 0.5, Z, ahead, paint: random.one(PAINT), tall: random.between(1.4, 1.9) };
    things.push({ Z, draw: () => drawCar(view, car) });
  }
  return things;
}

function drawCar(view, { X, Z, ahead, paint, tall }) {
  const { plate } = view.scene.traffic, [x, y] = view.at(X, 0, Z), s = 1 / Z;
  const body = view.faded(paint, Z), wide = 1.8 * s, left = x - wide / 2;
  view.context.globalAlpha = 0.45;
  view.disc(x, y, wide * 0.56, 0.12 * s, "#101114");
  view.context.globalAlpha = 1;
  for (const wheel of [left + 0.08 * s, left + wide - 0.36 * s]) view.rect(wheel, y - 0.36 * s, 0.28 * s, 0.36 * s, "#17181a");
  view.rect(left, y - 0.95 * s, wide, 0.72 * s, body);
  view.fill([[left + 0.1 * s, y - 0.9 * s], [left + 0.32 * s, y - tall * s], [left + wide - 0.32 * s, y - tall * s], [left + wide - 0.1 * s, y - 0.9 * s]], darker(body, 0.12));
  view.fill([[left + 0.26 * s, y - 0.97 * s], [left + 0.42 * s, y - (tall - 0.1) * s], [left + wide - 0.42 * s, y - (tall - 0.1) * s], [left + wide - 0.26 * s, y - 0.97 * s]], "#2c3a45");
  for (const lamp of [left + 0.06 * s, left + wide - 0.38 * s]) view.rect(lamp, y - 0.8 * s, 0.32 * s, 0.17 * s, ahead ? "#c5332b" : "#f7f3d8");
  view.rect(left, y - 0.42 * s, wide, 0.08 * s, lighter(body, 0.15));
  view.rect(x - 0.27 * s, y - 0.58 * s, 0.54 * s, 0.16 * s, plate);
}
