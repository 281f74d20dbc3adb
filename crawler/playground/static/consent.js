// The consent banner, until it is accepted. When it comes, and which of the two usual kinds it is,
// stands in a cookie that the server set: `<page|round|never>-<milliseconds>-<onetrust|snigel>`.
const IDS = { onetrust: "onetrust-consent-sdk", snigel: "snigel-cmp-framework" };
const WORDS = { onetrust: "Accept all", snigel: "Accept" };
const cookie = (name) =>
  document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);

function show(kind) {
  if (document.getElementById(IDS[kind])) return;
  const banner = document.createElement("aside");
  banner.id = IDS[kind];
  banner.className = "consent";
  banner.innerHTML = `
    <p>This site keeps one cookie for your session and one for this answer.</p>
    <button class="primary">${WORDS[kind]}</button>`;
  banner.querySelector("button").onclick = () => {
    document.cookie = "consent=yes; path=/; max-age=31536000; SameSite=Lax";
    banner.remove();
  };
  document.body.append(banner);
}

function plan() {
  if (cookie("consent") === "yes") return;
  const [when, milliseconds, kind] = (cookie("consent_plan") ?? "page-0-onetrust").split("-");
  const later = () => setTimeout(show, Number(milliseconds), kind);
  if (when === "page") later();
  if (when === "round") document.addEventListener("round", later, { once: true });
}

plan();
