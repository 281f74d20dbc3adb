"use strict";
// The samples' positions as queries/positions.py packs them, and their clusters at each zoom.
// All lengths are parts of the map's width: x from 0 to 1, y from 0 at the top.

const POSITION_BITS = 24;
const NO_COUNTRY = 255;

/** Columns of the cells, in the order of a Morton curve: x, y, samples, country. */
function unpackPoints({ packed, cells }) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  let at = 0;
  const integer = () => {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  const positions = () => {
    const column = new Int32Array(cells);
    for (let i = 0, last = 0; i < cells; i++) {
      const step = integer();
      last += step % 2 ? -(step + 1) / 2 : step / 2;
      column[i] = last;
    }
    return column;
  };
  const x = positions();
  const y = positions();
  const samples = Float64Array.from({ length: cells }, integer);
  return { count: cells, x, y, samples, country: bytes.subarray(at, at + cells) };
}

const pointX = (points, i) => (points.x[i] + 0.5) / 2 ** POSITION_BITS;
const pointY = (points, i) => (points.y[i] + 0.5) / 2 ** POSITION_BITS;

/** Radius of a cluster's circle, in pixels. */
const clusterRadius = (samples) =>
  samples === 1 ? 4 : Math.min(24, 7 + 2.2 * Math.log2(samples));

/**
 * Clusters of a square grid with 2 ** level cells across the map, each `cellPixels` wide; circles
 * that would cover each other are joined. A cluster holds ranges [from, to) of points.
 */
function clusterPoints(points, level, cellPixels) {
  const shift = POSITION_BITS - level;
  const found = [];
  for (let from = 0, to = 0; from < points.count; from = to) {
    const column = points.x[from] >> shift;
    const row = points.y[from] >> shift;
    let samples = 0, x = 0, y = 0;
    // Along the curve the points of one cell follow each other.
    for (; to < points.count && points.x[to] >> shift === column && points.y[to] >> shift === row; to++) {
      samples += points.samples[to];
      x += points.samples[to] * pointX(points, to);
      y += points.samples[to] * pointY(points, to);
    }
    found.push({ x: x / samples, y: y / samples, samples, ranges: [[from, to]], column, row });
  }
  return joinTouching(found, level, cellPixels);
}

function joinTouching(clusters, level, cellPixels) {
  const side = 2 ** level;
  const pixels = side * cellPixels;
  const byCell = new Map(clusters.map((one) => [one.row * side + one.column, one]));
  const joined = [];
  for (const one of [...clusters].sort((a, b) => b.samples - a.samples)) {
    if (one.gone) continue;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const other = byCell.get((one.row + dy) * side + one.column + dx);
        if (!other || other === one || other.gone || other.samples > one.samples) continue;
        const distance = Math.hypot(one.x - other.x, one.y - other.y) * pixels;
        if (distance < clusterRadius(one.samples) + clusterRadius(other.samples)) absorb(one, other);
      }
    }
    one.gone = true;
    joined.push(one);
  }
  return joined;
}

function absorb(one, other) {
  const samples = one.samples + other.samples;
  one.x = (one.x * one.samples + other.x * other.samples) / samples;
  one.y = (one.y * one.samples + other.y * other.samples) / samples;
  one.samples = samples;
  one.ranges.push(...other.ranges);
  other.gone = true;
}

/** [left, top, right, bottom] of a cluster's points. */
function clusterBounds(points, cluster) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [from, to] of cluster.ranges) {
    for (let i = from; i < to; i++) {
      box[0] = Math.min(box[0], pointX(points, i));
      box[1] = Math.min(box[1], pointY(points, i));
      box[2] = Math.max(box[2], pointX(points, i));
      box[3] = Math.max(box[3], pointY(points, i));
    }
  }
  return box;
}

/** [country index, samples] of a cluster, the most first. */
function clusterCountries(points, cluster) {
  const samples = new Map();
  for (const [from, to] of cluster.ranges) {
    for (let i = from; i < to; i++) {
      samples.set(points.country[i], (samples.get(points.country[i]) ?? 0) + points.samples[i]);
    }
  }
  return [...samples].sort((a, b) => b[1] - a[1]);
}

/** [lat, lon] in degrees of a place on the map: the Equal Earth projection backwards. */
function placeOf(x, y) {
  const [a1, a2, a3, a4] = [1.340264, -0.081106, 0.000893, 0.003796];
  const halfWidth = (2 * Math.sqrt(3) * Math.PI) / (3 * a1);
  const pole = Math.PI / 3;
  const halfHeight = pole * (a1 + a2 * pole ** 2 + pole ** 6 * (a3 + a4 * pole ** 2));
  const up = halfHeight - y * 2 * halfWidth;
  let angle = up / a1;
  let slope = a1;
  for (let round = 0; round < 8; round++) {
    const square = angle * angle;
    const sixth = square ** 3;
    const height = angle * (a1 + a2 * square + sixth * (a3 + a4 * square));
    slope = a1 + 3 * a2 * square + sixth * (7 * a3 + 9 * a4 * square);
    angle -= (height - up) / slope;
  }
  const degrees = 180 / Math.PI;
  const lon = ((2 * x - 1) * halfWidth * 3 * slope) / (2 * Math.sqrt(3) * Math.cos(angle));
  return [Math.asin((2 * Math.sin(angle)) / Math.sqrt(3)) * degrees, lon * degrees];
}
