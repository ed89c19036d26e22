// Ticks and numbers: time as h:mm:ss, frequency as Hz or kHz.

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

export function hertz(f, step) {           // step: how fine it has to be told [Hz]
  const d = digits(step);
  return f >= 1000 && step >= 1 ? `${(f / 1000).toFixed(Math.max(0, Math.min(3, d + 3 - Math.floor(Math.log10(step) + 1e-9) - d)))} kHz` : `${f.toFixed(d)} Hz`;
}

export function timeTicks(t0, t1, count) {
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
