// A map of the world (plate carrée) on a canvas: one pin to place, lines and markers to show.
const world = fetch("/api/map").then((answer) => answer.json());
const SEA = "#1d2b36", LAND = "#53685c", EDGE = "#7d9484", GRID = "#2a3a46", LINE = "#f4c95d";
const SIZE = 24; // of a marker, in CSS pixels

export class WorldMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
    canvas.onclick = (event) => {
      this.pin = this.point(event.offsetX, event.offsetY);
      this.render();
      this.onpin?.();
    };
    new ResizeObserver(() => this.render()).observe(canvas);
    world.then((data) => { this.data = data; this.render(); });
  }

  clear() {
    this.pin = null;
    this.lines = [];
    this.marks = [];
    this.canvas.parentElement.querySelectorAll(".marker").forEach((marker) => marker.remove());
    this.render();
  }

  line(from, to) { this.lines.push([from, to]); this.render(); }

  // Puts an element over the map at a place, or as near as it finds room beside the others.
  mark(element, { lat, lon }) {
    element.classList.add("marker");
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const [x, y] = this.spot([lon, lat]);
    const inside = (value, size) => Math.min(Math.max(value, SIZE / 2), size - SIZE / 2);
    const taken = ([a, b]) => this.marks.some(([c, d]) => Math.hypot(a - c, b - d) < 1.1 * SIZE);
    let spot = [inside(x, width), inside(y, height)];
    for (let turn = 1; turn < 900 && taken(spot); turn += 1) {
      const away = turn / 3;
      spot = [inside(x + away * Math.cos(turn), width), inside(y + away * Math.sin(turn), height)];
    }
    this.marks.push(spot);
    element.style.left = `${100 * spot[0] / width}%`;
    element.style.top = `${100 * spot[1] / height}%`;
    this.canvas.parentElement.append(element);
  }

  // Degrees [lon, lat] of a point of the canvas in CSS pixels.
  point(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    return [360 * Math.min(1, x / clientWidth) - 180, 90 - 180 * Math.min(1, y / clientHeight)];
  }

  // The point of the canvas, in CSS pixels, of a place in degrees.
  spot([lon, lat]) {
    const { clientWidth, clientHeight } = this.canvas;
    return [(lon + 180) / 360 * clientWidth, (90 - lat) / 180 * clientHeight];
  }

  // Draws a country over what is there.
  fill(rings, colour) {
    const context = this.canvas.getContext("2d");
    context.fillStyle = colour;
    context.strokeStyle = EDGE;
    context.lineWidth = 0.4;
    context.beginPath();
    for (const ring of rings) {
      ring.forEach((corner, index) => context[index ? "lineTo" : "moveTo"](...this.spot(corner)));
      context.closePath();
    }
    context.fill("evenodd");
    context.stroke();
  }

  render() {
    const { canvas } = this, scale = devicePixelRatio;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext("2d");
    const place = (point) => this.spot(point);
    context.scale(scale, scale);
    context.fillStyle = SEA;
    context.fillRect(0, 0, width, height);
    context.strokeStyle = GRID;
    for (let lon = -150; lon < 180; lon += 30) stroke(context, [place([lon, 90]), place([lon, -90])]);
    for (let lat = -60; lat < 90; lat += 30) stroke(context, [place([-180, lat]), place([180, lat])]);
    context.fillStyle = LAND;
    for (const { rings } of this.data?.countries ?? []) this.fill(rings, LAND);
    context.strokeStyle = LINE;
    context.lineWidth = 1.5;
    for (const ends of this.lines) stroke(context, ends.map(place));
    for (const pin of [this.pin, ...this.lines.map(([from]) => from)]) {
      if (pin) dot(context, place(pin));
    }
  }
}

function stroke(context, corners) {
  context.beginPath();
  corners.forEach((corner, index) => context[index ? "lineTo" : "moveTo"](...corner));
  context.stroke();
}

function dot(context, [x, y]) {
  context.beginPath();
  context.arc(x, y, 4, 0, 2 * Math.PI);
  context.fillStyle = "#e4572e";
  context.fill();
  context.strokeStyle = "#fff";
  context.stroke();
}

// The true place of a round: a marker that opens the place in a window of its own.
export function correctMarker({ lat, lon, heading }, label) {
  const marker = document.createElement("a");
  marker.dataset.qa = "correct-location-marker";
  marker.href = `https://www.google.com/maps?q&layer=c&cbll=${lat},${lon}&cbp=11,${heading},0,0,0`;
  marker.target = "_blank";
  marker.title = "Open this place";
  marker.textContent = label;
  return marker;
}
