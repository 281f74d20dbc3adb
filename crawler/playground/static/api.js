// Asks the server's API. Who is signed out by now goes to the login page and comes back; who is not
// let in any more is told so by the page itself.
export async function ask(path, body) {
  const options = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  if (answer.status === 401) {
    location.assign(`/login?next=${location.pathname}`);
    return new Promise(() => {});
  }
  if (answer.status === 403) location.reload();
  const known = await answer.json();
  if (answer.ok) return known;
  const error = new Error(known.error);
  throw Object.assign(error, { status: answer.status, retryAfter: answer.headers.get("Retry-After") });
}

// Asks for a game; says on the page why there is none.
export async function start(path, problem) {
  problem.hidden = true;
  try {
    return (await ask(path, {})).id;
  } catch (error) {
    problem.textContent = error.status === 429
      ? `Rate limit reached. Try again in ${error.retryAfter} s.`
      : "The server does not answer. Try again.";
    problem.hidden = false;
    return null;
  }
}
