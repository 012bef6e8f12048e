import { $, ago, chip, clock, count, get, listen, make, note, post } from "./common.js";

const LIMIT = 100;
const HEADS = [["device", "Node"], ["state", "State"], ["last", "Last message", "right"], ["signal", "Signal", "right wide"], ["rtt", "Ping", "right wide"], ["backlog", "Backlog", "right"],
  ["missing", "Missing", "right"], ["resets", "Resets", "right wide"], ["messages", "Messages", "right wide"], ["", "Latest", "wide"]];
const asked = new URLSearchParams(location.search);
const view = { q: asked.get("q") || "", state: asked.get("state") || "", sort: asked.get("sort") || "state", order: asked.get("order") || "", offset: 0, limit: LIMIT };
let source, total = 0, summary = null, before = null;

function open() {
  if (source) source.close();
  const parameters = new URLSearchParams(Object.entries(view).filter(([, value]) => value !== ""));
  source = listen("/live/fleet?" + parameters, { summary: showSummary, nodes: showNodes });
}

function show(changes) {
  Object.assign(view, { offset: 0 }, changes);
  const kept = new URLSearchParams(["q", "state", "sort", "order"].filter(name => view[name]).map(name => [name, view[name]]));
  history.replaceState(null, "", kept.size ? "?" + kept : "/");
  heads();
  open();
}

function tile(name, label, value, state) {
  if (!value) name += " none";
  const body = [make("b", {}, count(value)), make("span", { class: "dim" }, label)];
  return state === undefined ? make("div", { class: "tile " + name }, ...body)
    : make("button", { class: "tile " + name, id: "tile-" + state, "aria-pressed": view.state === state && state !== "", onclick: () => show({ state: view.state === state ? "" : state }) }, ...body);
}

function showSummary(s) {
  before = summary && summary.started_ms === s.started_ms ? summary : null;
  summary = s;
  $("trouble").hidden = s.ready;
  $("trouble").textContent = "Not collecting – " + s.why;
  $("where").textContent = `${s.broker} → ${s.database} · since ${clock(s.started_ms)}`;
  const rate = before && s.now_ms > before.now_ms ? (s.received - before.received) * 1000 / (s.now_ms - before.now_ms) : 0;
  const focus = document.activeElement && document.activeElement.id;
  $("tiles").replaceChildren(tile("online", "online", s.nodes.online, "online"), tile("offline", "offline", s.nodes.offline, "offline"),
    tile("sleeping", "sleeping", s.nodes.sleeping, "sleeping"), tile("unknown", "not yet heard", s.nodes.unknown, "unknown"), tile("alarm", "alarms", s.alarms, "alarm"),
    tile("", "messages / s", Math.round(rate)), tile("", "stored", s.stored), tile(s.missing ? "warn" : "", "missing now", s.missing),
    tile("", "recovered", s.recovered), tile(s.lag_s > 1 ? "warn" : "", "lag, s", s.lag_s), tile(s.refused ? "warn" : "", "refused", s.refused));
  if (focus && focus.startsWith("tile-") && $(focus)) $(focus).focus();
  if (!before || before.alarms !== s.alarms || before.dead_letters !== s.dead_letters || before.refused !== s.refused) panels();
}

function showNodes(found) {
  total = found.total;
  const now = summary ? summary.now_ms : Date.now();
  const last = Math.min(found.offset + found.rows.length, total);
  $("shown").textContent = total ? `${found.offset + 1}–${last} of ${total}` : "none";
  $("empty").hidden = total > 0 || view.q !== "" || view.state !== "";
  $("back").disabled = found.offset === 0;
  $("forth").disabled = last >= total;
  $("rows").replaceChildren(...found.rows.map(([device, state, , seen, signal, backlog, resets, missing, messages, rtt, alarm, value]) => make("tr", {},
    make("td", { class: "device" }, make("a", { href: "/node?id=" + encodeURIComponent(device) }, device)),
    make("td", {}, chip(state), alarm === "flapping" ? " " : null, alarm === "flapping" ? chip(alarm) : null),
    make("td", { class: "right" }, ago(seen, now)), make("td", { class: "right wide" }, signal === null ? "–" : signal + " dBm"),
    make("td", { class: "right wide" }, rtt === null ? "–" : rtt + " ms"), make("td", { class: "right" }, count(backlog)), make("td", { class: "right" }, count(missing)),
    make("td", { class: "right wide" }, count(resets)), make("td", { class: "right wide" }, count(messages)), make("td", { class: "value mono wide" }, value || ""))));
}

function heads() {
  $("heads").replaceChildren(...HEADS.map(([name, label, kind]) => {
    const down = view.sort === name && view.order === "down";
    return make("th", { class: kind, "aria-sort": view.sort === name ? (down ? "descending" : "ascending") : null }, name === "" ? label :
      make("button", { id: "sort-" + name, onclick: () => show({ sort: name, order: view.sort === name && !down ? "down" : "" }) }, label + (view.sort === name ? (down ? " ▾" : " ▴") : "")));
  }));
}

async function panels() {
  const [alarms, refused] = await Promise.all([get("/api/alarms"), get("/api/refused")]);
  $("alarms").replaceChildren(...(alarms.nodes.length ? alarms.nodes.map(a => make("tr", {}, make("td", { class: "device" }, make("a", { href: "/node?id=" + encodeURIComponent(a.device) }, a.device)),
    make("td", {}, chip(a.alarm)), make("td", {}, a.why), make("td", { class: "right dim" }, clock(a.since_ms)))) : [make("tr", {}, make("td", { class: "dim" }, "Every node that ought to be there is there."))]));
  $("again").hidden = !alarms.dead.length;
  const rows = alarms.dead.map(d => make("tr", {}, make("td", { class: "dim" }, clock(d.ms)), make("td", {}, d.hook), make("td", {}, `${d.body.device || "fleet"}: ${d.body.alarm}`), make("td", {}, d.error)))
    .concat(refused.rows.map(r => make("tr", {}, make("td", { class: "dim" }, clock(r.ms)), make("td", { class: "mono" }, r.topic), make("td", {}, r.reason), make("td", { class: "mono" }, r.head.slice(0, 60)))));
  $("dead").replaceChildren(...(rows.length ? rows : [make("tr", {}, make("td", { class: "dim" }, "Nothing."))]));
}

let typing;
$("search").value = view.q;
$("search").oninput = () => { clearTimeout(typing); typing = setTimeout(() => show({ q: $("search").value.trim() }), 250); };
$("back").onclick = () => { view.offset = Math.max(0, view.offset - LIMIT); open(); };
$("forth").onclick = () => { if (view.offset + LIMIT < total) { view.offset += LIMIT; open(); } };
$("again").onclick = async () => { const said = await post("/api/alarms/retry", {}); if (said) { note(`${said.count} on their way again`); panels(); } };
heads();
open();
