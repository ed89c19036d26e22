const { search } = new URL(import.meta.url), token = new URLSearchParams(search).get("token");
const { clock, frequencyTicks, hertz, moment, timeTicks } = await import(`./axes.js${search}`);
const { bridged, frames, paint, strip, UNRECORDED } = await import(`./picture.js${search}`);
// the token in a header, not a cookie: in a notebook this page is of another site
const get = (path, more) => fetch(path, { headers: { Authorization: `token ${token}` }, ...more });

const $ = id => document.getElementById(id), { log2, max, min, round, abs } = Math;
const client = Array.from(crypto.getRandomValues(new Uint32Array(2)), n => n.toString(36)).join("");
const margin = { left: 62, right: 10, top: 6, bottom: 34 };
let rules, sound, which = 0, view, past = [], future = [];
let layers = [], base = [], plain = [], source = null, request, cursor = null, playing = null, wait;

// ---------- limits and coordinates
const full = () => ({ t0: 0, t1: sound.duration, f0: max(lowest(), sound.low ?? sound.sr / 512), f1: sound.high ?? sound.sr / 2 });
const stored = () => sound.cell !== undefined, zero = () => sound.zero ?? null;       // an archive; seconds since 1970 at its beginning, where that is known
const time = (t, step) => zero() === null ? clock(t, step) : moment(t, zero(), step);
const lowest = () => sound.sr / 2 ** (rules.lowest_octave + 1) * 1.0001;
// the reassigned picture, and where the ordinary spectrogram lies if it is shown as well
const beside = () => $("compare").value;
function areas() {
  const { clientWidth: w, clientHeight: h } = $("picture"), { left: x, top: y, right, bottom } = margin;
  const across = beside() === "right", down = beside() === "below";
  const one = { x, y, w: max(40, Math.floor((w - (across ? 2 : 1) * (x + right)) / (across ? 2 : 1))), h: max(40, Math.floor((h - (down ? 2 : 1) * (y + bottom)) / (down ? 2 : 1))) };
  return { picture: one, ordinary: across ? { ...one, x: one.w + 2 * x + right } : down ? { ...one, y: one.h + 2 * y + bottom } : null };
}
const area = () => areas().picture;
const linear = () => $("scale").value === "linear";
const up = f => linear() ? f : log2(f), down = u => linear() ? u : 2 ** u;      // where a frequency lies on its axis, and back
const xOf = (t, v = view, a = area()) => a.x + (t - v.t0) / (v.t1 - v.t0) * a.w;
const yOf = (f, v = view, a = area()) => a.y + a.h * (up(v.f1) - up(f)) / (up(v.f1) - up(v.f0));
const tOf = (x, v = view, a = area()) => v.t0 + (x - a.x) / a.w * (v.t1 - v.t0);
const fOf = (y, v = view, a = area()) => down(up(v.f1) - (y - a.y) / a.h * (up(v.f1) - up(v.f0)));

function fit(v) {
  const top = sound.sr / 2, low = lowest();
  let span = min(sound.duration, max(v.t1 - v.t0, (rules.shortest + 1) / sound.sr));
  const t0 = max(0, min((v.t0 + v.t1 - span) / 2, sound.duration - span));
  const least = linear() ? 2 * rules.finest * max(v.f0, low) : 2 * rules.finest;
  const height = min(up(top) - up(low), max(up(v.f1) - up(max(v.f0, low)), least));
  let middle = up(max(v.f0, low)) / 2 + up(v.f1) / 2;
  middle = max(up(low) + height / 2, min(middle, up(top) - height / 2));
  return { t0, t1: t0 + span, f0: max(low, down(middle - height / 2)), f1: min(top, down(middle + height / 2)) };
}

// ---------- drawing
const ink = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function ready(c) {
  const r = window.devicePixelRatio || 1, w = round(c.clientWidth * r), h = round(c.clientHeight * r);
  if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
  const g = c.getContext("2d");
  g.setTransform(r, 0, 0, r, 0, 0);
  return g;
}
function lay(g, layer, v, a) {
  const x0 = xOf(layer.t0, v, a), x1 = xOf(layer.t1, v, a), y0 = yOf(layer.f1, v, a), y1 = yOf(layer.f0, v, a);
  if (x1 < a.x || x0 > a.x + a.w || y1 < a.y || y0 > a.y + a.h) return;
  const c = layer.canvas, sx = c.width / (x1 - x0), sy = c.height / (y1 - y0);      // draw the visible part only: no huge scaled image
  const l = max(x0, a.x - 2 / sx), r = min(x1, a.x + a.w + 2 / sx), t = max(y0, a.y - 2 / sy), b = min(y1, a.y + a.h + 2 / sy);
  g.imageSmoothingEnabled = sx * sy > 0.02;
  g.drawImage(c, (l - x0) * sx, (t - y0) * sy, (r - l) * sx, (b - t) * sy, l, t, r - l, b - t);
}
function draw() {
  if (!view) return;
  const g = ready($("picture")), W = $("picture").clientWidth, H = $("picture").clientHeight, { picture, ordinary } = areas();
  g.fillStyle = ink("--paper"); g.fillRect(0, 0, W, H);
  panel(g, picture, [...base, ...layers]);
  if (ordinary) panel(g, ordinary, [...base, ...plain]);
  drawMap();
  readout();
}
function panel(g, a, list) {
  g.save(); g.beginPath(); g.rect(a.x, a.y, a.w, a.h); g.clip();
  g.fillStyle = "#000"; g.fillRect(a.x, a.y, a.w, a.h);
  for (const layer of list) lay(g, layer, view, a);
  g.restore(); g.save();
  for (const layer of list) recorded(g, layer, view, a, a.y - 5);
  g.beginPath(); g.rect(a.x, a.y, a.w, a.h); g.clip();
  if (playing?.at !== undefined) { g.fillStyle = "#fff"; g.fillRect(xOf(playing.at, view, a), a.y, 1.5, a.h); }
  if (cursor) {
    g.strokeStyle = "#ffffffa0"; g.lineWidth = 1; g.beginPath();
    const x = round(xOf(cursor.t, view, a)) + .5, y = round(yOf(cursor.f, view, a)) + .5;
    g.moveTo(x, a.y); g.lineTo(x, a.y + a.h); g.moveTo(a.x, y); g.lineTo(a.x + a.w, y); g.stroke();
  }
  g.restore();
  axes(g, a, view);
}
// a line above a picture of an archive: how much of each column was recorded
function recorded(g, layer, v, a, y) {
  if (!layer.strip) return;
  const x0 = max(a.x, xOf(layer.t0, v, a)), x1 = min(a.x + a.w, xOf(layer.t1, v, a)), at = t => (t - layer.t0) / (layer.t1 - layer.t0) * layer.strip.width;
  if (x1 <= x0) return;
  g.fillStyle = ink("--panel"); g.fillRect(x0, y, x1 - x0, 4);
  const from = at(tOf(x0, v, a)), to = at(tOf(x1, v, a));
  g.imageSmoothingEnabled = to - from > x1 - x0;
  g.drawImage(layer.strip, from, 0, to - from, 1, x0, y, x1 - x0, 4);
}
function axes(g, a, v) {
  g.fillStyle = ink("--ink"); g.strokeStyle = ink("--soft"); g.font = "12px system-ui, 'DejaVu Sans', sans-serif"; g.lineWidth = 1;
  g.textAlign = "center"; g.textBaseline = "top";
  let end = -1e9;
  for (const { at, text } of timeTicks(v.t0, v.t1, max(2, a.w / 110), zero())) {
    const x = xOf(at, v, a), w = g.measureText(text).width;
    g.beginPath(); g.moveTo(x, a.y + a.h); g.lineTo(x, a.y + a.h + 5); g.stroke();
    const at_x = min(max(x, w / 2 + 2), a.x + a.w + margin.right - w / 2 - 1);
    if (at_x - w / 2 > end + 8) { g.fillText(text, at_x, a.y + a.h + 7); end = at_x + w / 2; }
  }
  g.textAlign = "right"; g.textBaseline = "middle";
  let last = 1e9;
  for (const { at, text } of frequencyTicks(v.f0, v.f1, max(2, a.h / (linear() ? 36 : 50)), linear())) {
    const y = yOf(at, v, a);
    g.beginPath(); g.moveTo(a.x - 5, y); g.lineTo(a.x, y); g.stroke();
    if (abs(y - last) > 15) { g.fillText(text, a.x - 8, max(a.y + 6, min(y, a.y + a.h - 4))); last = y; }
  }
  g.save(); g.fillStyle = ink("--soft"); g.font = "11px system-ui, 'DejaVu Sans', sans-serif"; g.textBaseline = "alphabetic";
  g.fillText(zero() === null ? "time [h:mm:ss]" : `UTC, from ${moment(v.t0, zero(), 1).slice(0, 10)}`, a.x + a.w + margin.right - 2, a.y + a.h + 32);
  g.textAlign = "left"; g.fillText("frequency [Hz]", a.x - margin.left + 2, a.y + a.h + 32);
  g.restore();
}
function drawMap() {
  const c = $("map"), g = ready(c), a = { x: 0, y: 0, w: c.clientWidth, h: c.clientHeight }, whole = full();
  g.fillStyle = "#000"; g.fillRect(0, 0, a.w, a.h);
  for (const layer of base) lay(g, layer, whole, a);
  for (const layer of base) recorded(g, layer, whole, a, a.h - 4);
  const x0 = xOf(view.t0, whole, a), x1 = xOf(view.t1, whole, a), y0 = max(1, yOf(view.f1, whole, a)), y1 = min(a.h - 1, yOf(view.f0, whole, a));
  g.fillStyle = "#00000088"; g.fillRect(0, 0, x0, a.h); g.fillRect(x1, 0, a.w - x1, a.h);
  g.strokeStyle = "#fff"; g.lineWidth = 2;
  g.strokeRect(min(max(1, x0), a.w - 4), min(y0, a.h - 4), max(3, min(x1, a.w - 1) - max(1, x0)), max(3, y1 - y0));
  c.setAttribute("aria-valuemax", sound.duration); c.setAttribute("aria-valuenow", view.t0.toFixed(3));
  c.setAttribute("aria-valuetext", `${time(view.t0, .001)} to ${time(view.t1, .001)}`);
}

// ---------- reading
function under(t, f) {
  for (const layer of [...base, ...layers].reverse()) {
    if (!layer.frames || t < layer.t0 || t >= layer.t1 || f < layer.f0 || f >= layer.f1) continue;
    const one = layer.frames[0], col = min(one.columns - 1, Math.floor((t - layer.t0) / (layer.t1 - layer.t0) * one.columns));
    const row = min(one.rows - 1, Math.floor((up(layer.f1) - up(f)) / (up(layer.f1) - up(layer.f0)) * one.rows));
    return layer.frames.map((fr, k) => ({ q: fr.q, db: fr.level[row * fr.columns + col], above: ground(layer.looks?.[fr.colour ?? k], fr, row) }));
  }
  return [];
}
function readout() {
  const out = $("readout");
  if (!cursor) { out.dataset.empty = ""; return; }
  delete out.dataset.empty;
  const a = area(), dt = (view.t1 - view.t0) / a.w, df = cursor.f * log2(view.f1 / view.f0) / a.h * Math.LN2;
  const levels = l => { const db = l.db / 100 - 300; return `${db.toFixed(1)} dB` + (l.above === null ? "" : `, ${db < l.above ? "−" : "+"}${abs(db - l.above).toFixed(0)}`); };
  const level = under(cursor.t, cursor.f).map(l => l.db === UNRECORDED ? "nothing recorded" : l.db ? levels(l) : "dark").join(" / ");
  out.textContent = `${time(cursor.t, dt)}   ${hertz(cursor.f, df)}   ${level}`;
  out.dataset.t = cursor.t; out.dataset.f = cursor.f;
  out.title = "dB re full scale²: a sine of amplitude A reads 20 log A − 3; then dB above the background of this frequency";
}

// ---------- asking
const qs = () => $("auto").checked ? ["auto"] : $("three").checked ? threeQs() : [qOne()];
const qOne = () => +(rules.three[1] * 2 ** +$("q").value).toPrecision(3);
const threeQs = () => rules.three.map(q => +(q * qOne() / rules.three[1]).toPrecision(3)).map(q => min(rules.q_range[1], max(rules.q_range[0], q)));
const query = more => {
  const { t0, t1, f0, f1 } = view, extra = { sound: which, t0, t1, f0, f1, q: qs().join(","), scale: $("scale").value, ...more };
  for (const name of ["channel", "recorder"]) if ($(name).value) extra[name] = $(name).value;
  return new URLSearchParams(extra).toString();
};
function say(text, wrong = false) { $("state").textContent = text; $("state").classList.toggle("wrong", wrong); }
const bar = part => { $("bar").firstElementChild.style.width = `${100 * part}%`; };
const reason = async response => { try { return (await response.json()).error; } catch { return `status ${response.status}`; } };

function ask(delay = 0, anyway = 0) {
  clearTimeout(wait);
  request?.abort();
  wait = setTimeout(() => fetchPicture(anyway), delay);
}
async function fetchPicture(anyway) {
  const mine = request = new AbortController(), asked = { ...view }, r = window.devicePixelRatio || 1, a = area(), started = performance.now();
  const kept = snapshot();
  let cells = [], coarse = [], fine = [], group = [], from = "", seen;
  source = null;
  $("fully").hidden = true;
  document.body.dataset.busy = "1"; document.body.dataset.stage = "";
  const settle = () => {
    layers = [...(kept ? [kept] : []), ...cells, ...coarse, ...fine];
    if (cells.length || coarse.length) plain = [...cells, ...coarse];
    if (isWhole(asked)) base = plain;
    draw();
  };
  try {
    const response = await get("picture?" + query({ width: min(4096, max(16, round(a.w * r))), height: min(2000, max(16, round(a.h * r))), client, anyway }), { signal: mine.signal });
    if (!response.ok) { say(await reason(response), true); return; }
    for await (const f of frames(response)) {
      if (mine.signal.aborted) return;
      if (f.kind === "error") { say(f.error, true); return; }
      if (f.kind === "stale") return;
      if (f.kind === "long") { say(`Ordinary spectrogram. Reassigning this window would take ${round(f.seconds)} s: zoom in, or compute it fully.`); $("fully").hidden = false; document.body.dataset.stage = "done"; continue; }
      if (f.kind === "stored") {
        cells.push(make([f], cells));
        if (!f.finer) { seen = f; told(cells[0]); }
        say(`${amount(f)}; reading …`);
      } else if (f.kind === "far" || f.kind === "gone") {
        const apart = cells.length ? cells[cells.length - 1].frames[0].cell : 0, least = f.cell * round(a.w * r);
        say(f.kind === "far" ? `From the archive: ${seen ? amount(seen) : "nothing at these frequencies"}, ${apart > f.cell ? `cells of ${lasting(apart)} and less` : `cells of ${lasting(f.cell)}`}. Windows under ${lasting(least)} are computed from the recordings.`
          : `${cells.length ? `The archive's finest cells, of ${lasting(f.cell)}: ` : ""}${f.why}.${seen?.recordings ? "" : " n and p lead to the next and the previous sound."}`);
        document.body.dataset.stage = "done"; document.body.dataset.ms = round(performance.now() - started);
      } else if (f.kind === "near") {
        source = f;
        from = ` ${f.number === 1 ? f.files[0] : `${f.number} recordings`}${f.why ? ` (${f.why})` : ""}:`;
      } else if (f.kind === "ordinary") {
        coarse.push(make([f], coarse));
        if (f.end) repaint(coarse);
        bar((f.t1 - asked.t0) / (asked.t1 - asked.t0) * .1);
        say(`${from}${from && " "}Ordinary spectrogram${f.seen < .5 ? `, from ${(100 * f.seen).toPrecision(2)} % of the sound` : ""}; reassigning …`);
      } else {
        group.push(f);
        if (group.length < qs().length) continue;
        fine.push(make(group, fine.filter(l => l.frames[0].density === f.density)));
        group = [];
        repaint(fine.filter(l => l.frames[0].density === f.density));
        if (!rounded(fine, asked)) fine = fine.filter(l => l.frames[0].density === f.density);
        bar(.1 + .9 * f.done);
        const plan = `cell ${((f.t1 - f.t0) / f.columns * 1000).toPrecision(3)} ms × ${hertz(f.f1 * (1 - 2 ** (-1 / f.bins)), f.f1 * (1 - 2 ** (-1 / f.bins)) / 10)}`;
        say(`${from}${from && " "}Reassigned, Q ${qs().join(", ")}, ${plan}, ${f.density === null ? "full picture" : f.density === "few" ? `some 1200 points a cell${f.share < 1 ? `, from ${(100 * f.share).toPrecision(2)} % of the sound` : ""}` : `${+(f.density / 2.5 * 100).toFixed(0)} % of the departure points`}; ${f.seconds.toFixed(2)} s`);
        $("fully").hidden = !f.last || f.density === null;
        document.body.dataset.stage = "fine"; document.body.dataset.fineMs ||= "";
        if (f.last) { document.body.dataset.stage = "done"; document.body.dataset.ms = round(performance.now() - started); }
      }
      settle();
    }
    if (kept && document.body.dataset.stage === "done") { layers = layers.filter(l => l !== kept); draw(); }
  } catch (error) { if (error.name !== "AbortError") say(navigator.onLine === false ? "offline" : "The server doesn't answer. Is hyperres still running?", true); }
  finally { if (request === mine) { document.body.dataset.busy = ""; bar(0); } }
}
const lasting = s => { const [unit, size] = [["days", 86400], ["h", 3600], ["min", 60], ["s", 1]].find(([, size]) => s >= 2 * size) ?? ["s", 1]; return `${+(s / size).toPrecision(3)} ${unit}`; };
const amount = f => `${f.recordings} recording${f.recordings === 1 ? "" : "s"}, ${lasting(3600 * f.hours)} of sound in ${lasting(f.t1 - f.t0)}`;
const isWhole = v => { const w = full(); return abs(v.t1 - v.t0 - w.t1) < 1e-6 && abs(v.f0 / w.f0 - 1) < 1e-6 && abs(v.f1 / w.f1 - 1) < 1e-6; };
// true while the newest pass doesn't yet cover the window, so that the older must stay below it
const rounded = (list, asked) => list[list.length - 1].t1 < asked.t1 - (asked.t1 - asked.t0) / 200;

// of each colour the scale of the newest frame, which is that of its whole picture so far
const lookOf = f => f && { scale: f.scale, above: f.above, rows: f.background, f0: f.f0, f1: f.f1 };
const looksOf = list => [0, 1, 2].map(k => lookOf(list.flatMap(l => l.frames).findLast(f => (f.colour ?? 0) === k)) ?? null);
// the background of a frame's row [dB]; a locked look may have rows of another height, which hold more of it or less
function ground(look, f, row) {
  if (!look?.rows) return null;
  const at = up(f.f1) - (row + .5) / f.rows * (up(f.f1) - up(f.f0)), k = (up(look.f1) - at) / (up(look.f1) - up(look.f0)) * look.rows.length;
  const high = (up(f.f1) - up(f.f0)) / f.rows, was = (up(look.f1) - up(look.f0)) / look.rows.length;
  return look.rows[max(0, min(look.rows.length - 1, Math.floor(k)))] + 10 * Math.log10(high / was);
}
let locked = null;                         // the looks that all pictures share, ordinary and reassigned ones; or null
const lookFor = (layer, k) => { const own = locked?.[layer.frames[0].kind]; return own?.[k] ?? own?.[0] ?? layer.looks[k]; };
function shade(layer) {
  const looks = layer.looks.map((_, k) => lookFor(layer, k)), above = $("above").checked;
  const scales = looks.map(look => look && (above ? look.above : look.scale));
  const rows = above ? layer.frames.map(f => { const look = looks[f.colour ?? 0]; return Float32Array.from({ length: f.rows }, (_, r) => ground(look, f, r)); }) : null;
  const shown = $("bridge").checked ? layer.frames.map(f => f.kind === "stored" ? { ...f, level: bridged(f, f.columns / 20) } : f) : layer.frames;
  layer.canvas = paint(shown, scales, rows, rules.colours, +$("bright").value, +$("range").value);
  layer.range = scales[0] && [scales[0].low, scales[0].high];
}
const told = layer => { if (layer?.range) $("rangetext").textContent = `${round(max(5, layer.range[1] - layer.range[0] + +$("range").value))} dB`; };
function make(group, before) {
  const rgb = group.length === 3, layer = { frames: group, t0: group[0].t0, t1: group[0].t1, f0: group[0].f0, f1: group[0].f1 };
  if (!rgb) group.forEach(f => { f.colour = 0; });
  layer.looks = before.length ? before[before.length - 1].looks : looksOf([layer]);
  if (group[0].effort) layer.strip = strip(group[0].effort);
  shade(layer);
  return layer;
}
function repaint(list) {                   // one scale for all slices of a picture
  const shared = looksOf(list);
  for (const l of list) { l.looks = shared; shade(l); }
  told(list[0]);
}
function relight() {
  for (const l of new Set([...layers, ...base, ...plain])) if (l.frames) shade(l);
  told([...layers].reverse().find(l => l.frames));
  draw();
}
function lock() {                          // the looks of what is shown now, for all that is shown from now on
  locked = null;
  if ($("lock").checked)
    for (const l of [...layers, ...plain]) if (l.frames) (locked ??= {})[l.frames[0].kind] = l.looks;
  if (!locked) $("lock").checked = false;
  relight();
}
// What is on the screen, as one image with its place: it is enlarged until something better comes.
let shown = null;
function snapshot() {
  const v = shown ?? view; const r = window.devicePixelRatio || 1, a = area();
  if (!layers.length || !v) return null;
  const c = Object.assign(document.createElement("canvas"), { width: round(a.w * r), height: round(a.h * r) }), g = c.getContext("2d");
  g.scale(r, r); g.translate(-a.x, -a.y); g.fillStyle = "#000"; g.fillRect(a.x, a.y, a.w, a.h);
  for (const layer of [...base, ...layers]) lay(g, layer, v, a);
  return { ...v, canvas: c };
}

// ---------- moving about
function go(v, { keep = true, delay = 0 } = {}) {
  stop();
  const next = fit(v);
  const step = keep && view && JSON.stringify(next) !== JSON.stringify(view);
  if (step) { past.push(view); if (past.length > 200) past.shift(); future = []; }
  const old = view; shown = old; const under = layers.length ? snapshot() : null; shown = null;
  if (under) layers = [under];
  view = next;
  plain = [];
  fields(step); draw(); ask(delay);
}
// the fields take times as the axis shows them, and plain seconds; on an axis in UTC moments, of which the day may be left out
const seconds = (text, beside = view.t0) => {
  const found = zero() !== null && text.trim().match(/^(?:(\d{4}-\d\d-\d\d)[ T]?)?(?:(\d\d?):(\d\d)(?::(\d\d(?:[.,]\d*)?))?)?$/);
  if (found && (found[1] || found[2])) {
    const day = Date.parse(`${found[1] ?? moment(beside, zero(), 1).slice(0, 10)}T00:00:00Z`) / 1000;
    return day - zero() + 3600 * (found[2] ?? 0) + 60 * (found[3] ?? 0) + +(found[4] ?? "0").replace(",", ".");
  }
  const parts = text.trim().replace(",", ".").split(":"), plainly = /^\d+(\.\d*)?$|^\.\d+$/;
  if (parts.length > 3 || !parts.every((p, k) => plainly.test(p) && (k === parts.length - 1 || /^\d+$/.test(p)) && (!k || +p < 60))) return NaN;
  return parts.reduce((sum, p) => 60 * sum + +p, 0);
};
function fields(step = false) {
  const dt = (view.t1 - view.t0) / 1000, put = (id, v, d) => { $(id).value = v.toFixed(max(0, min(9, d))); };
  const e = -Math.floor(Math.log10((view.f1 - view.f0) / 1000));
  $("t0").value = time(view.t0, min(1, dt)); $("t1").value = time(view.t1, min(1, dt)); put("f0", view.f0, e); put("f1", view.f1, e);
  $("back").disabled = !past.length; $("forward").disabled = !future.length;
  const hash = new URLSearchParams({ sound: which, ...view, q: qOne(), colours: $("auto").checked ? "auto" : $("three").checked ? 3 : 1, scale: $("scale").value, compare: beside(), channel: $("channel").value, ...($("recorder").value && { recorder: $("recorder").value }) });
  if (step) visited += 1;
  history[step ? "pushState" : "replaceState"]({ visited }, "", "#" + hash);
}
function zoom(factor, x = null, y = null, across = true, frequency = true) {
  const a = area(), t = tOf(x ?? a.x + a.w / 2), l = up(fOf(y ?? a.y + a.h / 2)), next = { ...view };
  if (across) { next.t0 = t - (t - view.t0) * factor; next.t1 = t + (view.t1 - t) * factor; }
  if (frequency) { next.f0 = down(l - (l - up(view.f0)) * factor); next.f1 = down(l + (up(view.f1) - l) * factor); }
  go(next, { keep: !zoom.last || performance.now() - zoom.last > 600, delay: 60 });
  zoom.last = performance.now();
}
// a window moved by parts of its own width and height, and not squeezed where it meets an end of the axis
function moved(v, dt, df) {
  const s = dt * (v.t1 - v.t0), h = up(v.f1) - up(v.f0), k = max(up(lowest()) - up(v.f0), min(df * h, up(sound.sr / 2) - up(v.f1)));
  return { t0: v.t0 + s, t1: v.t1 + s, f0: down(up(v.f0) + k), f1: down(up(v.f1) + k) };
}
const pan = (dt, df, keep = true) => go(moved(view, dt, df), { keep, delay: 60 });
// the browser's back and forward buttons walk through the same windows
let visited = 0;
const walk = (from, to) => { if (from.length) { to.push(view); go(from.pop(), { keep: false }); } };
const back = () => { if (past.length) history.back(); };
const forward = () => { if (future.length) history.forward(); };
addEventListener("popstate", e => {
  const there = e.state?.visited;
  if (there === undefined || !sound) return;
  while (there < visited && past.length) { visited -= 1; if (there < visited) future.push(past.pop()); else walk(past, future); }
  while (there > visited && future.length) { visited += 1; if (there > visited) past.push(future.pop()); else walk(future, past); }
  visited = there;
  fields();
});

// ---------- sound
async function play() {
  if (playing) return stop();
  const v = { ...view }, mine = playing = { asked: new AbortController() };
  $("play").textContent = "■ Stop";
  try {
    const response = await get("sound.wav?" + query({ speed: $("speed").value, band: +$("band").checked, loudest: +$("loudest").checked, client }), { signal: mine.asked.signal });
    if (!response.ok) { say(await reason(response), true); return stop(); }
    mine.context = new AudioContext();
    const buffer = await mine.context.decodeAudioData(await response.arrayBuffer());
    if (playing !== mine) return mine.context.close();
    const source = mine.context.createBufferSource();
    source.buffer = buffer; source.connect(mine.context.destination);
    source.onended = () => { if (playing === mine) stop(); };
    const began = mine.context.currentTime;
    source.start();
    document.body.dataset.heard = buffer.duration;
    const step = () => {
      if (playing !== mine) return;
      mine.at = v.t0 + (mine.context.currentTime - began) * +$("speed").value; draw(); requestAnimationFrame(step);
    };
    step();
  } catch (error) { if (playing === mine) { say(`This sound can't be played here: ${error.message}`, true); stop(); } }
}
function stop() {
  playing?.asked.abort();
  playing?.context?.close().catch(() => 0);
  playing = null; $("play").textContent = "▶ Play";
  if (view) draw();
}

// ---------- keeping
function download(blob, name) {
  const a = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  a.click(); setTimeout(() => URL.revokeObjectURL(a.href), 10000);
}
const stem = () => `${sound.name.replace(/\.\w+$/, "")}_${zero() === null ? `${view.t0.toFixed(3)}s` : moment(view.t0, zero(), 1).replace(/[-:]/g, "").replace(" ", "_")}`;
// the picture as it stands, under a line that says what it is, beside the scale of its colours
function savePicture() {
  const at = cursor; cursor = null; draw();
  const from = $("picture"), r = window.devicePixelRatio || 1, top = 42, right = 84, W = from.width / r + right, H = from.height / r + top;
  const c = Object.assign(document.createElement("canvas"), { width: round(W * r), height: round(H * r) }), g = c.getContext("2d");
  g.scale(r, r); g.fillStyle = ink("--paper"); g.fillRect(0, 0, W, H); g.drawImage(from, 0, top, W - right, H - top);
  g.fillStyle = ink("--ink"); g.textBaseline = "top"; g.font = "600 14px system-ui, 'DejaVu Sans', sans-serif"; g.fillText(sound.name, 8, 5, W - 16);
  const layer = [...layers].reverse().find(l => l.range), look = layer?.looks[0], dt = (view.t1 - view.t0) / 1000, unit = $("above").checked ? "dB above background" : "dB re full scale²";
  const scales = layer ? layer.frames.map(f => { const [low, high] = rangeOf(layer, f.colour ?? 0); return `${round(low)} to ${round(high)}`; }) : [];
  g.fillStyle = ink("--soft"); g.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  g.fillText(`${time(view.t0, min(1, dt))} to ${time(view.t1, min(1, dt))}, ${hertz(view.f0, view.f0 / 100)} to ${hertz(view.f1, view.f1 / 100)}   Q ${qs().join(", ")}   ${[...new Set(scales)].join(", ")} ${unit}`, 8, 24, W - 16);
  if (look && layer.frames.length === 1) {
    const a = area(), [low, high] = rangeOf(layer, 0), x = W - right + 4;
    for (let y = 0; y < a.h; y++) { const k = 3 * round(255 * (1 - y / a.h)); g.fillStyle = `rgb(${rules.colours.slice(k, k + 3)})`; g.fillRect(x, top + a.y + y, 14, 1.5); }
    g.fillStyle = ink("--ink"); g.textAlign = "left"; g.textBaseline = "middle";
    for (const [db, y] of [[`≥ ${round(high)}`, 0.02], [`${round((low + high) / 2)}`, .5], [`≤ ${round(low)}`, .98]]) g.fillText(`${db} dB`, x + 18, top + a.y + y * a.h);
  }
  document.body.dataset.saved = `${sound.name} ${unit}`;
  c.toBlob(b => { download(b, stem() + ".png"); cursor = at; draw(); });
}
const rangeOf = (layer, k) => {            // after the sliders
  const look = lookFor(layer, k), s = $("above").checked ? look.above : look.scale, high = s.high - +$("bright").value;
  return [min(s.low - +$("bright").value - +$("range").value, high - 5), high];
};
async function saveData() {
  say("Computing the numbers …");
  const a = area(), response = await get("data.zip?" + query({ width: round(a.w), height: round(a.h) }));
  if (!response.ok) return say(await reason(response), true);
  download(await response.blob(), stem() + ".zip"); say("Saved: energy and counts of each Q (npz, csv), their axes, settings, and a program that makes them again.");
}
const shellCommand = () => {
  if (!stored()) return fileCommand(sound.command, view.t0);
  if (source?.command) return fileCommand(source.command, max(0, view.t0 - source.begin));
  const [since, until] = [view.t0, view.t1].map(t => moment(t, zero() ?? 0, .001).replace(" ", "T"));
  return `${sound.command} --from ${since} --to ${until} --fmin ${view.f0.toFixed(3)} --fmax ${view.f1.toFixed(3)}`;
};
const fileCommand = (command, start) => `${command} --start ${start.toFixed(6)} --duration ${(view.t1 - view.t0).toFixed(6)} --fmin ${view.f0.toFixed(3)} --fmax ${view.f1.toFixed(3)} --q ${qs().join(",")}` + (linear() ? " --scale linear" : "") + ($("channel").value ? ` --channel ${$("channel").value}` : "");
async function copy(text, what) {
  try { await navigator.clipboard.writeText(text); say(`${what} copied: ${text}`); } catch { say(text); }
}

// ---------- hands
const place = event => {                   // in the reassigned picture, also where the pointer is in the ordinary one
  const b = $("picture").getBoundingClientRect(), p = { x: event.clientX - b.left, y: event.clientY - b.top }, { picture: a, ordinary: o } = areas();
  if (o && (beside() === "right" ? p.x >= o.x - margin.left : p.y >= o.y - margin.top)) return { x: p.x - o.x + a.x, y: p.y - o.y + a.y, dx: o.x - a.x, dy: o.y - a.y };
  return { ...p, dx: 0, dy: 0 };
};
const inside = ({ x, y, dx, dy }, a = area()) => ({ x: min(max(x, a.x), a.x + a.w), y: min(max(y, a.y), a.y + a.h), dx, dy });
function hands() {
  const c = $("picture"), box = $("box"), fingers = new Map();
  let from = null, pinch = null;
  c.addEventListener("pointerdown", e => {
    if (e.button) return;
    try { c.setPointerCapture(e.pointerId); } catch { /* a made-up pointer */ }
    fingers.set(e.pointerId, place(e));
    c.focus({ preventScroll: true });
    if (fingers.size === 2) { const [p, q] = fingers.values(); pinch = { p: { ...p }, q: { ...q }, view: { ...view } }; from = null; box.hidden = true; return; }
    from = { ...inside(place(e)), pan: e.shiftKey, view: { ...view } };
  });
  c.addEventListener("pointermove", e => {
    const p = place(e), at = inside(p);
    cursor = { t: tOf(at.x), f: fOf(at.y) };
    if (fingers.has(e.pointerId)) fingers.set(e.pointerId, p);
    if (pinch && fingers.size === 2) return twoFingers(pinch, [...fingers.values()]);
    if (!from) return draw();
    if (from.pan) {
      const a = area();
      go(moved(from.view, -(p.x - from.x) / a.w, (p.y - from.y) / a.h), { keep: !from.moved, delay: 80 });
      from.moved = true;
      return;
    }
    const w = abs(at.x - from.x), h = abs(at.y - from.y);
    box.hidden = w < 4 && h < 4;
    Object.assign(box.style, { left: `${min(at.x, from.x) + (from.dx ?? 0)}px`, top: `${min(at.y, from.y) + (from.dy ?? 0)}px`, width: `${w}px`, height: `${h}px` });
    draw();
  });
  const up = e => {
    fingers.delete(e.pointerId);
    if (pinch) { if (!fingers.size) pinch = null; return; }
    if (!from) return;
    const at = inside(place(e)), start = from, a = area();
    from = null; box.hidden = true;
    if (start.pan || e.type === "pointercancel") return;
    const w = abs(at.x - start.x), h = abs(at.y - start.y);
    if (max(w, h) < 6) return;
    const [x0, x1] = w < 6 ? [a.x, a.x + a.w] : [min(at.x, start.x), max(at.x, start.x)];       // a stroke along one axis zooms that axis
    const [y0, y1] = h < 6 ? [a.y, a.y + a.h] : [min(at.y, start.y), max(at.y, start.y)];
    go({ t0: tOf(x0), t1: tOf(x1), f0: fOf(y1), f1: fOf(y0) });
  };
  c.addEventListener("pointerup", up); c.addEventListener("pointercancel", up);
  c.addEventListener("pointerleave", () => { if (!from) { cursor = null; draw(); } });
  c.addEventListener("dblclick", back);
  c.addEventListener("wheel", e => {
    e.preventDefault();
    const p = inside(place(e)), amount = e.deltaY || e.deltaX;
    zoom(2 ** (max(-100, min(100, amount)) / 160), p.x, p.y, !e.altKey, !e.shiftKey);
  }, { passive: false });
  const m = $("map"), centre = e => {
    const b = m.getBoundingClientRect(), t = (e.clientX - b.left) / b.width * sound.duration, half = (view.t1 - view.t0) / 2;
    go({ ...view, t0: t - half, t1: t + half }, { keep: e.type === "pointerdown", delay: 80 });
  };
  m.addEventListener("pointerdown", e => { try { m.setPointerCapture(e.pointerId); } catch { /* a made-up pointer */ } centre(e); });
  m.addEventListener("pointermove", e => { if (e.buttons & 1) centre(e); });
}
function twoFingers(start, [p, q]) {
  const a = area(), sure = d => abs(d) < 30 ? 30 * (Math.sign(d) || 1) : d;
  const kx = sure(start.q.x - start.p.x) / sure(q.x - p.x), ky = sure(start.q.y - start.p.y) / sure(q.y - p.y);
  const mid = { x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 }, was = { x: (start.p.x + start.q.x) / 2, y: (start.p.y + start.q.y) / 2 };
  const x0 = was.x - (mid.x - a.x) * abs(kx), y0 = was.y - (mid.y - a.y) * abs(ky), v = start.view;
  go({ t0: tOf(x0, v, a), t1: tOf(x0 + a.w * abs(kx), v, a), f0: fOf(y0 + a.h * abs(ky), v, a), f1: fOf(y0, v, a) }, { keep: !start.moved, delay: 80 });
  start.moved = true;
}
function keys(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || $("keys").open) return;
  const field = e.target.closest("input, select, button, textarea"), range = field?.type === "range";
  if (field && !(e.key === "Escape")) { if (!(range && !e.key.startsWith("Arrow") && e.key !== "Home") ) return; }
  const s = e.shiftKey, step = s ? 10 : 1, a = area();
  const read = (dx, dy) => {
    const x = cursor ? xOf(cursor.t) : a.x + a.w / 2, y = cursor ? yOf(cursor.f) : a.y + a.h / 2, p = inside({ x: x + dx * step, y: y + dy * step });
    cursor = { t: tOf(p.x), f: fOf(p.y) }; draw();
  };
  const act = {
    ArrowLeft: () => s ? zoom(1.25, null, null, true, false) : pan(-.1, 0), ArrowRight: () => s ? zoom(.8, null, null, true, false) : pan(.1, 0),
    ArrowUp: () => s ? zoom(.8, null, null, false, true) : pan(0, .1), ArrowDown: () => s ? zoom(1.25, null, null, false, true) : pan(0, -.1),
    "+": () => zoom(.7), "=": () => zoom(.7), "-": () => zoom(1 / .7), "−": () => zoom(1 / .7), Home: () => go(full()),
    Escape: back, "[": back, "]": forward, " ": play, "3": () => { ($("three").checked ? $("one") : $("three")).click(); }, q: () => $("q").focus(), f: () => ask(0, 1), n: () => another(1), p: () => another(-1),
    w: () => read(0, -1), s: () => read(0, 1), a: () => read(-1, 0), d: () => read(1, 0), "?": () => $("keys").showModal(),
  }[e.key.length === 1 ? e.key.toLowerCase() : e.key];
  if (act) { e.preventDefault(); act(); }
}

// ---------- beginning
const remembered = name => { try { return localStorage.getItem(name); } catch { return null; } };
function theme(next) {
  const dark = next ?? remembered("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark;
  if (next) try { localStorage.setItem("theme", next); } catch { /* a frame that may keep nothing */ }
  if (view) draw();
}
function another(by) {                     // the next recording; in an archive the next sound after a gap
  if (!stored()) return other(by);
  const lead = .05 * (view.t1 - view.t0), at = view.t0 + lead, begins = sound.stretches.map(s => s[0]);
  const next = by > 0 ? begins.find(t => t > at + 2e-3) : begins.findLast(t => t < at - 2e-3);
  if (next !== undefined) go({ ...view, t0: next - lead, t1: next - lead + view.t1 - view.t0 });
}
const other = by => { const next = which + by; if (rules.sounds[next]) { $("sound").value = next; choose(next); } };
function choose(index, first = null) {
  which = index; sound = rules.sounds[index];
  $("before").disabled = !rules.sounds[index - 1]; $("after").disabled = !rules.sounds[index + 1];
  base = []; layers = []; plain = []; past = []; future = []; view = null;
  document.title = `${sound.name} – hyperres`;
  $("name").textContent = sound.name;
  if (zero() === null) delete document.documentElement.dataset.clocked; else document.documentElement.dataset.clocked = "";
  $("facts").textContent = stored() ? `${zero() === null ? clock(sound.duration, 1) : `${moment(0, zero(), 1)} to ${moment(sound.duration, zero(), 1)}`} · ${sound.about}` : `${clock(sound.duration, sound.duration < 10 ? .001 : 1)} · ${sound.sr} Hz · ${sound.channels} channel${sound.channels > 1 ? "s" : ""} · ${sound.about}`;
  $("channels").hidden = sound.channels < 2;
  $("channel").replaceChildren(new Option("all", ""), ...Array.from({ length: sound.channels }, (_, i) => new Option(i + 1, i + 1)));
  $("bridges").hidden = !stored();
  $("recorders").hidden = (sound.recorders?.length ?? 0) < 2;
  $("recorder").replaceChildren(new Option("all", ""), ...(sound.recorders ?? []).map((name, i) => new Option(name, i)));
  if (sound.recorders?.[first?.get("recorder") || NaN]) $("recorder").value = first.get("recorder");
  if (first?.get("channel")) $("channel").value = first.get("channel");
  const v = first && ["t0", "t1", "f0", "f1"].map(k => Number(first.get(k)));
  const good = v && v.every(Number.isFinite) && v[0] < v[1] && v[2] > 0 && v[2] < v[3];
  if (good) { overviewOnly(); past = [fit(full())]; go({ t0: v[0], t1: v[1], f0: v[2], f1: v[3] }, { keep: false }); }
  else go(full());
}
async function overviewOnly() {            // the strip above, when the page opens on a part
  const w = full(), list = [], at = which;
  try {
    const response = await get("picture?" + new URLSearchParams({ sound: which, ...w, q: 2.8, scale: $("scale").value, width: 1000, height: 100, only: 1, client: client + "map", ...($("recorder").value && { recorder: $("recorder").value }) }));
    for await (const f of frames(response)) {
      if (!["ordinary", "stored"].includes(f.kind) || at !== which) break;
      list.push(make([f], list)); repaint(list); base = list; draw();
      if (f.end) break;
    }
  } catch { return; }
}
async function open() {
  theme();
  const response = await get("about");
  if (!response.ok) return say(await reason(response), true);
  rules = await response.json();
  const first = location.hash.length > 1 ? new URLSearchParams(location.hash.slice(1)) : null;
  $("q").min = Math.ceil(8 * log2(rules.q_range[0] / rules.three[1])) / 8; $("q").max = Math.floor(8 * log2(rules.q_range[1] / rules.three[1])) / 8;
  const q = Number(first?.get("q"));
  $("q").value = q >= rules.q_range[0] && q <= rules.q_range[1] ? log2(q / rules.three[1]) : 0;
  $({ 3: "three", auto: "auto" }[first?.get("colours")] || "one").checked = true;
  const tellQ = () => { $("q").disabled = $("auto").checked; $("qtext").textContent = qs().join(", "); $("q").setAttribute("aria-valuetext", `Q ${qs().join(", ")}`); };
  tellQ();
  $("sound").hidden = $("before").hidden = $("after").hidden = rules.sounds.length < 2;
  if (first?.get("scale") === "linear") $("scale").value = "linear";
  if (["right", "below"].includes(first?.get("compare"))) $("compare").value = first.get("compare");
  $("sound").append(...rules.sounds.map((s, i) => new Option(s.name, i)));
  const index = Number(first?.get("sound"));
  const start = Number.isInteger(index) && index >= 0 && index < rules.sounds.length ? index : 0;
  $("sound").value = start;
  $("sound").onchange = () => choose(+$("sound").value);
  $("q").oninput = () => { tellQ(); fields(); ask(120); };
  $("one").onchange = $("three").onchange = $("auto").onchange = () => { tellQ(); fields(); ask(); };
  $("channel").onchange = $("recorder").onchange = () => { fields(); base = []; layers = []; overviewOnly(); ask(); };
  $("bright").oninput = $("range").oninput = $("above").onchange = $("bridge").onchange = relight;
  $("lock").onchange = lock;
  $("compare").onchange = () => { fields(); ask(); };
  $("scale").onchange = () => { base = []; layers = []; plain = []; locked = null; $("lock").checked = false; overviewOnly(); go(view, { keep: false }); };
  $("edges").onsubmit = e => {
    e.preventDefault();
    const t0 = seconds($("t0").value), t1 = seconds($("t1").value, t0 || 0), [f0, f1] = ["f0", "f1"].map(id => Number($(id).value.replace(",", ".")));
    if (![t0, t1, f0, f1].every(Number.isFinite) || !(t0 < t1) || !(f0 < f1) || t0 < 0 || t1 > sound.duration + 1e-3 || f0 < lowest() * .999 || f1 > sound.sr / 2)
      return say(`The window must lie within ${zero() === null ? `0 to ${sound.duration.toFixed(3)} s` : `${time(0, 1)} to ${time(sound.duration, .001)}`} and ${lowest().toPrecision(3)} to ${sound.sr / 2} Hz, each from less to more.`, true);
    go({ t0, t1, f0, f1 });
  };
  for (const [id, act] of Object.entries({ back, forward, play, fully: () => ask(0, 1), before: () => other(-1), after: () => other(1), whole: () => go(full()), in: () => zoom(.5), out: () => zoom(2), png: savePicture, data: saveData,
    link: () => copy(location.href, "Link"), command: () => sound.command ? copy(shellCommand(), "Command") : say(stored() ? "A picture of these recordings can't be drawn by a command." : "These samples are in memory: there is no file to draw.", true), help: () => $("keys").showModal(),
    theme: () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark") })) $(id).onclick = act;
  document.addEventListener("keydown", keys);
  $("map").addEventListener("keydown", e => { if (e.key === "Enter") $("picture").focus(); });
  hands();
  let size = "";                           // a phone's address bar comes and goes: only a real change asks again
  new ResizeObserver(() => {
    const now = `${$("picture").clientWidth} × ${$("picture").clientHeight}`;
    if (view && size && now !== size) { draw(); ask(250); }
    size = now;
  }).observe($("stage"));
  choose(start, first);
}
open().catch(error => say(`The page could not start: ${error.message}`, true));
