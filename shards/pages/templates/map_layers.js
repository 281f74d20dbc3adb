// What the map draws: outlines, clusters, heat. Colours come from the page's style sheet.

const HEAT_CELLS = 280; // across the view
const HEAT_RADIUS = 3; // cells
const CROSS = 9; // pixels

/** The outlines of the page's static map, once as paths for a canvas. */
function readLand(svg) {
  return [...svg.querySelectorAll(".land")].map((element) => ({
    code: element.dataset.code,
    shade: Number(/shade-(\d)/.exec(element.className.baseVal)?.[1] ?? 0),
    path: new Path2D(element.getAttribute("d")),
    box: element.getBBox(),
  }));
}

function readColours(element) {
  const style = getComputedStyle(element);
  const value = (name) => style.getPropertyValue(name).trim();
  const names = ["sea", "land", "line", "card", "dot", "on-dot", "ink", "shade"];
  const colours = Object.fromEntries(names.map((name) => [name, value(`--${name}`)]));
  colours.heat = [1, 2, 3, 4].map((n) => value(`--heat-${n}`).split(",").map(Number));
  return colours;
}

/** Sea, graticule and countries. `view` maps parts of the map's width to pixels. */
function drawLand(context, view, { land, sea, graticule, units }, colours, shaded, chosen) {
  const scale = view.pixels / units;
  context.save();
  context.translate(view.left, view.top);
  context.scale(scale, scale);
  context.fillStyle = colours.sea;
  context.fill(sea);
  context.lineWidth = 0.8 / scale;
  context.strokeStyle = colours.line;
  context.stroke(graticule);
  context.strokeStyle = colours.card;
  context.lineJoin = "round";
  context.lineWidth = 0.6 / scale;
  for (const country of land) {
    if (!inView(country.box, view, scale)) continue;
    context.fillStyle = colours.land;
    context.fill(country.path);
    if (shaded && country.shade) {
      context.fillStyle = `rgba(${colours.shade}, ${0.1 + 0.15 * country.shade})`;
      context.fill(country.path);
    }
    context.stroke(country.path);
  }
  if (chosen) {
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.6 / scale;
    context.stroke(chosen.path);
  }
  context.restore();
}

const inView = (box, view, scale) =>
  box.x * scale + view.left < view.width && (box.x + box.width) * scale + view.left > 0 &&
  box.y * scale + view.top < view.height && (box.y + box.height) * scale + view.top > 0;

function drawClusters(context, view, clusters, colours, chosen) {
  context.textAlign = "center";
  context.textBaseline = "middle";
  // The largest first, so that small ones stay visible.
  for (const cluster of clusters) {
    const x = cluster.x * view.pixels + view.left;
    const y = cluster.y * view.pixels + view.top;
    const radius = clusterRadius(cluster.samples);
    if (x < -radius || y < -radius || x > view.width + radius || y > view.height + radius) continue;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.globalAlpha = 0.9;
    context.fillStyle = colours.dot;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = cluster === chosen ? 3 : 1;
    context.strokeStyle = cluster === chosen ? colours.ink : colours.card;
    context.stroke();
    if (cluster.samples === 1) continue;
    context.fillStyle = colours["on-dot"];
    context.font = `600 ${radius < 12 ? 9 : 11}px system-ui, sans-serif`;
    context.fillText(short(cluster.samples), x, y + 0.5);
  }
}

/** 999, 1.2k, 34k, 5.6M */
function short(count) {
  for (const [size, letter] of [[1e6, "M"], [1e3, "k"]]) {
    if (count >= size) return `${(count / size).toPrecision(count < 10 * size ? 2 : 3).replace(/\.0$/, "")}${letter}`;
  }
  return String(count);
}

/** Density of the samples in view, blurred, on a logarithmic scale up to the densest place. */
function drawHeat(context, view, points, colours, canvas) {
  const cell = view.width / HEAT_CELLS;
  const width = HEAT_CELLS;
  const height = Math.ceil(view.height / cell);
  const margin = 3 * HEAT_RADIUS;
  const across = width + 2 * margin;
  const down = height + 2 * margin;
  let density = new Float32Array(across * down);
  const unit = view.pixels / cell / 2 ** POSITION_BITS;
  const left = view.left / cell + margin;
  const top = view.top / cell + margin;
  for (let i = 0; i < points.count; i++) {
    const column = Math.floor(points.x[i] * unit + left);
    const row = Math.floor(points.y[i] * unit + top);
    if (column >= 0 && row >= 0 && column < across && row < down) {
      density[row * across + column] += points.samples[i];
    }
  }
  // Three running means are close to a Gaussian.
  for (let round = 0; round < 3; round++) density = runningMean(runningMean(density, across, down), down, across);
  canvas.width = width;
  canvas.height = height;
  const target = canvas.getContext("2d");
  target.putImageData(heatImage(target, density, across, margin, width, height, colours.heat), 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width * cell, height * cell);
}

/** Means over 2 * HEAT_RADIUS + 1 values along the rows; the result is transposed. */
function runningMean(values, across, down) {
  const result = new Float32Array(values.length);
  for (let row = 0; row < down; row++) {
    let sum = 0;
    for (let column = -HEAT_RADIUS; column < across; column++) {
      if (column + HEAT_RADIUS < across) sum += values[row * across + column + HEAT_RADIUS];
      if (column > HEAT_RADIUS) sum -= values[row * across + column - HEAT_RADIUS - 1];
      if (column >= 0) result[column * down + row] = Math.max(0, sum) / (2 * HEAT_RADIUS + 1);
    }
  }
  return result;
}

function heatImage(target, density, across, margin, width, height, ramp) {
  const image = target.createImageData(width, height);
  const most = density.reduce((a, b) => Math.max(a, b), 0);
  // What one sample leaves in its own cell is the lightest colour.
  const least = 1 / (2 * HEAT_RADIUS + 1) ** 2;
  const scale = 1 / Math.log1p(most / least || 1);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 4) {
      const value = density[(row + margin) * across + column + margin];
      const share = Math.log1p(value / least) * scale;
      if (share < 0.02) continue;
      const step = Math.min(2.999, share * 3);
      const [low, high] = [ramp[Math.floor(step)], ramp[Math.floor(step) + 1]];
      for (let channel = 0; channel < 3; channel++) {
        image.data[at + channel] = low[channel] + (high[channel] - low[channel]) * (step % 1);
      }
      image.data[at + 3] = 255 * Math.min(0.9, 0.1 + 2 * share);
    }
  }
  return image;
}

/** Where the keyboard's Enter looks. */
function drawCross(context, view, colours) {
  const [x, y] = [view.width / 2, view.height / 2];
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x - CROSS, y);
  context.lineTo(x + CROSS, y);
  context.moveTo(x, y - CROSS);
  context.lineTo(x, y + CROSS);
  context.stroke();
}
