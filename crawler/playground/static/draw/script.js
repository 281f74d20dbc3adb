// Writing that is no writing: strokes with the look of a script, so that no font is needed and the
// picture is the same on every machine. A glyph fills the unit square; y points down.

const bar = (x, y, w, h) => ({ bar: [x, y, w, h] });
const ring = (x, y, r, from = 0, to = 6.3) => ({ ring: [x, y, r, from, to] });

const SCRIPTS = {
  latin: (r) => r.one([
    [bar(0.1, 0, 0.2, 1), ring(0.55, 0.65, 0.3)], [bar(0.1, 0.3, 0.2, 0.7), bar(0.6, 0.3, 0.2, 0.7)],
    [ring(0.5, 0.65, 0.32)], [bar(0.4, 0, 0.2, 1)], [ring(0.5, 0.65, 0.32), bar(0.2, 0.6, 0.6, 0.12)],
    [bar(0.1, 0.3, 0.2, 0.7), ring(0.5, 0.5, 0.25, 3.1, 6.3)],
  ]),
  cyrillic: (r) => r.one([
    [bar(0.05, 0.1, 0.2, 0.9), bar(0.7, 0.1, 0.2, 0.9), bar(0.05, 0.5, 0.8, 0.14)],
    [bar(0.05, 0.1, 0.2, 0.9), bar(0.7, 0.1, 0.2, 0.9), bar(0.05, 0.1, 0.8, 0.14)],
    [bar(0.05, 0.1, 0.16, 0.9), bar(0.42, 0.1, 0.16, 0.9), bar(0.8, 0.1, 0.16, 0.9), bar(0, 0.88, 1, 0.13)],
    [bar(0.1, 0.1, 0.2, 0.9), ring(0.45, 0.7, 0.25)], [bar(0.1, 0.1, 0.75, 0.14), bar(0.1, 0.1, 0.2, 0.9)],
  ]),
  greek: (r) => r.one([
    [ring(0.5, 0.6, 0.36), bar(0.43, 0, 0.13, 1.2)], [ring(0.4, 0.6, 0.32), bar(0.75, 0.25, 0.15, 0.75)],
    [bar(0.1, 0.15, 0.8, 0.14), bar(0.2, 0.15, 0.16, 0.85), bar(0.65, 0.15, 0.16, 0.85)],
    [bar(0, 0.86, 1, 0.14), ring(0.5, 0.5, 0.4, 3.3, 6.1)],
  ]),
  arabic: (r) => [
    bar(-0.15, 0.62, 1.3, 0.14),
    ...r.one([
      [ring(0.5, 0.5, 0.25, 3, 6.4)], [bar(0.5, 0, 0.16, 0.7)],
      [ring(0.5, 0.85, 0.3, 0, 3.2), bar(0.45, 1.25, 0.14, 0.12)], [bar(0.35, 0.3, 0.14, 0.13), bar(0.6, 0.3, 0.14, 0.13)],
    ]),
  ],
  hebrew: (r) => r.one([
    [bar(0.05, 0.15, 0.85, 0.17), bar(0.7, 0.15, 0.2, 0.85)], [bar(0.05, 0.15, 0.85, 0.17), bar(0.7, 0.15, 0.2, 0.85), bar(0.05, 0.83, 0.85, 0.17)],
    [bar(0.4, 0.15, 0.2, 0.85)], [bar(0.1, 0.4, 0.2, 0.6), bar(0.05, 0.15, 0.85, 0.17), bar(0.7, 0.15, 0.2, 0.85)],
  ]),
  thai: (r) => [
    ring(0.2, 0.35, 0.14), bar(0.12, 0.4, 0.13, 0.6), ring(0.5, 0.5, 0.3, 3.1, 6.3), bar(0.74, 0.45, 0.13, 0.55),
    ...(r() < 0.45 ? [ring(0.6, -0.05, 0.12)] : []),
  ],
  devanagari: (r) => [
    bar(-0.15, 0.05, 1.3, 0.15), bar(0.68, 0.05, 0.15, 0.95),
    ...r.one([[ring(0.35, 0.55, 0.24)], [ring(0.3, 0.45, 0.22, 0, 4), bar(0.2, 0.65, 0.5, 0.13)], [bar(0.15, 0.5, 0.5, 0.14)]]),
  ],
  cjk: (r) => [
    bar(0.05, 0.05, 0.9, 0.1), bar(0.45, 0, 0.1, 1), bar(0.1, 0.45, 0.8, 0.1), bar(0.05, 0.88, 0.9, 0.1),
    ...(r() < 0.6 ? [bar(0.08, 0.3, 0.1, 0.65), bar(0.82, 0.3, 0.1, 0.65)] : [bar(0.15, 0.65, 0.7, 0.09)]),
  ],
  hangul: (r) => r.one([
    [ring(0.35, 0.3, 0.24), bar(0.78, 0, 0.12, 0.7), bar(0.1, 0.82, 0.75, 0.13)],
    [bar(0.1, 0.1, 0.5, 0.12), bar(0.48, 0.1, 0.12, 0.45), bar(0.78, 0, 0.12, 0.7), ring(0.45, 0.85, 0.15)],
    [bar(0.15, 0.1, 0.6, 0.12), bar(0.42, 0.1, 0.12, 0.5), bar(0, 0.6, 0.95, 0.12)],
  ]),
  round: (r) => [ring(0.45, 0.55, 0.34, r.between(0, 2), r.between(4, 6.3)), ring(0.7, 0.8, 0.18), ...(r() < 0.5 ? [bar(0.35, 0, 0.13, 0.4)] : [])],
};

// Writes about `count` glyphs from (x, y) with a height of `size`.
export function write(view, script, random, x, y, size, count, colour) {
  const { context } = view;
  context.fillStyle = colour;
  context.strokeStyle = colour;
  context.lineWidth = size * 0.15;
  for (let index = 0; index < count; index += 1) {
    for (const { bar: b, ring: c } of SCRIPTS[script](random)) {
      const left = x + index * size * 0.92;
      if (b) context.fillRect(left + b[0] * size * 0.75, y + b[1] * size, b[2] * size * 0.75, b[3] * size);
      else {
        context.beginPath();
        context.arc(left + c[0] * size * 0.75, y + c[1] * size, c[2] * size * 0.8, c[3], c[4]);
        context.stroke();
      }
    }
  }
}
