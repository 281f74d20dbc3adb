// One country's pictures at a time, chosen from a list; without a script all stand one below another.

/** Shows the pictures of one country and goes there. */
function showGroup(group) {
  const list = document.querySelector("#country-choice select");
  list.value = group.id;
  list.dispatchEvent(new Event("change"));
  document.getElementById("samples").scrollIntoView();
}

(() => {
  const choice = document.getElementById("country-choice");
  if (!choice) return;
  const list = choice.querySelector("select");
  const groups = [...document.querySelectorAll("#samples .group")];
  const show = () => {
    for (const group of groups) {
      group.hidden = group.id !== list.value;
      group.open = !group.hidden;
    }
  };
  const step = (by) => {
    list.selectedIndex = (list.selectedIndex + by + groups.length) % groups.length;
    show();
  };
  list.addEventListener("change", show);
  choice.querySelector("[data-step='-1']").addEventListener("click", () => step(-1));
  choice.querySelector("[data-step='1']").addEventListener("click", () => step(1));
  choice.hidden = false;
  document.getElementById("samples").classList.add("one");
  show();
})();
