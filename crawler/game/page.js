// What the driver asks of a page: one call waits, finds and measures, so that each question costs
// one round trip. Elements come as {selector, text, exact}; nothing here changes the page.
(() => {
  const find = ({ selector }) => {
    if (!selector.startsWith("//")) return [...document.querySelectorAll(selector)];
    const found = document.evaluate(selector, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE);
    return Array.from({ length: found.snapshotLength }, (_, index) => found.snapshotItem(index));
  };
  const visible = (node) => {
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false;
    const { width, height } = node.getBoundingClientRect();
    return width > 0 && height > 0;
  };
  const says = (node, { text, exact }) => {
    if (!text) return true;
    const words = node.innerText.trim().toLowerCase(), wanted = text.toLowerCase();
    return exact ? words === wanted : words.includes(wanted);
  };
  const present = (element) =>
    document.body ? find(element).filter((node) => visible(node) && says(node, element)) : [];
  const holds = ({ any, none, path }) =>
    (!path || new RegExp(path).test(location.pathname)) &&
    (!any.length || any.some((element) => present(element).length)) &&
    !none.some((element) => present(element).length);

  async function until(seconds, look) {
    const end = performance.now() + 1000 * seconds;
    for (;;) {
      const found = look();
      if (found !== null) return found;
      if (performance.now() >= end) return null;
      await new Promise((resume) => setTimeout(resume, 20));
    }
  }

  // The share of a box that something other than `node` would receive a click on.
  const GRID = 12;
  function covered(node, { left, top, width, height }) {
    let hidden = 0;
    for (let row = 0; row < GRID; row++) {
      for (let column = 0; column < GRID; column++) {
        const x = left + ((column + 0.5) / GRID) * width, y = top + ((row + 0.5) / GRID) * height;
        if (document.elementFromPoint(x, y) !== node) hidden++;
      }
    }
    return hidden / GRID ** 2;
  }

  return {
    // The name of the first condition that holds.
    see: ([conditions, seconds]) => until(seconds, () =>
      conditions.find(holds)?.name ?? null),

    // Where to click on the last element that fits: its centre, once a click would reach it.
    locate: ([elements, seconds]) => until(seconds, () => {
      const node = elements.flatMap(present).at(-1);
      if (!node || node.disabled) return null;
      const inside = ({ left, top, right, bottom }) =>
        left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
      if (!inside(node.getBoundingClientRect())) node.scrollIntoView({ block: "center" });
      const { left, top, width, height } = node.getBoundingClientRect();
      const x = left + width / 2, y = top + height / 2;
      const hit = document.elementFromPoint(x, y);
      return hit && (node.contains(hit) || hit.contains(node)) ? { x, y } : null;
    }),

    // The box of the last element that fits, cut to the window, and how much of it is covered.
    box: ([element, seconds]) => until(seconds, () => {
      const node = present(element).at(-1);
      if (!node) return null;
      const whole = node.getBoundingClientRect();
      const left = Math.max(0, whole.left), top = Math.max(0, whole.top);
      const width = Math.min(innerWidth, whole.right) - left;
      const height = Math.min(innerHeight, whole.bottom) - top;
      if (width <= 0 || height <= 0) return null;
      const share = covered(node, { left, top, width, height });
      return { x: left, y: top, width, height, covered: share };
    }),

    // Texts and links of all elements that fit, as soon as there are `count` or more.
    read: ([element, count, seconds]) => until(seconds, () => {
      const nodes = present(element);
      if (nodes.length < count) return null;
      return nodes.map((node) => ({
        text: node.innerText.trim(),
        link: (node.closest("a") ?? node.querySelector("a"))?.href ?? "",
      }));
    }),
  };
})()
