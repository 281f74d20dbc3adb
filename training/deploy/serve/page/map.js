// The world map: probability by country, the predicted position, and how far it may be off.

const RADIUS_KM = 6371.0088;
const LEAST_KM = 1200; // of the earth around the position that the close-up shows to each side
const RADIANS = Math.PI / 180;
const [A1, A2, A3, A4] = [1.340264, -0.081106, 0.000893, 0.003796];

/** Equal Earth, as `shards.world.projection`: [x, y] in units of the sphere's radius. */
function forward(lat, lon) {
  const theta = Math.asin((Math.sqrt(3) / 2) * Math.sin(lat * RADIANS));
  const [square, sixth] = [theta ** 2, theta ** 6];
  const slope = 9 * A4 * square * sixth + 7 * A3 * sixth + 3 * A2 * square + A1;
  const x = (2 * Math.sqrt(3) * lon * RADIANS * Math.cos(theta)) / (3 * slope);
  return [x, theta * (A1 + A2 * square + sixth * (A3 + A4 * square))];
}

const HALF_WIDTH = forward(0, 180)[0];
const HALF_HEIGHT = forward(90, 0)[1];

/** Where a place stands on a map of `width` units, from the top left. */
export function project(lat, lon, width) {
  const [x, y] = forward(lat, lon);
  const scale = width / (2 * HALF_WIDTH);
  return [(x + HALF_WIDTH) * scale, (HALF_HEIGHT - y) * scale];
}

/** Points [lat, lon] at a distance from a place, all around it. */
export function circle({ lat, lon }, km, points = 180) {
  const [phi, delta] = [lat * RADIANS, km / RADIUS_KM];
  return Array.from({ length: points + 1 }, (_, n) => {
    const bearing = (2 * Math.PI * n) / points;
    const sine = Math.sin(phi) * Math.cos(delta) + Math.cos(phi) * Math.sin(delta) * Math.cos(bearing);
    const east = Math.atan2(
      Math.sin(bearing) * Math.sin(delta) * Math.cos(phi),
      Math.cos(delta) - Math.sin(phi) * sine,
    );
    return [Math.asin(sine) / RADIANS, ((lon + east / RADIANS + 540) % 360) - 180];
  });
}

export class WorldMap {
  constructor(svg) {
    this.svg = svg;
    this.whole = svg.viewBox.baseVal;
    [this.width, this.height] = [this.whole.width, this.whole.height];
    this.marks = svg.appendChild(element("g", { class: "marks" }));
    this.land = new Map([...svg.querySelectorAll(".land")].map((path) => [path.dataset.code, path]));
    this.view = null;
  }

  /** `answer`: of the API. */
  show(answer) {
    for (const path of this.land.values()) {
      path.style.fill = "";
      path.replaceChildren();
    }
    for (const { code, name, probability } of answer.countries) {
      const path = this.land.get(code);
      if (!path || probability < 0.005) continue;
      path.style.fill = `rgba(var(--shade), ${(0.12 + 0.88 * Math.sqrt(probability)).toFixed(3)})`;
      path.append(element("title", {}, `${name}: ${percent(probability)}`));
    }
    this.marks.replaceChildren();
    this.answer = answer;
    const place = answer.position;
    if (!place) return this.look(null);
    for (const [share, km] of Object.entries(answer.within_km ?? {})) {
      const kind = `ring ring-${parseInt(share, 10)}`;
      this.marks.append(element("path", { class: kind, d: this.line(circle(place, Math.min(km, 20000))) }));
    }
    const [x, y] = project(place.lat, place.lon, this.width);
    for (const kind of ["place rim", "place"]) {
      this.marks.append(element("path", { class: kind, d: `M${x.toFixed(0)} ${y.toFixed(0)}h0` }));
    }
  }

  /** A path through [lat, lon] points, cut where it leaves the map on one side. */
  line(points) {
    let [path, before] = ["", null];
    for (const [lat, lon] of points) {
      const [x, y] = project(lat, lon, this.width);
      const cut = before === null || Math.abs(lon - before) > 180;
      path += `${cut ? "M" : "L"}${x.toFixed(0)} ${y.toFixed(0)}`;
      before = lon;
    }
    return path;
  }

  /** The whole world, or what is around the position. */
  look(near) {
    const place = this.answer?.position;
    const km = Math.max(LEAST_KM, 1.3 * (this.answer?.within_km?.["50%"] ?? 0));
    const all = 2 * HALF_WIDTH * RADIUS_KM;
    const width = near && place ? Math.min(this.width, (2 * km * this.width) / all * (this.width / this.height)) : this.width;
    const height = (width * this.height) / this.width;
    const [x, y] = place ? project(place.lat, place.lon, this.width) : [0, 0];
    const left = Math.max(0, Math.min(this.width - width, x - width / 2));
    const top = Math.max(0, Math.min(this.height - height, y - height / 2));
    this.svg.setAttribute("viewBox", [left, top, width, height].map((v) => v.toFixed(0)).join(" "));
  }
}

export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
