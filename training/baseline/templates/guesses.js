// Completion of country names: a combobox for each guess (ARIA APG, list autocomplete).

(() => {
  const SHOWN = 6;
  const form = document.getElementById("guesses");
  if (!form) return;
  const button = form.querySelector("button");
  const problems = form.querySelector(".problems");
  const inputs = [...form.querySelectorAll("input[name=guess]")];
  const plain = (text) =>
    text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f'’`´]/g, "")
      .replace(/ø/g, "o").replace(/ł/g, "l").replace(/đ/g, "d").replace(/æ/g, "ae").replace(/ı/g, "i")
      .replace(/[^\p{L}\p{N}]+/gu, " ").trim().replace(/^the /, "");
  const countries = JSON.parse(document.getElementById("countries").textContent)
    .map((country) => ({ ...country, plain: plain(country.name) }));

  /** The country that a text names just so. */
  const named = (text) => {
    const wanted = plain(text);
    return wanted && countries.find((c) =>
      c.plain === wanted || c.code.toLowerCase() === wanted || c.also.includes(wanted));
  };

  /** How well a country fits what is written, and by which of its names; lower is better. */
  function fit(country, wanted) {
    if (country.plain.startsWith(wanted)) return [0, ""];
    if (` ${country.plain}`.includes(` ${wanted}`)) return [1, ""];
    const code = country.code.toLowerCase() === wanted;
    const other = country.also.find((name) => name === wanted)
      ?? country.also.find((name) => name.startsWith(wanted));
    if (code || other) return [2, code ? country.code : other];
    return country.plain.includes(wanted) ? [3, ""] : null;
  }

  function matches(input) {
    const wanted = plain(input.value);
    if (!wanted) return [];
    const taken = new Set(inputs.filter((i) => i !== input).map((i) => named(i.value)?.code));
    return countries
      .filter((country) => !taken.has(country.code))
      .map((country) => ({ country, fit: fit(country, wanted) }))
      .filter((found) => found.fit)
      .sort((a, b) => a.fit[0] - b.fit[0] || a.country.name.localeCompare(b.country.name))
      .slice(0, SHOWN);
  }

  /** What the server would refuse too, said before it is sent. */
  function check() {
    const seen = new Map();
    const found = [];
    inputs.forEach((input, at) => {
      const country = input.value.trim() && named(input.value);
      const again = country && seen.has(country.code);
      if (again) found.push(`Guess ${at + 1} names the same country as guess ${seen.get(country.code) + 1}.`);
      else if (country) seen.set(country.code, at);
      input.setAttribute("aria-invalid", String(Boolean(again)));
    });
    problems.replaceChildren(...found.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    button.disabled = found.length > 0;
  }

  inputs.forEach((input, at) => {
    const list = document.createElement("div");
    list.id = `list-${at}`;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", `Countries for guess ${at + 1}`);
    list.hidden = true;
    input.after(list);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", list.id);
    input.setAttribute("aria-expanded", "false");
    let found = [];
    let chosen = 0;

    function show() {
      found = matches(input);
      const done = found.length === 1 && found[0].country.name === input.value;
      if (done) found = [];
      chosen = Math.min(chosen, Math.max(0, found.length - 1));
      list.hidden = !found.length;
      input.setAttribute("aria-expanded", String(found.length > 0));
      list.replaceChildren(...found.map(({ country, fit: [, by] }, n) => {
        const option = document.createElement("div");
        option.id = `option-${at}-${n}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", String(n === chosen));
        option.append(country.name);
        if (by) option.append(Object.assign(document.createElement("small"), { textContent: by }));
        // Before the focus leaves the field, which would close the list.
        option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(n); });
        return option;
      }));
      if (found.length) input.setAttribute("aria-activedescendant", `option-${at}-${chosen}`);
      else input.removeAttribute("aria-activedescendant");
    }

    function hide() {
      found = [];
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function take(n) {
      input.value = found[n].country.name;
      hide();
      check();
      onward();
    }

    const onward = () => (inputs.find((i) => !i.value.trim()) ?? button).focus();

    input.addEventListener("input", () => { chosen = 0; show(); check(); });
    input.addEventListener("blur", () => {
      const country = named(input.value);
      if (country) input.value = country.name;
      hide();
      check();
    });
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) {
        chosen = (chosen + step + found.length) % found.length;
        show();
      } else if (event.key === "Escape") {
        hide();
      } else if (event.key === "Enter") {
        if (found.length) take(chosen);
        else if (inputs.every((i) => i.value.trim())) return;
        else onward();
      } else if (event.key === "Tab" && !event.shiftKey && found.length) {
        take(chosen);
      } else return;
      event.preventDefault();
    });
  });
})();
