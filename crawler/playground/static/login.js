// Keeps the page that was asked for, and says when the last attempt failed.
document.querySelector("form").action = location.pathname + location.search;
document.querySelector(".warning").hidden = !new URLSearchParams(location.search).has("failed");
