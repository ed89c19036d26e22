// Frames from the server, and their colours. A level is 0 where dark, UNRECORDED where there was no sound, else 100 (dB + 300).
export const UNRECORDED = 65535, GREY = 0xff8a8480;

export async function* frames(response) {
  const reader = response.body.getReader();
  let kept = new Uint8Array(0);
  const take = n => { const part = kept.slice(0, n); kept = kept.subarray(n); return part; };
  const fill = async n => {
    if (kept.length >= n) return true;
    const parts = [kept]; let have = kept.length;
    while (have < n) {
      const { value, done } = await reader.read();
      if (done) return false;
      parts.push(value); have += value.length;
    }
    kept = new Uint8Array(have);
    let at = 0;
    for (const p of parts) { kept.set(p, at); at += p.length; }
    return true;
  };
  while (await fill(4)) {
    const length = new DataView(take(4).buffer).getUint32(0, true);
    if (!await fill(length)) return;
    const about = JSON.parse(new TextDecoder().decode(take(length)));
    if (about.rows) {
      const bytes = 2 * about.rows * about.columns;
      if (!await fill(bytes)) return;
      about.level = new Uint16Array(take(bytes).buffer);
    }
    yield about;
  }
}

// Brightness 0 … 255 of every level, for a scale moved and stretched by the sliders.
function shades(s, bright, range) {
  const high = s.high - bright, low = Math.min(s.low - bright - range, high - 5), out = new Uint8Array(65536);
  for (let v = 1; v < 65536; v++) out[v] = Math.max(0, Math.min(255, Math.round(255 * (v / 100 - 300 - low) / (high - low))));
  return out;
}

// Each level, less the background of its row; dark stays dark.
function walk(level, columns, ground, put) {
  for (let r = 0, i = 0; i < level.length; r++) {
    const less = ground ? Math.round(100 * ground[r]) : 0;
    for (const end = i + columns; i < end; i++) put(i, level[i] && (level[i] === UNRECORDED ? UNRECORDED : Math.max(1, Math.min(UNRECORDED - 1, level[i] - less))));
  }
}

const canvas = (w, h) => Object.assign(document.createElement("canvas"), { width: w, height: h });

// One frame in one colour map, or up to three frames on the same cells in red, green and blue.
// With a background for each row [dB], levels are those above it.
export function paint(group, scales, grounds, colours, bright, range) {
  const { rows, columns } = group[0], c = canvas(columns, rows), g = c.getContext("2d");
  const image = g.createImageData(columns, rows), out = new Uint32Array(image.data.buffer);
  if (group.length === 1 && !group[0].rgb) {
    const shade = shades(scales[0], bright, range), map = new Uint32Array(65536), level = group[0].level;
    for (let v = 0; v < 65536; v++) { const k = 3 * shade[v]; map[v] = 0xff000000 | colours[k + 2] << 16 | colours[k + 1] << 8 | colours[k]; }
    map[UNRECORDED] = GREY;
    walk(level, columns, grounds?.[0], (i, v) => { out[i] = map[v]; });
  } else {
    out.fill(0xff000000);
    for (const f of group) {
      const shade = shades(scales[f.colour], bright, range), shift = 8 * f.colour, level = f.level;
      walk(level, columns, grounds?.[group.indexOf(f)], (i, v) => { out[i] = v === UNRECORDED ? GREY : out[i] | shade[v] << shift; });
    }
  }
  g.putImageData(image, 0, 0);
  return c;
}

// The same levels with pauses of at most so many columns filled from the nearest column that was recorded.
export function bridged({ level, columns }, most) {
  const there = c => level[c] !== UNRECORDED, from = Int32Array.from({ length: columns }, (_, c) => c), out = new Uint16Array(level.length);
  for (let c = 0, last = -1; c < columns; c++) {
    if (!there(c)) continue;
    if (last >= 0 && c - last - 1 <= most) for (let k = last + 1; k < c; k++) from[k] = k - last <= c - k ? last : c;
    last = c;
  }
  for (let i = 0; i < level.length; i += columns) for (let c = 0; c < columns; c++) out[i + c] = level[i + from[c]];
  return out;
}

// How much of each column was recorded, as a line of pixels that are opaque where all was.
export function strip(effort) {
  const c = canvas(effort.length, 1), g = c.getContext("2d"), image = g.createImageData(effort.length, 1);
  effort.forEach((part, i) => image.data.set([11, 102, 168, part > 0 ? 60 + 195 * Math.min(1, part) : 0], 4 * i));
  g.putImageData(image, 0, 0);
  return c;
}
