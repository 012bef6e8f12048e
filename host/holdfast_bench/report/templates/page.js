"use strict";
// Draws the time line of one run from the data in this page: lanes on a common time axis, zoom, pointer, log.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg", END = Math.max(data.end, 1), CLOSEST = 50;
const chart = $("chart"), overview = $("overview");
let view = [0, END], pointer = null, brush = null;

function el(name, attrs, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const key in attrs) node.setAttribute(key, attrs[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
const seconds = (t, digits) => (t / 1000).toFixed(digits === undefined ? (view[1] - view[0] < 4000 ? 2 : 1) : digits) + " s";

// --- layout: which lane stands where ---------------------------------------------------------------------------------
const TOP = 24, LABEL = 15, GAP = 9, H = { fault: 23, state: 25, queue: 66, flights: 104, traffic: 46, rtt: 44, rssi: 34 };
const DETAIL = data.boards.length > 3;  // of many boards the first lanes only, until somebody asks for more

function rowsOfFaults() {
  const ends = [], roomForName = data.faults.length > 7 ? .16 : Infinity;  // a few get a row each
  for (const f of data.faults) {
    const until = Math.max(f.t1, f.t0) + END * roomForName;
    let row = ends.findIndex(e => e <= f.t0);
    if (row < 0) row = ends.push(0) - 1;
    ends[row] = until;
    f.row = row;
  }
  return ends.length;
}
const faultRows = rowsOfFaults();

function layout() {
  let y = TOP;
  const lanes = [];
  const add = (kind, label, height, board) => { lanes.push({ kind, label, board, y: y + LABEL, h: height }); y += LABEL + height + GAP; };
  if (faultRows) add("faults", "faults", faultRows * (H.fault + 3));
  for (const board of data.boards) {
    const of = data.boards.length > 1 ? board.name + ": " : "";
    add("state", of + "connection", H.state, board);
    add("queue", of + "waiting on the board (messages)", H.queue, board);
    add("flights", of + "each message: handed over → at the broker", H.flights, board);
    if (DETAIL) continue;
    if (board.traffic.sent.length) add("traffic", of + `messages sent (up) and acknowledged (down) in ${board.traffic.every / 1000} s`, H.traffic, board);
    if (board.rtt.length) add("rtt", of + "round trip of a message (ms)", H.rtt, board);
    if (board.rssi.length) add("rssi", of + "signal (dBm)", H.rssi, board);
  }
  return { lanes, height: y };
}
const plan = layout();

// --- drawing -----------------------------------------------------------------------------------------------------------
let width = 800;
const x = t => (t - view[0]) / (view[1] - view[0]) * width;
const timeAt = px => view[0] + px / width * (view[1] - view[0]);
const seen = (t0, t1) => t1 >= view[0] && t0 <= view[1];

function step(span, wanted) {
  const raw = span / wanted, power = Math.pow(10, Math.floor(Math.log10(raw)));
  return [1, 2, 5, 10].map(m => m * power).find(s => s >= raw);
}

function draw() {
  width = Math.max(chart.clientWidth, 200);
  const svg = el("svg", { height: plan.height, viewBox: `0 0 ${width} ${plan.height}` });
  axis(svg);
  for (const f of data.faults) if (!f.momentary && seen(f.t0, f.t1))
    el("rect", { class: "shade", x: x(f.t0), width: Math.max(x(f.t1) - x(f.t0), 1), y: TOP, height: plan.height - TOP }, svg);
  for (const lane of plan.lanes) {
    el("text", { class: "lane", x: 2, y: lane.y - 4 }, svg, lane.label);
    ({ faults, state: states, queue, flights, traffic, rtt, rssi })[lane.kind](svg, lane);
  }
  for (const board of data.boards) marks(svg, board);
  findings(svg);
  if (data.cut !== null && seen(data.cut, data.cut)) {
    el("line", { class: "cut", x1: x(data.cut), x2: x(data.cut), y1: TOP, y2: plan.height }, svg);
    el("title", {}, svg.lastChild, "what is handed over after this line does not count: the run is over, the rest is draining");
  }
  for (const e of data.expects) if (seen(e.t, e.t)) {
    const node = el("path", { class: "expect" + (e.ok ? "" : " missed"), d: `M${x(e.t)} ${TOP - 1}l-4.5 -8h9z` }, svg);
    el("title", {}, node, (e.ok ? "✓ " : "✗ missed: ") + e.what + " (" + seconds(e.t, 1) + ")");
  }
  if (pointer !== null) el("line", { class: "cursor", x1: x(pointer), x2: x(pointer), y1: TOP, y2: plan.height }, svg);
  if (brush) el("rect", { class: "brush", x: Math.min(brush[0], brush[1]), width: Math.abs(brush[1] - brush[0]), y: TOP, height: plan.height - TOP }, svg);
  chart.querySelector("svg")?.remove();
  chart.prepend(svg);
  $("window").textContent = `${seconds(view[0])} – ${seconds(view[1])} of ${seconds(END, 1)}`;
  drawOverview();
}

function axis(svg) {
  const every = step(view[1] - view[0], Math.max(width / 95, 3));
  for (let t = Math.ceil(view[0] / every) * every; t <= view[1]; t += every) {
    el("line", { class: "grid", x1: x(t), x2: x(t), y1: TOP, y2: plan.height }, svg);
    const text = +(t / 1000).toFixed(3) + " s";
    if (x(t) > 12 && x(t) < width - 22) el("text", { class: "tick", x: x(t), y: 11, "text-anchor": "middle" }, svg, text);
  }
}

function faults(svg, lane) {
  for (const f of data.faults) {
    const until = f.momentary ? f.t0 : f.t1;
    if (!seen(f.t0, until)) continue;
    const y = lane.y + f.row * (H.fault + 3), left = x(f.t0), w = f.momentary ? 0 : Math.max(x(until) - left, 3);
    const node = f.momentary ? el("path", { class: "fault", style: "fill-opacity:1", d: `M${left} ${y + 3}l8 ${H.fault / 2 - 3}l-8 ${H.fault / 2 - 3}z` }, svg)
                             : el("rect", { class: "fault", x: left, y, width: w, height: H.fault, rx: 5 }, svg);
    el("title", {}, node, `${f.id} (${f.fault}): ${seconds(f.t0, 1)}${f.momentary ? "" : " – " + seconds(f.t1, 1)}${f.effect ? "\n" + f.effect : ""}`);
    // The name stands inside its bar where it fits, else beside it, else shortened.
    const long = f.id === f.fault ? f.id : `${f.id}: ${f.fault}`, fits = (name, room) => room > name.length * 7 + 14;
    const inside = f.momentary ? 0 : Math.min(x(until), width) - Math.max(left, 0), beside = f.momentary ? left + 5 : Math.min(x(until), width);
    const write = (text, at, anchor) => el("text", { class: "faultname", x: at, y: y + H.fault / 2 + 4.5, "text-anchor": anchor }, svg, text);
    if (fits(long, inside)) write(long, Math.max(left, 0) + 8, "start");
    else if (fits(long, width - beside)) write(long, beside + 7, "start");
    else if (fits(f.id, inside)) write(f.id, Math.max(left, 0) + 8, "start");
    else write(long, Math.max(left, 0) - 7, "end");
  }
}

function states(svg, lane) {
  for (const s of lane.board.states) {
    if (!seen(s.t0, s.t1)) continue;
    const left = Math.max(x(s.t0), -2), right = Math.min(x(s.t1), width + 2), w = Math.max(right - left, 1);
    const node = el("rect", { class: "seg-" + s.state, x: left, y: lane.y, width: w, height: lane.h, rx: w > 6 ? 4 : 0 }, svg);
    el("title", {}, node, `${s.state}${s.why ? " (" + s.why + ")" : ""}: ${seconds(s.t0, 2)} – ${seconds(s.t1, 2)}`);
    if (w > s.state.length * 7 + 8) el("text", { class: "segname", x: left + w / 2, y: lane.y + lane.h / 2 + 4, "text-anchor": "middle" }, svg, s.state);
  }
}

const depthAt = (steps, t) => { let low = 0, high = steps.length; while (low < high) { const mid = (low + high) >> 1; steps[mid][0] <= t ? low = mid + 1 : high = mid; } return low ? steps[low - 1][1] : 0; };

function queue(svg, lane) {
  const steps = lane.board.queue, top = Math.max(4, ...steps.map(s => s[1])), y = d => lane.y + lane.h - d / top * (lane.h - 6);
  const inView = steps.filter(s => s[0] > view[0] && s[0] < view[1]);
  let d = `M0 ${y(0)}V${y(depthAt(steps, view[0]))}`;
  for (const [t, depth] of inView) d += `H${x(t).toFixed(1)}V${y(depth).toFixed(1)}`;
  el("path", { class: "queue", d: d + `H${Math.min(x(END), width)}V${y(0)}` }, svg);
  el("line", { class: "base", x1: 0, x2: width, y1: lane.y + lane.h, y2: lane.y + lane.h }, svg);
  const most = inView.reduce((a, s) => s[1] > a[1] ? s : a, [view[0], depthAt(steps, view[0])]);
  if (most[1] > 3) el("text", { class: "tick", x: Math.min(Math.max(x(most[0]), 12), width - 14), y: y(most[1]) - 3, "text-anchor": "middle" }, svg, most[1]);
}

function flights(svg, lane) {
  const above = lane.y + 5, below = lane.y + lane.h - 5, paths = {}, close = width / (view[1] - view[0]) > .06;
  for (const [handed, arrived, key, kind] of lane.board.messages) {
    const until = arrived === null ? handed : arrived;
    if (!seen(handed, until)) continue;
    const a = x(handed).toFixed(1);
    let d;
    if (arrived !== null) d = `M${a} ${above}L${x(arrived).toFixed(1)} ${below}`;
    else if (kind === "lost") d = `M${a} ${above}v${lane.h * .55}m-4 -4l8 8m0 -8l-8 8`;
    else d = `M${a} ${above}v${lane.h * .4}`;
    paths[kind] = (paths[kind] || "") + d + (close ? `M${a} ${above - 3}v6` + (arrived !== null ? `M${x(arrived).toFixed(1)} ${below - 3}v6` : "") : "");
  }
  el("line", { class: "base", x1: 0, x2: width, y1: above, y2: above }, svg);
  el("line", { class: "base", x1: 0, x2: width, y1: below, y2: below }, svg);
  for (const kind of ["", "beyond", "dropped", "dup", "lost"]) if (paths[kind]) el("path", { class: "flight " + kind, d: paths[kind] }, svg);
  const names = { lost: "lost", dropped: "reported dropped", beyond: "beyond the promise", dup: "arrived twice" };
  let at = width - 2;
  if (width > 480) for (const kind of ["lost", "dropped", "beyond", "dup"]) if (paths[kind]) {
    el("text", { class: "lane", x: at, y: lane.y - 4, "text-anchor": "end" }, svg, names[kind]);
    at -= names[kind].length * 6 + 6;
    el("path", { class: "flight " + kind, d: `M${at - 12} ${lane.y - 8}h10` }, svg);
    at -= 22;
  }
}

function traffic(svg, lane) {
  const { every, sent, acked } = lane.board.traffic, top = Math.max(1, ...sent.map(s => s[1]), ...acked.map(s => s[1]));
  const middle = lane.y + lane.h / 2, scale = (lane.h / 2 - 2) / top;
  for (const [name, bars, sign] of [["sent", sent, -1], ["acked", acked, 1]]) {
    let d = "";
    for (const [index, count] of bars) if (seen(index * every, (index + 1) * every)) {
      const left = x(index * every), right = Math.max(x((index + 1) * every) - .6, left + .6);
      d += `M${left.toFixed(1)} ${middle}V${(middle + sign * count * scale).toFixed(1)}H${right.toFixed(1)}V${middle}`;
    }
    el("path", { class: "bars " + name, d }, svg);
  }
  el("line", { class: "base", x1: 0, x2: width, y1: middle, y2: middle }, svg);
  el("text", { class: "tick", x: width - 2, y: lane.y + 8, "text-anchor": "end" }, svg, top);
}

// A value over time as dots; the scale is logarithmic where the values need it, and two of them are named.
function dots(svg, lane, points, name, unit) {
  const inView = points.filter(p => seen(p[0], p[0]));
  el("line", { class: "base", x1: 0, x2: width, y1: lane.y + lane.h, y2: lane.y + lane.h }, svg);
  if (!points.length) return;
  const values = points.map(p => p[1]), low = Math.min(...values), high = Math.max(...values);
  const wide = low > 0 && high / low > 30, at = v => wide ? Math.log(v) : v, span = at(high) - at(low) || 1;
  const y = v => lane.y + lane.h - 3 - (at(v) - at(low)) / span * (lane.h - 8);
  let d = "";
  for (const [t, v] of inView) d += `M${x(t).toFixed(1)} ${y(v).toFixed(1)}h.01`;
  el("path", { class: "dots " + name, d }, svg);
  for (const v of high > low ? [high, low] : [high]) el("text", { class: "tick", x: width - 2, y: y(v) + (v === high ? 8 : 0), "text-anchor": "end" }, svg, Math.round(v) + unit);
}
function rtt(svg, lane) { dots(svg, lane, lane.board.rtt.map(([t, v]) => [t, Math.max(v, 1)]), "rtt", ""); }
function rssi(svg, lane) { dots(svg, lane, lane.board.rssi, "rssi", ""); }

// What the verdict is about stands in the chart as well: a line, and a flag that says it.
function findings(svg) {
  let free = -Infinity;
  for (const f of data.findings) if (seen(f.t, f.t)) {
    const g = el("g", { class: "found " + f.verdict }, svg);
    el("line", { x1: x(f.t), x2: x(f.t), y1: TOP - 10, y2: plan.height }, g);
    el("path", { d: `M${x(f.t)} ${TOP - 12}l5 5l-5 5l-5 -5z` }, g);
    el("title", {}, g, `${f.law}: ${f.text} (${seconds(f.t, 2)})`);
    const w = f.law.length * 6.6 + 12;
    if (x(f.t) > free && x(f.t) + w < width) { el("text", { x: x(f.t) + 8, y: TOP + 2 }, g, f.law); free = x(f.t) + w; }
  }
}

function marks(svg, board) {
  const lanes = plan.lanes.filter(l => l.board === board), top = lanes[0].y, bottom = lanes[lanes.length - 1];
  let free = -Infinity;
  for (const m of board.marks) {
    if (m.kind === "drop" || m.first || !seen(m.t, m.t)) continue;
    const node = el("line", { class: "mark " + m.kind, x1: x(m.t), x2: x(m.t), y1: top - 2, y2: bottom.y + bottom.h }, svg);
    el("title", {}, node, `${m.text} (${seconds(m.t, 2)})`);
    const name = m.kind === "bite" ? "⚡ watchdog bite" : m.text, w = name.length * 6.4 + 8;
    const beside = x(m.t) > 210;  // right of the lane's own label
    if (x(m.t) > free && x(m.t) + w < width) { el("text", { class: "markname " + m.kind, x: x(m.t) + 5, y: lanes[1].y + (beside ? -4 : 10) }, svg, name); free = x(m.t) + w; }
  }
}

function drawOverview() {
  const w = width, h = 30, ox = t => t / END * w;
  const svg = el("svg", { height: h, viewBox: `0 0 ${w} ${h}` });
  data.boards.forEach((board, i) => {
    const rowHeight = h / data.boards.length;
    for (const s of board.states) el("rect", { class: "seg-" + s.state, x: ox(s.t0), width: Math.max(ox(s.t1) - ox(s.t0), .5), y: i * rowHeight + 5, height: Math.max(rowHeight - 10, 2), opacity: .55 }, svg);
  });
  for (const f of data.faults) if (!f.momentary) el("rect", { class: "fault", x: ox(f.t0), width: Math.max(ox(f.t1) - ox(f.t0), 2), y: 1, height: h - 2, rx: 3 }, svg);
  el("rect", { class: "brush", x: ox(view[0]), width: Math.max(ox(view[1]) - ox(view[0]), 3), y: 0, height: h, rx: 4, style: "fill-opacity:.1" }, svg);
  overview.replaceChildren(svg);
}

// --- moving about ------------------------------------------------------------------------------------------------------
function look(t0, t1) {
  const span = Math.min(Math.max(t1 - t0, CLOSEST), END);
  const from = Math.min(Math.max((t0 + t1) / 2 - span / 2, 0), END - span);
  view = [from, from + span];
  if (window.history.replaceState) try { window.history.replaceState(null, "", span < END ? `#t=${Math.round(view[0])}-${Math.round(view[1])}` : "#"); } catch { /* a page inside a page */ }
  schedule();
}
const zoom = (factor, at) => { const t = at === undefined ? (view[0] + view[1]) / 2 : at; look(t - (t - view[0]) * factor, t + (view[1] - t) * factor); };
const pan = share => { const d = (view[1] - view[0]) * share; look(view[0] + d, view[1] + d); };

let waiting = false, logToo = false;
function schedule(onlyChart) {
  logToo = logToo || onlyChart !== true;
  if (waiting) return;
  waiting = true;
  const now = () => {
    if (!waiting) return;
    waiting = false;
    draw();
    if (logToo) listLog();
    logToo = false;
  };
  requestAnimationFrame(now);
  setTimeout(now, 150);  // a page that nobody looks at gets no frames, and is to be right when somebody prints it
}

$("in").onclick = () => zoom(.5);
$("out").onclick = () => zoom(2);
$("whole").onclick = chart.ondblclick = () => look(0, END);
chart.addEventListener("wheel", e => {
  if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) { e.preventDefault(); pan(e.deltaX / width); }
  else if (e.ctrlKey || e.metaKey || e.shiftKey) { e.preventDefault(); zoom(Math.pow(1.0025, e.deltaY || e.deltaX), timeAt(e.clientX - chart.getBoundingClientRect().left)); }
}, { passive: false });
chart.addEventListener("keydown", e => {
  const act = { "+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), ArrowLeft: () => pan(-.2), ArrowRight: () => pan(.2), "0": () => look(0, END), n: nextFinding }[e.key];
  if (act) { e.preventDefault(); act(); }
});

function nextFinding() {
  const later = data.findings.map(f => f.t).filter(t => t > (pointer === null ? -1 : pointer)).sort((a, b) => a - b);
  const t = later.length ? later[0] : data.findings.length ? Math.min(...data.findings.map(f => f.t)) : null;
  if (t !== null) { look(t - 3000, t + 3000); pointer = t; }
}

const fingers = new Map();
let pinch = null;
const px = e => e.clientX - chart.getBoundingClientRect().left;
chart.addEventListener("pointerdown", e => {
  fingers.set(e.pointerId, px(e));
  if (e.pointerType === "mouse") { brush = [px(e), px(e)]; chart.setPointerCapture(e.pointerId); }
  else if (fingers.size === 2) { const [a, b] = [...fingers.values()]; pinch = { a: timeAt(a), b: timeAt(b) }; }
});
chart.addEventListener("pointermove", e => {
  if (brush) brush[1] = px(e);
  else if (fingers.has(e.pointerId)) {
    const before = fingers.get(e.pointerId);
    fingers.set(e.pointerId, px(e));
    if (pinch && fingers.size === 2) {
      const [a, b] = [...fingers.values()];
      if (Math.abs(a - b) > 12) { const span = (pinch.b - pinch.a) / (b - a) * width; const from = pinch.a - a / width * span; look(from, from + span); }
    } else if (fingers.size === 1) pan((before - px(e)) / width);
  }
  point(timeAt(px(e)), px(e));
});
function lift(e) {
  fingers.delete(e.pointerId);
  pinch = null;
  if (brush) {
    const [a, b] = brush.map(timeAt).sort((p, q) => p - q);
    const wide = Math.abs(brush[1] - brush[0]) > 6;
    brush = null;
    if (wide) look(a, b); else schedule();
  }
}
chart.addEventListener("pointerup", lift);
chart.addEventListener("pointercancel", lift);
chart.addEventListener("pointerleave", () => { pointer = null; $("tip")?.remove(); schedule(); });
const drag = e => { if (e.buttons) { const t = (e.clientX - overview.getBoundingClientRect().left) / width * END, half = (view[1] - view[0]) / 2; look(t - half, t + half); } };
overview.addEventListener("pointerdown", drag);
overview.addEventListener("pointermove", drag);

// --- what was going on at one moment -------------------------------------------------------------------------------------
function point(t, at) {
  pointer = Math.min(Math.max(t, 0), END);
  let tip = $("tip");
  if (!tip) { tip = document.createElement("div"); tip.id = "tip"; chart.appendChild(tip); }
  const rows = [];
  for (const f of data.faults) if (f.momentary ? Math.abs(f.t0 - t) < (view[1] - view[0]) * .01 : f.t0 <= t && t <= f.t1) rows.push(["fault", f.id]);
  for (const b of data.boards) {
    const s = b.states.find(s => s.t0 <= t && t < s.t1), prefix = data.boards.length > 1 ? b.name + " " : "";
    if (s) rows.push([prefix + "connection", s.state + (s.why ? " (" + s.why + ")" : "")]);
    rows.push([prefix + "waiting", depthAt(b.queue, t)]);
    const near = b.messages.reduce((best, m) => Math.abs(m[0] - t) < Math.abs(best[0] - t) ? m : best, [Infinity]);
    if (near.length > 1 && Math.abs(near[0] - t) < Math.max((view[1] - view[0]) * .004, 20))
      rows.push(["message " + near[2], near[1] === null ? near[3] : "after " + seconds(near[1] - near[0], 2)]);
    const rttNear = b.rtt.reduce((best, r) => Math.abs(r[0] - t) < Math.abs(best[0] - t) ? r : best, [Infinity]);
    if (Math.abs(rttNear[0] - t) < (view[1] - view[0]) * .004) rows.push([prefix + "round trip", rttNear[1] + " ms"]);
    for (const m of b.marks) if (Math.abs(m.t - t) < (view[1] - view[0]) * .006) rows.push([prefix + m.kind, m.text]);
  }
  tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: seconds(pointer, 2) }));
  for (const [name, value] of rows) {
    const row = document.createElement("div"), strong = document.createElement("i");
    strong.textContent = value;
    row.append(name + ": ", strong);
    tip.append(row);
  }
  tip.style.top = TOP + 4 + "px";
  if (at > width / 2) { tip.style.right = width - at + 14 + "px"; tip.style.left = ""; } else { tip.style.left = at + 14 + "px"; tip.style.right = ""; }
  schedule(true);
}

// --- log of the part in view ----------------------------------------------------------------------------------------------
const ROWS = 600;
function listLog() {
  const words = $("filter").value.toLowerCase(), frequent = $("frequent").checked, texts = $("texts").checked, list = $("log"), nodes = [];
  let more = 0;
  for (const e of data.log) {
    if (e.t < view[0] || e.t > view[1] || (e.level === "frequent" && !frequent) || (e.level === "text" && !texts)) continue;
    if (words && !(e.src + " " + e.ev + " " + e.text).toLowerCase().includes(words)) continue;
    if (nodes.length >= ROWS) { more++; continue; }
    const li = document.createElement("li");
    li.className = e.level;
    for (const [tag, cls, text] of [["time", "", (e.t / 1000).toFixed(2)], ["span", "src", e.src], ["span", "ev", e.ev], ["span", "", e.text]])
      li.appendChild(Object.assign(document.createElement(tag), { className: cls, textContent: text }));
    li.onclick = () => { const half = Math.min((view[1] - view[0]) / 2, 3000); look(e.t - half, e.t + half); pointer = e.t; };
    nodes.push(li);
  }
  if (more) nodes.push(Object.assign(document.createElement("li"), { className: "more", textContent: `… and ${more} more: look closer, or filter` }));
  list.replaceChildren(...nodes);
}
for (const id of ["filter", "frequent", "texts"]) $(id).addEventListener("input", listLog);
for (const button of document.querySelectorAll("[data-at]"))
  button.onclick = () => { const t = +button.dataset.at; look(t - 3000, t + 3000); pointer = t; chart.scrollIntoView({ behavior: "smooth", block: "center" }); };

const asked = /^#t=(\d+)-(\d+)$/.exec(location.hash);
if (asked) view = [+asked[1], Math.min(Math.max(+asked[2], +asked[1] + CLOSEST), END)];
new ResizeObserver(schedule).observe(chart);
draw();
listLog();
document.documentElement.dataset.drawn = "yes";
})();
