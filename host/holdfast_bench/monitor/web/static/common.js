// What every page of the monitor needs. Nothing from a node is ever put in as HTML: only as text.
export const $ = id => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "rect", "line", "text", "g", "title"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

export const count = n => n === null || n === undefined ? "–" : n >= 1e6 ? (n / 1e6).toFixed(2) + " M" : n >= 1e5 ? Math.round(n / 1e3) + " k" : String(Math.round(n * 100) / 100);

export function ago(ms, now) {
  if (!ms) return "–";
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 2) return "now";
  if (s < 120) return s + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " d";
}

export const clock = ms => ms ? new Date(ms).toLocaleString(undefined, { hour12: false, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }) : "–";
export const chip = state => make("span", { class: "chip " + state }, state);

export async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (answer.status === 401) location.href = "/login?to=" + encodeURIComponent(location.pathname + location.search);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || answer.statusText);
  return answer.json();
}

let hide;
export function note(text) {
  $("note").textContent = text;
  $("note").hidden = false;
  clearTimeout(hide);
  hide = setTimeout(() => { $("note").hidden = true; }, 5000);
}

// Asks for the token where the server wants one, then sends the same again.
export async function post(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (answer.status === 401) {
    if (!await logIn()) return null;
    return post(path, body);
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) { note(said.error || answer.statusText); return null; }
  return said;
}

function logIn() {
  return new Promise(done => {
    const token = make("input", { type: "password", id: "token", autocomplete: "off", placeholder: "token" });
    const wrong = make("p", { class: "dim" }, "It is in the file that the monitor names when it starts.");
    const dialog = make("dialog", {}, make("form", { method: "dialog", onsubmit: async event => {
      if (event.submitter && event.submitter.value === "no") { done(false); return; }
      event.preventDefault();
      const answer = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: token.value.trim() }) });
      if (answer.ok) { dialog.close(); done(true); } else { wrong.textContent = "This is not the token."; token.select(); }
    } }, make("h2", {}, "A token is needed for that"), token, wrong, make("div", { class: "bar" },
      make("button", { class: "btn main", id: "token-ok" }, "Go on"), make("button", { class: "btn", value: "no" }, "Cancel"))));
    dialog.addEventListener("close", () => { dialog.remove(); done(false); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// One stream of server-sent events; the browser reconnects by itself. Says when it is broken for longer.
export function listen(path, handlers) {
  const source = new EventSource(path);
  for (const [name, fn] of Object.entries(handlers)) source.addEventListener(name, event => { $("cut").hidden = true; fn(JSON.parse(event.data)); });
  source.onerror = () => { $("cut").hidden = false; };
  source.onopen = () => { $("cut").hidden = true; };
  return source;
}
