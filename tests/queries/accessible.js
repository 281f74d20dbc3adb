// What a person who sees little, or uses no pointer, would stumble over on a page: a list of lines.
() => {
  const found = [];
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  // Contrast: Web Content Accessibility Guidelines 2.2, success criterion 1.4.3.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility({ checkOpacity: true })) continue;
    if (element.closest("script, style, svg, title, option")) continue;
    const style = getComputedStyle(element);
    const [one, two] = [luminance(parse(style.color)), luminance(background(element))];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) {
      found.push(`contrast ${contrast.toFixed(2)}: ${element.tagName} ${element.className} ${walker.currentNode.textContent.trim().slice(0, 40)}`);
    }
  }
  for (const element of document.querySelectorAll("button, select, canvas, input, [role=group], nav, a")) {
    const name = element.getAttribute("aria-label") || element.textContent.trim() ||
      element.labels?.[0]?.textContent || element.querySelector("img")?.alt;
    if (!name) found.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  for (const image of document.images) if (!image.hasAttribute("alt")) found.push("an image without alt");
  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.getAttribute("aria-label") && !svg.querySelector("title")) found.push(`svg.${svg.className.baseVal} without a name`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`id twice: ${id}`);
  for (const link of document.querySelectorAll("nav a")) {
    if (!document.querySelector(link.getAttribute("href"))) found.push(`leads nowhere: ${link.href}`);
  }
  // Targets of at least 24 pixels: success criterion 2.5.8.
  for (const element of document.querySelectorAll("button, select")) {
    const box = element.getBoundingClientRect();
    if (element.checkVisibility() && Math.min(box.width, box.height) < 24) found.push(`small: ${element.outerHTML.slice(0, 80)}`);
  }
  for (const element of document.querySelectorAll("*")) {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth;
    if (scrolls && element.tabIndex < 0) found.push(`scrolls, not by keyboard: ${element.className}`);
  }
  return found;
}
