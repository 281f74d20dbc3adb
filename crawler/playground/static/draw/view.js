// The camera and the dice of a drawing. Lengths are metres in the world and heights of the picture
// on the canvas, so that a drawing is the same at any size.

// Mulberry32 (public domain): one stream of numbers in [0, 1) for each element of a picture.
export function dice(seed, element) {
  let state = seed >>> 0;
  for (const letter of element) state = Math.imul(state ^ letter.charCodeAt(0), 0x9e3779b1) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  next.between = (low, high) => low + (high - low) * next();
  next.one = (list) => list[Math.floor(next() * list.length)];
  next.weighted = (weights) => {
    let left = next() * Object.values(weights).reduce((a, b) => a + b);
    return Object.keys(weights).find((name) => (left -= weights[name]) < 0);
  };
  return next;
}

const parsed = new Map();

// [red, green, blue] of `#rrggbb` or `rgb(r,g,b)`.
export function rgb(colour) {
  if (!parsed.has(colour)) {
    if (parsed.size > 20000) parsed.clear();
    parsed.set(colour, colour[0] === "#"
      ? [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
      : colour.slice(4, -1).split(",").map(Number));
  }
  return parsed.get(colour);
}

export function mix(from, to, share) {
  const a = rgb(from), b = rgb(to), at = (i) => Math.round(a[i] + (b[i] - a[i]) * share);
  return `rgb(${at(0)},${at(1)},${at(2)})`;
}

export const darker = (colour, share) => mix(colour, "#0b0d14", share);
export const lighter = (colour, share) => mix(colour, "#ffffff", share);

export class View {
  constructor(context, scene, width) {
    const { camera } = scene;
    Object.assign(this, { context, scene, width });
    this.horizon = camera.horizon;
    this.vanish = width * (0.5 + (camera.vanish - 0.5));
    this.height = camera.height;
    this.offset = camera.offset;
    this.curve = camera.curve;
  }

  // X metres right of the middle of the road, Y metres up, Z metres ahead.
  x(X, Z) { return this.vanish + (X - this.offset) / Z + this.curve * 0.0016 * Z; }
  y(Y, Z) { return this.horizon + (this.height - Y) / Z; }
  at(X, Y, Z) { return [this.x(X, Z), this.y(Y, Z)]; }

  // Distance fades things into the colour of the air.
  faded(colour, Z) {
    return mix(colour, this.air, Math.min(0.85, (Z / 260) * (0.5 + 1.6 * this.scene.haze)));
  }

  fill(corners, colour) {
    const { context } = this;
    context.fillStyle = colour;
    context.beginPath();
    corners.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
    context.fill();
  }

  line(corners, width, colour) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    corners.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
    context.stroke();
  }

  rect(x, y, width, height, colour) {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  disc(x, y, radiusX, radiusY, colour) {
    const { context } = this;
    context.fillStyle = colour;
    context.beginPath();
    context.ellipse(x, y, radiusX, radiusY, 0, 0, 2 * Math.PI);
    context.fill();
  }

  // A strip on the ground from X to X + width between two distances, in steps so that it bends.
  strip(X, width, near, far, colour, Y = 0) {
    const steps = Math.max(2, Math.ceil(6 * Math.log2(far / near)));
    const left = [], right = [];
    for (let step = 0; step <= steps; step += 1) {
      const Z = near * (far / near) ** (step / steps);
      left.push(this.at(X, Y, Z));
      right.unshift(this.at(X + width, Y, Z));
    }
    this.fill([...left, ...right], colour);
  }
}
