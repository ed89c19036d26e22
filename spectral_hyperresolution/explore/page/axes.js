// Ticks and numbers: time as h:mm:ss or as a moment in UTC, frequency as Hz or kHz.

const nice = (span, count) => {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw)), r = raw / power;
  return (r <= 1 ? 1 : r <= 2 ? 2 : r <= 5 ? 5 : 10) * power;
};

const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

export const digits = step => Math.max(0, Math.min(9, -Math.floor(Math.log10(step) + 1e-9)));

export function clock(t, step) {           // step: how fine it has to be told [s]
  const d = digits(step), scale = 10 ** d;
  const whole = Math.round(Math.abs(t) * scale), s = Math.floor(whole / scale);
  const part = d ? "." + String(whole % scale).padStart(d, "0") : "";
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60, two = n => String(n).padStart(2, "0");
  return (t < 0 && whole ? "−" : "") + (h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`) + part;
}

// A moment, as many seconds after `zero` [s since 1970]; how fine it has to be told [s].
export function moment(t, zero, step) {
  const d = digits(step), scale = 10 ** d, whole = Math.round(t * scale), s = Math.floor(whole / scale);
  const text = new Date((zero + s) * 1000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)}` + (d ? "." + String(whole - s * scale).padStart(d, "0") : "");
}

export function hertz(f, step) {           // step: how fine it has to be told [Hz]
  const d = digits(step);
  return f >= 1000 && step >= 1 ? `${(f / 1000).toFixed(Math.max(0, Math.min(3, d + 3 - Math.floor(Math.log10(step) + 1e-9) - d)))} kHz` : `${f.toFixed(d)} Hz`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], DAY = 86400;

// Days of each month, or months, that are at least `raw` seconds apart.
function calendar(t0, t1, zero, raw) {
  const out = [], days = [1, 2, 5, 10, 15].find(n => n * DAY >= raw), end = zero + t1;
  const months = [1, 2, 3, 6, 12, 24, 60, 120, 240].find(n => n * 30 * DAY >= raw) ?? 600;
  const from = new Date((zero + t0) * 1000), year = months < 12 ? from.getUTCFullYear() : Math.floor(from.getUTCFullYear() / (months / 12)) * (months / 12);
  const put = (at, text) => { if (at >= zero + t0 && at <= end) out.push({ at: at - zero, text }); };
  for (let m = days ? from.getUTCMonth() : 0; ; m += days ? 1 : months) {
    const begin = Date.UTC(year, m, 1) / 1000, day = new Date(begin * 1000), name = MONTHS[day.getUTCMonth()];
    if (begin > end) return out;
    const last = days ? (Date.UTC(year, m + 1, 1) / 1000 - begin) / DAY : 1;
    for (let d = 0; d === 0 || d + days / 2 < last; d += days ?? last) put(begin + d * DAY, d || days < 15 ? `${d + 1} ${name}` : `${name} ${day.getUTCFullYear()}`);
  }
}

// The same as moments in UTC: hours and minutes, and at midnight the day.
function momentTicks(t0, t1, count, zero) {
  const raw = (t1 - t0) / count;
  if (raw > DAY / 2) return calendar(t0, t1, zero, raw);
  const step = raw < 1 ? nice(t1 - t0, count) : TIMES.find(s => s >= raw), out = [];
  const midnight = Math.floor((zero + t0) / DAY) * DAY - zero;
  for (let k = Math.ceil((t0 - midnight) / step - 1e-6); midnight + k * step <= t1 + step * 1e-6; k++) {
    const at = midnight + k * step, text = moment(at, zero, Math.min(1, step)), [, month, day] = text.slice(0, 10).split("-");
    out.push({ at, text: /00:00:00\.?0*$/.test(text) ? `${+day} ${MONTHS[month - 1]}` : step < 60 ? text.slice(11) : text.slice(11, 16) });
  }
  return out;
}

export function timeTicks(t0, t1, count, zero = null) {      // zero: the axis is UTC, from so many seconds since 1970
  if (zero !== null) return momentTicks(t0, t1, count, zero);
  const raw = (t1 - t0) / count;
  const step = raw < 1 ? nice(t1 - t0, count) : TIMES.find(s => s >= raw) ?? 86400 * Math.ceil(raw / 86400);
  const out = [];
  for (let k = Math.ceil(t0 / step - 1e-6); k * step <= t1 * (1 + 1e-12); k++) out.push({ at: k * step, text: clock(k * step, Math.min(1, step)) });
  return out;
}

const label = (f, step) => {
  if (f >= 1000 && step >= 10) return `${+(f / 1000).toFixed(3 - Math.min(3, Math.floor(Math.log10(step) + 1e-9)))}k`;
  return f.toFixed(digits(step));
};

export function frequencyTicks(f0, f1, count, linear) {
  const out = [];
  if (linear || f1 / f0 < 3) {
    const step = nice(f1 - f0, count);
    for (let k = Math.ceil(f0 / step - 1e-6); k * step <= f1 * (1 + 1e-12); k++) out.push({ at: k * step, text: label(k * step, step) });
    return out;
  }
  const steps = f1 / f0 > 40 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
  for (let p = Math.floor(Math.log10(f0)); p <= Math.log10(f1); p++)
    for (const s of steps) {
      const f = s * 10 ** p;
      if (f >= f0 && f <= f1) out.push({ at: f, text: f >= 1000 ? `${+(f / 1000).toFixed(4)}k` : `${+f.toFixed(4)}` });
    }
  return out;
}
