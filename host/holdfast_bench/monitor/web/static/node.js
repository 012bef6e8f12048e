import { $, ago, chip, clock, count, get, listen, make, note, post } from "./common.js";

const id = new URLSearchParams(location.search).get("id") || "";
const path = (what, more = "") => `/api/node${what}?id=${encodeURIComponent(id)}${more}`;
const minutes = () => Number($("span").value);
let about = null, seen = "";
document.title = id + " – Holdfast monitor";
$("name").textContent = id;

function fact(label, value) {
  return make("div", {}, make("span", {}, label), make("b", {}, String(value)));
}

function showNode(found) {
  if (!found) { $("why").textContent = "There is no node of this name."; return; }
  about = found;
  const now = Date.now();
  $("state").replaceChildren(chip(found.state), ...(found.alarm === "flapping" ? [chip("flapping")] : []));
  $("why").textContent = found.why ? `${found.why}, ${ago(found.since_ms, now)} ago`.replace("now ago", "just now") : "";
  const stream = found.streams[0];
  $("facts").replaceChildren(...[
    fact("Messages", count(found.messages)), fact("Arrived again", count(found.duplicates)), fact("Refused", count(found.refused)),
    fact("Missing now", count(found.streams.reduce((sum, s) => sum + s.missing, 0))), fact("Newest number", stream ? `${stream.top} (epoch ${stream.epoch})` : "–"),
    fact("Ping", found.rtt_ms === null ? (found.answers_pings === false ? "not answered" : "–") : found.rtt_ms + " ms"), fact("Came back", count(found.reconnects)),
    fact("First seen", clock(found.first_ms)), ...Object.entries(found.resets).map(([cause, n]) => fact("Resets: " + cause, n)),
    ...Object.entries(found.text).map(([name, value]) => fact(name, value)), ...Object.entries(found.numbers).map(([name, value]) => fact(name, count(value)))]);
  const mark = [found.state, found.streams.length, found.alarm, found.reconnects].join();
  if (mark !== seen) { seen = mark; slow(); }
}

function showMessages(rows) {
  $("messages").replaceChildren(...rows.filter(m => m.topic !== "log").map(m => make("tr", { title: `received ${clock(m.received_ms)}, ${m.size} bytes, QoS ${m.qos}, trace ${m.trace || "–"}` },
    make("td", { class: "dim" }, clock(m.sent_ms || m.received_ms).split(" ").pop()), make("td", { class: "mono" }, m.topic), make("td", { class: "mono" }, m.text.slice(0, 200)),
    make("td", { class: "right" }, m.seq === null ? "–" : m.seq, m.arrivals > 1 ? make("span", { class: "dim" }, ` ×${m.arrivals}`) : null))));
}

// Where a time axis begins: not before anything was known of the node.
const beginning = found => Math.max(found.since_ms, Math.min(found.now_ms - 60e3, about ? about.first_ms - 5e3 : 0));

// ---- time line: one band of states, marks for what happened, gaps below

function timeline(found, gaps) {
  const width = 1000, from = beginning(found), to = found.now_ms, x = ms => Math.max(0, Math.min(width, (ms - from) / (to - from) * width));
  const svg = make("svg", { viewBox: `0 0 ${width} 74`, role: "img", "aria-label": "states of the node over time" });
  let state = found.before || (about && about.first_ms > from ? null : "unknown"), since = from;
  const band = (name, a, b) => { if (name && b > a) svg.append(make("rect", { class: "s-" + name, x: x(a), y: 6, width: Math.max(0.5, x(b) - x(a)), height: 22, rx: 2 }, make("title", {}, `${name}: ${clock(a)} – ${clock(b)}`))); };
  for (const e of found.events) {
    if (e.kind !== "presence") continue;
    band(state, since, e.ms);
    state = e.detail.split(":")[0];
    since = e.ms;
  }
  if (!found.events.some(e => e.kind === "presence") && about) state = about.state;
  band(state, since, to);
  for (const e of found.events.filter(e => ["reset", "alarm", "epoch", "command", "gone"].includes(e.kind)))
    svg.append(make("line", { class: "mark " + e.kind, x1: x(e.ms), x2: x(e.ms), y1: 2, y2: 34 }, make("title", {}, `${clock(e.ms)} ${e.kind}: ${e.detail}`)));
  for (const g of gaps) {
    const end = g.closed_ms || to;
    if (end >= from) svg.append(make("rect", { class: g.closed_ms ? (g.gone ? "s-offline" : "s-online") : "s-unknown", x: x(g.opened_ms), y: 38, width: Math.max(3, x(end) - x(g.opened_ms)), height: 10, rx: 2 },
      make("title", {}, `gap ${g.first}–${g.last}: ${g.state}`)));
  }
  svg.append(make("line", { class: "axis", x1: 0, x2: width, y1: 54, y2: 54 }));
  for (let i = 0; i <= 5; i++) {
    const at = from + (to - from) * i / 5;
    const text = to - from > 2 * 86400e3 ? new Date(at).toLocaleDateString() : new Date(at).toLocaleTimeString(undefined, { hour12: false, hour: "2-digit", minute: "2-digit" });
    svg.append(make("text", { x: x(at), y: 69, "text-anchor": i === 0 ? "start" : i === 5 ? "end" : "middle" }, text));
  }
  $("line").replaceChildren(svg);
  $("legend").textContent = "band: state · strokes: resets, alarms, commands · below: gaps";
}

// ---- plots: one per series, the same time axis

function plot(series, from, to) {
  const width = 600, height = 120, values = series.points.map(p => p[1]);
  let low = Math.min(...values), high = Math.max(...values);
  if (low === high) { low -= 1; high += 1; }
  const x = ms => (ms - from) / (to - from) * width, y = v => height - 6 - (v - low) / (high - low) * (height - 12);
  let d = "", last = null;
  const wide = (to - from) / 40;     // a hole in time is a hole in the line
  for (const [ms, v] of series.points) { d += (last === null || ms - last > wide ? "M" : "L") + x(ms).toFixed(1) + " " + y(v).toFixed(1); last = ms; }
  if (series.points.length === 1) d += "h2";
  const now = make("b", {}, count(values[values.length - 1]));
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", height: 120, role: "img", "aria-label": series.name },
    make("line", { class: "axis", x1: 0, x2: width, y1: height - 1, y2: height - 1 }), make("path", { d }));
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), at = from + (event.clientX - box.left) / box.width * (to - from);
    const near = series.points.reduce((best, p) => Math.abs(p[0] - at) < Math.abs(best[0] - at) ? p : best);
    now.textContent = `${count(near[1])} at ${clock(near[0])}`;
  });
  svg.addEventListener("pointerleave", () => { now.textContent = count(values[values.length - 1]); });
  return make("div", { class: "plot" }, make("h3", {}, make("span", {}, series.name), now), svg, make("span", { class: "dim" }, `${count(low)} … ${count(high)}`));
}

// A line of a node's log: its own fields where they are as usual, the text as it is otherwise.
function line(text) {
  let said;
  try { said = JSON.parse(text); } catch { said = null; }
  if (said === null || typeof said !== "object" || Array.isArray(said)) return [make("td", { colspan: 3, class: "mono" }, text)];
  const { lvl, svc, ev, at, ...rest } = said;
  return [make("td", { class: "level-" + lvl }, lvl || "–"), make("td", {}, [svc, ev].filter(Boolean).join(" / ")),
    make("td", { class: "mono" }, Object.entries(rest).map(([name, value]) => name === "msg" ? String(value) : `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join("  "))];
}

async function slow() {
  const span = `&minutes=${minutes()}`;
  try {
    const [events, series, gaps, log] = await Promise.all([get(path("/events", span)), get(path("/series", span)), get(path("/gaps")), get(path("/messages", "&topic=log&limit=100"))]);
    timeline(events, gaps.rows);
    $("plots").replaceChildren(...(series.series.length ? series.series.map(s => plot(s, beginning(series), series.now_ms)) : [make("span", { class: "dim" }, "No numbers in this time.")]));
    $("events").replaceChildren(...events.events.slice().reverse().map(e => make("tr", {}, make("td", { class: "dim" }, clock(e.ms)), make("td", {}, e.kind), make("td", {}, e.detail))));
    $("gaps").replaceChildren(...(gaps.rows.length ? gaps.rows.map(g => make("tr", {}, make("td", { class: "dim" }, clock(g.opened_ms)), make("td", {}, `${g.first}–${g.last}`), make("td", {}, chip(g.state), g.asked ? ` asked ×${g.asked}` : ""),
      make("td", { class: "right" }, g.recovered), make("td", { class: "right" }, g.gone), make("td", { class: "mono" }, g.missing.slice(0, 60)))) : [make("tr", {}, make("td", { class: "dim", colspan: 6 }, "Nothing is or was missing."))]));
    $("log").replaceChildren(...(log.rows.length ? log.rows.map(m => make("tr", {}, make("td", { class: "dim" }, clock(m.sent_ms || m.received_ms)), ...line(m.text))) : [make("tr", {}, make("td", { class: "dim" }, "It has sent none."))]));
  } catch (error) { note(error.message); }
}

function ask(title, text, area) {
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-area").hidden = area === undefined;
  $("ask-area").value = area || "";
  $("ask").returnValue = "no";
  $("ask").showModal();
  return new Promise(done => $("ask").addEventListener("close", () => done($("ask").returnValue === "yes"), { once: true }));
}

$("ping").onclick = async () => { if (await post("/api/node/ping", { id })) note("Ping sent"); };
$("resend").onclick = async () => { const said = await post("/api/node/resend", { id }); if (said) { note(said.missing ? `Asked for ${said.missing} messages` : "Nothing is missing"); setTimeout(slow, 1500); } };
$("restart").onclick = async () => { if (await ask("Restart the node?", "Messages it holds in RTC memory survive that.") && await post("/api/node/restart", { id })) { note("Restart sent"); setTimeout(slow, 1500); } };
$("config").onclick = async () => {
  if (!await ask("Change settings", "Only what is to change, as JSON. The node checks it and goes back by itself if it cannot connect with it.", "{\n  \"keepalive_s\": 30\n}")) return;
  let set;
  try { set = JSON.parse($("ask-area").value); } catch (error) { note("This is not JSON: " + error.message); return; }
  if (await post("/api/node/config", { id, set })) { note("Settings sent"); setTimeout(slow, 1500); }
};
$("span").onchange = slow;
listen("/live/node?id=" + encodeURIComponent(id), { node: showNode, messages: showMessages });
setInterval(() => { if (!document.hidden) slow(); }, 5000);
slow();
