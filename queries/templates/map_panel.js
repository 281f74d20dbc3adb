// What a click on the map shows: counts and a few pictures. Text from data is set as text only.

const PANEL_PICTURES = 6;
const PANEL_COUNTRIES = 6;

/** `pictures` are [number, point]; the picture itself stands in the page as #p<number>. */
function makePanel(element, { countries, pictures }, points, aspect) {
  const total = countries.reduce((sum, [, , samples]) => sum + samples, 0);
  const name = (index) => (index === NO_COUNTRY ? "no country" : countries[index][1]);
  const samplesText = (count) => `${count.toLocaleString("en")} sample${count === 1 ? "" : "s"}`;

  const make = (tag, text, attributes = {}) => {
    const made = Object.assign(document.createElement(tag), attributes);
    if (text) made.textContent = text;
    return made;
  };

  const figures = (numbers) => {
    const grid = make("div", "", { className: "grid" });
    for (const number of numbers.slice(0, PANEL_PICTURES)) {
      const figure = document.getElementById(`p${number}`)?.cloneNode(true);
      if (!figure) continue;
      figure.removeAttribute("id");
      for (const image of figure.querySelectorAll("img")) image.loading = "eager";
      grid.append(figure);
    }
    return grid;
  };

  const show = (title, lines, numbers, actions) => {
    const heading = make("h3", title);
    const close = make("button", "×", { className: "close", type: "button", onclick: hide });
    close.setAttribute("aria-label", "Close");
    const buttons = make("p", "", { className: "actions" });
    for (const [text, onclick] of actions) buttons.append(make("button", text, { type: "button", onclick }));
    element.replaceChildren(close, heading, ...lines.map((line) => make("p", line, { className: "note" })));
    if (numbers.length) element.append(figures(numbers));
    if (actions.length) element.append(buttons);
    element.hidden = false;
  };

  function hide() {
    element.hidden = true;
    element.dispatchEvent(new Event("closed"));
  }

  const within = (cluster) => ([, point]) =>
    cluster.ranges.some(([from, to]) => from <= point && point < to);

  return {
    hide,
    cluster(cluster, zoom) {
      const shares = clusterCountries(points, cluster).map(([country, samples]) =>
        `${name(country)} ${samples.toLocaleString("en")}`);
      const more = shares.length - PANEL_COUNTRIES;
      const listed = shares.slice(0, PANEL_COUNTRIES).join(", ");
      const lines = [shares.length === 1 ? name(clusterCountries(points, cluster)[0][0]) : listed + (more > 0 ? ` and ${more} more` : "")];
      const [lat, lon] = placeOf(cluster.x, cluster.y, aspect);
      lines.push(`around ${lat.toFixed(4)}, ${lon.toFixed(4)}`);
      const numbers = pictures.filter(within(cluster)).map(([number]) => number);
      show(samplesText(cluster.samples), lines, numbers, zoom ? [["Zoom in", zoom]] : []);
    },
    country(code, zoom) {
      const index = countries.findIndex(([other]) => other === code);
      if (index < 0) return show(code, ["no samples"], [], [["Zoom in", zoom]]);
      const [, title, samples] = countries[index];
      const share = ((100 * samples) / total).toFixed(1);
      const line = `${samplesText(samples)}, ${share} %, number ${index + 1} of ${countries.length} countries`;
      const numbers = pictures.filter(([, point]) => points.country[point] === index).map(([number]) => number);
      const group = document.getElementById(`samples-${code}`);
      const all = ["All its pictures", () => showGroup(group)];
      return show(title, [line], numbers, [["Zoom in", zoom], ...(group ? [all] : [])]);
    },
  };
}
