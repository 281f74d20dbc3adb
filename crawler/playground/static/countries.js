// The guess map of a match: a click chooses the country there, or the nearest one from the sea.
import { ask } from "./api.js";
import { WorldMap } from "./map.js";

const CHOSEN = "#f4c95d";

export class CountryMap extends WorldMap {
  constructor(canvas) {
    super(canvas);
    this.names = {};
    ask("/api/countries").then((names) => { this.names = names; });
    this.onpin = () => this.choose(this.countryAt(this.pin));
  }

  clear() {
    this.country = null;
    super.clear();
  }

  choose(code) {
    this.pin = null;
    this.country = code;
    this.render();
    this.onchoice?.(code, this.names[code]);
  }

  countryAt(point) {
    const known = (this.data?.countries ?? []).filter(({ code }) => code in this.names);
    const hit = known.find(({ rings }) => inside(rings, point));
    if (hit) return hit.code;
    const distance = ({ rings }) => Math.min(...rings.flat().map((corner) => apart(corner, point)));
    let nearest = null, least = Infinity;
    for (const country of known) {
      const away = distance(country);
      if (away < least) [nearest, least] = [country.code, away];
    }
    return nearest;
  }

  render() {
    super.render();
    const chosen = this.data?.countries?.find(({ code }) => code === this.country);
    if (chosen) this.fill(chosen.rings, CHOSEN);
  }
}

// Whether a point lies in an odd number of rings (ray casting).
function inside(rings, [x, y]) {
  let odd = false;
  for (const ring of rings) {
    ring.forEach(([x1, y1], index) => {
      const [x2, y2] = ring.at(index - 1);
      if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) odd = !odd;
    });
  }
  return odd;
}

// The squared distance on a plane whose meridians are as near as they are at this latitude.
function apart([lon, lat], [x, y]) {
  const east = (lon - x) * Math.cos((y * Math.PI) / 180);
  return east * east + (lat - y) * (lat - y);
}
