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

  const inside = ({ left, top, right, bottom }) =>
    left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;

  // The centre of a node that a click there would reach, else null.
  function reachable(node) {
    if (!node || node.disabled) return null;
    if (!inside(node.getBoundingClientRect())) node.scrollIntoView({ block: "center" });
    const { left, top, width, height } = node.getBoundingClientRect();
    const x = left + width / 2, y = top + height / 2;
    const hit = document.elementFromPoint(x, y);
    return hit && (node.contains(hit) || hit.contains(node)) ? { x, y } : null;
  }

  return {
    // The name of the first condition that holds, once all of the page is there to be judged.
    see: ([conditions, seconds]) => until(seconds, () =>
      document.readyState === "loading" ? null : conditions.find(holds)?.name ?? null),

    // Where to click: the centre of the last node that fits the first of the elements that a
    // click would reach, and which of them that is.
    locate: ([elements, seconds]) => until(seconds, () => {
      for (const [index, element] of elements.entries()) {
        const place = reachable(present(element).at(-1));
        if (place) return { ...place, index };
      }
      return null;
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

    // All that a match's page tells at the end of a round, in one look.
    verdict: ([[label, sentence, link, others, players], seconds]) => until(seconds, () => {
      const number = present(label).at(-1);
      const words = present(sentence).at(-1)?.innerText.split("\n")
        .find((line) => line.toLowerCase().includes(sentence.text.toLowerCase()));
      if (!words || !number) return null;
      const flags = present(others).at(-1)?.parentElement.querySelectorAll("img[alt]") ?? [];
      return {
        label: number.innerText.trim(),
        sentence: words.trim(),
        link: find(link).at(-1)?.href ?? "",
        guesses: [...flags].map((flag) => flag.alt),
        players: new Set(find(players).map((node) => node.getAttribute("href"))).size,
      };
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
