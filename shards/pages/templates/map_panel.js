// What a click on the map shows: counts and a few pictures. Text from data is set as text only.

const PANEL_PICTURES = 6;
const PANEL_COUNTRIES = 6;

/** One picture of each country, then the second of each, and so on. */
function fromManyCountries(pictures, points) {
  const seen = new Map();
  const ranked = pictures.map((picture) => {
    const country = points.country[picture[1]];
    seen.set(country, (seen.get(country) ?? -1) + 1);
    return [seen.get(country), picture];
  });
  return ranked.sort((a, b) => a[0] - b[0]).map(([, picture]) => picture);
}

/** The browser's own name of a country that the dataset does not name. */
function regionName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "region" }).of(code);
  } catch {
    return code;
  }
}

/** `pictures` are [number, point]; the picture itself stands in the page as #p<number>. */
function makePanel(element, { countries, pictures }, points) {
  const total = countries.reduce((sum, [, , samples]) => sum + samples, 0);
  const name = (index) => (index === NO_COUNTRY ? "no country" : countries[index][1]);
  const samplesText = (count) => `${count.toLocaleString("en")} sample${count === 1 ? "" : "s"}`;

  const make = (tag, text, attributes = {}) => {
    const made = Object.assign(document.createElement(tag), attributes);
    if (text) made.textContent = text;
    return made;
  };

  const figures = (chosen) => {
    const grid = make("div", "", { className: "grid" });
    for (const [number] of fromManyCountries(chosen, points).slice(0, PANEL_PICTURES)) {
      const figure = document.getElementById(`p${number}`)?.cloneNode(true);
      if (!figure) continue;
      figure.removeAttribute("id");
      for (const image of figure.querySelectorAll("img")) image.loading = "eager";
      grid.append(figure);
    }
    return grid;
  };

  const show = (title, lines, chosen, actions) => {
    const heading = make("h3", title);
    const close = make("button", "×", { className: "close", type: "button", onclick: hide });
    close.setAttribute("aria-label", "Close");
    const buttons = make("p", "", { className: "actions" });
    for (const [text, onclick] of actions) buttons.append(make("button", text, { type: "button", onclick }));
    element.replaceChildren(close, heading, ...lines.map((line) => make("p", line, { className: "note" })));
    if (chosen.length) element.append(figures(chosen));
    if (actions.length) element.append(buttons);
    element.hidden = false;
  };

  function hide() {
    element.hidden = true;
    element.dispatchEvent(new Event("closed"));
  }

  const countriesText = (shares) => {
    if (shares.length === 1) return name(shares[0][0]);
    const listed = shares.slice(0, PANEL_COUNTRIES);
    const texts = listed.map(([country, samples]) => `${name(country)} ${samples.toLocaleString("en")}`);
    const more = shares.length - listed.length;
    return texts.join(", ") + (more ? ` and ${more} more` : "");
  };

  const within = (cluster) => ([, point]) =>
    cluster.ranges.some(([from, to]) => from <= point && point < to);

  return {
    hide,
    cluster(cluster, zoom) {
      const [lat, lon] = placeOf(cluster.x, cluster.y);
      const around = `around ${lat.toFixed(4)}, ${lon.toFixed(4)}`;
      const lines = [countriesText(clusterCountries(points, cluster)), around];
      show(samplesText(cluster.samples), lines, pictures.filter(within(cluster)), zoom ? [["Zoom in", zoom]] : []);
    },
    country(code, zoom) {
      const index = countries.findIndex(([other]) => other === code);
      if (index < 0) return show(regionName(code), ["no samples"], [], [["Zoom in", zoom]]);
      const [, title, samples] = countries[index];
      const share = ((100 * samples) / total).toFixed(1);
      const line = `${samplesText(samples)}, ${share} %, number ${index + 1} of ${countries.length} countries`;
      const own = pictures.filter(([, point]) => points.country[point] === index);
      const group = document.getElementById(`samples-${code}`);
      const all = ["All its pictures", () => showGroup(group)];
      return show(title, [line], own, [["Zoom in", zoom], ...(group ? [all] : [])]);
    },
  };
}
