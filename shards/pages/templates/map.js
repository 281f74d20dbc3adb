// The interactive map: pan and zoom by wheel, drag, pinch, buttons and keyboard.

(() => {
  const MOST_ZOOM = 2 ** 13;
  const CELL = 40; // pixels that a cluster has at least
  const CLICK = 5; // pixels a pointer may move and still click
  const KEY_PAN = 60; // pixels
  const ANIMATION = 260; // milliseconds

  const root = document.getElementById("map");
  if (!root) return;
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const svg = root.querySelector("svg");
  const units = svg.viewBox.baseVal.width;
  const aspect = units / svg.viewBox.baseVal.height;
  const world = {
    units,
    land: readLand(svg),
    sea: new Path2D(svg.querySelector(".sea").getAttribute("d")),
    graticule: new Path2D(svg.querySelector(".graticule").getAttribute("d")),
  };
  const points = unpackPoints(data);
  const canvas = root.querySelector("canvas");
  const context = canvas.getContext("2d");
  const heatCanvas = document.createElement("canvas");
  const panel = makePanel(root.querySelector(".panel"), data, points);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  let colours = readColours(root);
  let [width, height, ratio] = [0, 0, 1];
  // The zoom is 1 where the whole map just fits; x and y are the middle of the view.
  let at = { zoom: 1, x: 0.5, y: 0.5 / aspect };
  let heat = false;
  let chosen = null;
  let keyboard = false;
  let frame = 0;
  let clusters = [];
  const levels = new Map();

  const fitted = () => Math.min(width, height * aspect);

  function view() {
    const pixels = fitted() * at.zoom;
    return { width, height, pixels, left: width / 2 - at.x * pixels, top: height / 2 - at.y * pixels };
  }

  /** Keeps the map in view: in the middle where it is smaller than the view, else without gaps. */
  function moved({ zoom, x, y }) {
    const kept = Math.max(1, Math.min(MOST_ZOOM, zoom));
    const pixels = fitted() * kept;
    const clamp = (value, size, whole) => {
      const half = size / 2 / pixels;
      return half >= whole / 2 ? whole / 2 : Math.max(half, Math.min(whole - half, value));
    };
    return { zoom: kept, x: clamp(x, width, 1), y: clamp(y, height, 1 / aspect) };
  }

  function go(place) {
    at = moved(place);
    canvas.classList.toggle("zoomed", at.zoom > 1);
    draw();
  }

  function glide(place) {
    const [from, to, start] = [at, moved(place), performance.now()];
    if (calm.matches) return go(to);
    const step = (now) => {
      const share = Math.min(1, Math.max(0, now - start) / ANIMATION);
      const eased = share * (2 - share);
      const zoom = from.zoom * (to.zoom / from.zoom) ** eased;
      // The place that stays still while the zoom changes moves the middle in step with it.
      const part = from.zoom === to.zoom ? eased : (1 / from.zoom - 1 / zoom) / (1 / from.zoom - 1 / to.zoom);
      go({ zoom, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part });
      if (share < 1) frame = requestAnimationFrame(step);
    };
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(step);
  }

  /** The view after zooming by a factor around a place in pixels. */
  function around(factor, px, py) {
    const { pixels } = view();
    const zoom = Math.max(1, Math.min(MOST_ZOOM, at.zoom * factor));
    const change = (1 - at.zoom / zoom) / pixels;
    return { zoom, x: at.x + (px - width / 2) * change, y: at.y + (py - height / 2) * change };
  }

  const zoomBy = (factor) => glide(around(factor, width / 2, height / 2));
  const whole = () => glide({ zoom: 1, x: 0.5, y: 0.5 / aspect });

  /** Glides to a box of parts of the map's width. */
  function zoomTo([left, top, right, bottom]) {
    const zoom = 0.8 * Math.min(width / Math.max(right - left, 1e-9), height / Math.max(bottom - top, 1e-9)) / fitted();
    glide({ zoom: Math.max(zoom, at.zoom * 2), x: (left + right) / 2, y: (top + bottom) / 2 });
  }

  function clustersNow() {
    const level = Math.max(0, Math.min(POSITION_BITS, Math.floor(Math.log2(view().pixels / CELL))));
    if (!levels.has(level)) levels.set(level, clusterPoints(points, level, CELL));
    return levels.get(level);
  }

  let waiting = false;
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      paint();
    });
  }

  function paint() {
    const now = view();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    drawLand(context, now, world, colours, !heat, chosen?.path ? chosen : null);
    clusters = heat ? [] : clustersNow();
    if (heat) drawHeat(context, now, points, colours, heatCanvas);
    else drawClusters(context, now, clusters, colours, chosen);
    if (keyboard) drawCross(context, now, colours);
    root.dataset.zoom = at.zoom.toFixed(3);
    root.dataset.clusters = clusters.length;
    root.dataset.layer = heat ? "heat" : "clusters";
  }

  /** The cluster or the country at a place in pixels. */
  function pick(px, py, reach) {
    const now = view();
    let [best, nearest] = [null, Infinity];
    for (const cluster of clusters) {
      const distance = Math.hypot(cluster.x * now.pixels + now.left - px, cluster.y * now.pixels + now.top - py);
      if (distance < clusterRadius(cluster.samples) + reach && distance < nearest) [best, nearest] = [cluster, distance];
    }
    if (best) return best;
    const scale = units / now.pixels;
    const [x, y] = [(px - now.left) * scale, (py - now.top) * scale];
    context.setTransform(1, 0, 0, 1, 0, 0);
    return world.land.find((country) => context.isPointInPath(country.path, x, y)) ?? null;
  }

  function show(found) {
    chosen = found;
    if (!found) panel.hide();
    else if (found.path) {
      const { x, y, width: wide, height: high } = found.box;
      panel.country(found.code, () => zoomTo([x, y, x + wide, y + high].map((value) => value / units)));
    } else {
      const box = clusterBounds(points, found);
      const splits = (box[0] < box[2] || box[1] < box[3]) && at.zoom < MOST_ZOOM;
      panel.cluster(found, splits ? () => zoomTo(box) : null);
    }
    draw();
  }

  root.querySelector(".panel").addEventListener("closed", () => {
    chosen = null;
    draw();
  });

  // Pointers: one drags, two pinch, one that stays in place clicks.
  const pointers = new Map();
  let travelled = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const middle = () => {
    const all = [...pointers.values()];
    const mean = (axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length;
    const apart = all.length > 1 ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 0;
    return [mean(0), mean(1), apart];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    cancelAnimationFrame(frame);
    if (!pointers.size) travelled = 0;
    pointers.set(event.pointerId, place(event));
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = middle();
    pointers.set(event.pointerId, place(event));
    const after = middle();
    travelled += Math.hypot(after[0] - before[0], after[1] - before[1]) + Math.abs(after[2] - before[2]);
    if (travelled <= CLICK) return;
    if (before[2] && after[2]) at = moved(around(after[2] / before[2], before[0], before[1]));
    const { pixels } = view();
    go({ zoom: at.zoom, x: at.x - (after[0] - before[0]) / pixels, y: at.y - (after[1] - before[1]) / pixels });
  });
  canvas.addEventListener("pointerup", (event) => {
    if (pointers.delete(event.pointerId) && !pointers.size && travelled <= CLICK) {
      show(pick(...place(event), event.pointerType === "touch" ? 10 : 3));
    }
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("dblclick", (event) => glide(around(2, ...place(event))));
  canvas.addEventListener("wheel", (event) => {
    const step = event.deltaMode ? 16 * event.deltaY : event.deltaY;
    // The whole map cannot be made smaller: the page scrolls on.
    if (step > 0 && at.zoom <= 1) return;
    event.preventDefault();
    go(around(2 ** (-step / (event.ctrlKey ? 60 : 240)), ...place(event)));
  }, { passive: false });

  const keys = {
    "+": () => zoomBy(2), "=": () => zoomBy(2), "-": () => zoomBy(1 / 2), "0": whole,
    Enter: () => show(pick(width / 2, height / 2, 24)),
    " ": () => show(pick(width / 2, height / 2, 24)),
    Escape: () => show(null),
    ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
  };
  function pan(dx, dy) {
    const { pixels } = view();
    go({ zoom: at.zoom, x: at.x + (dx * KEY_PAN) / pixels, y: at.y + (dy * KEY_PAN) / pixels });
  }
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keyboard = true;
    keys[event.key]();
    draw();
  });
  for (const kind of ["focus", "blur"]) {
    canvas.addEventListener(kind, () => {
      keyboard = kind === "focus" && canvas.matches(":focus-visible");
      draw();
    });
  }

  const press = (name, action) => root.querySelector(`[data-do=${name}]`).addEventListener("click", action);
  press("in", () => zoomBy(2));
  press("out", () => zoomBy(1 / 2));
  press("whole", whole);
  const layers = [...root.querySelectorAll("[data-layer-name]")];
  for (const button of layers) {
    button.addEventListener("click", () => {
      heat = button.dataset.layerName === "heat";
      for (const other of layers) other.setAttribute("aria-pressed", String(other === button));
      draw();
    });
  }

  function resize() {
    const box = canvas.getBoundingClientRect();
    [width, height, ratio] = [box.width, box.height, Math.min(3, devicePixelRatio || 1)];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    go(at);
  }
  dark.addEventListener("change", () => {
    colours = readColours(root);
    draw();
  });

  root.classList.add("live");
  for (const hidden of root.querySelectorAll(".tools, canvas")) hidden.hidden = false;
  new ResizeObserver(resize).observe(canvas);
  resize();
  paint();
})();
