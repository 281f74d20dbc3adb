// The consent banner: it comes late, by a delay that the server chose, and until it is accepted.
const cookie = (name) =>
  document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);

function show() {
  const banner = document.createElement("aside");
  banner.id = "onetrust-consent-sdk";
  banner.innerHTML = `
    <p>This site keeps one cookie for your session and one for this answer.</p>
    <button class="primary">Accept all</button>`;
  banner.querySelector("button").onclick = () => {
    document.cookie = "consent=yes; path=/; max-age=31536000; SameSite=Lax";
    banner.remove();
  };
  document.body.append(banner);
}

if (cookie("consent") !== "yes") setTimeout(show, Number(cookie("consent_delay")) || 0);
