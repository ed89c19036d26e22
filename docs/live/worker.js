// What the live page computes, off its main thread: a sound, its transform as a picture, its histogram, its zeros, a point.
// E, what engine.js exports, comes before this text; see page.js.
const RATE = 8000                                    // of the page's own sounds [Hz]
const HEAT = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122], [229, 80, 100], [251, 135, 97],
              [254, 194, 135], [252, 253, 191]]      // matplotlib's magma at nine places

// Normally distributed numbers, the same for the same seed.
function* normal(seed) {
    const uniform = () => {                          // mulberry32
        seed = seed + 0x6D2B79F5 | 0
        let z = Math.imul(seed ^ seed >>> 15, 1 | seed)
        z = z + Math.imul(z ^ z >>> 7, 61 | z) ^ z
        return ((z ^ z >>> 14) >>> 0) / 2 ** 32
    }
    while (true) {
        const r = Math.sqrt(-2 * Math.log(1 - uniform())), angle = 2 * Math.PI * uniform()
        yield r * Math.cos(angle)
        yield r * Math.sin(angle)
    }
}

// Samples at times t [s]; `s` has what the page's controls say.
const SOUNDS = {
    calls: t => 0.4 * Math.sin(Math.PI / 2 * Math.min(1, Math.min(t, 0.256 - t) / 0.01)) ** 2 * Math.cos(2 * Math.PI * 200 * t)
        + (Math.abs(t - 0.08) < 1e-9 ? 6 : 0) + (t > 0.11 && t < 0.24 ? Math.sin(Math.PI * (t - 0.11) / 0.13) ** 2
            * Math.cos(2 * Math.PI * (350 * (t - 0.11) + 1500 * (t - 0.11) ** 2)) : 0),
    tones: (t, s) => Math.cos(2 * Math.PI * (500 - s.apart / 2) * t) + Math.cos(2 * Math.PI * (500 + s.apart / 2) * t),
    tone: (t, s) => Math.cos(2 * Math.PI * s.hertz * t),
    song: t => Math.cos(2 * Math.PI * 703.125 * t + 32 * Math.sin(2 * Math.PI * 7.8125 * t))
        + (Math.abs(t / 0.032 % 1 - 0.5) < 1e-6 ? 4 : 0),
    clicks: t => Math.abs(t / 0.02 - Math.round(t / 0.02)) < 1e-6 ? 6 : 0,
}
function sound(s) {
    if (s.samples) return s.samples
    const x = Float64Array.from({length: s.n}, (_, i) => SOUNDS[s.kind](i / RATE, s))
    const noise = normal(s.seed ?? 1)
    if (s.noise) for (let i = 0; i < s.n; i++) x[i] += s.noise * noise.next().value
    return x
}

function greatest(values) {
    let top = 0
    for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i]
    return top
}

function lit(energy) {                               // cells that are seen: within 50 dB of the greatest
    const least = 1e-5 * greatest(energy)
    let cells = 0
    for (let i = 0; i < energy.length; i++) cells += energy[i] > least
    return cells
}

// The transform in pixels: modulus and direction of chi, averaged over the samples that fall on one.
function pixels(P, wide, zeros) {
    const step = Math.max(1, Math.round(P.n / wide)), width = Math.floor(P.n / step)
    const size = width * P.nScans, parts = [0, 1, 2].map(() => new Float32Array(size)), phases = new Float32Array(size)
    const [moduli, cosines, sines] = parts
    const add = (j, chi) => {
        for (let p = 0, i = 0, at = j * width; p < width; p++, at++) {
            if (zeros) phases[at] = Math.atan2(chi[i + 1], chi[i]) / (2 * Math.PI)
            let modulus = 0, c = 0, s = 0
            for (let k = 0; k < step; k++, i += 2) {
                const re = chi[i], im = chi[i + 1], size = Math.sqrt(re * re + im * im), unit = size ? 1 / size : 0
                modulus += size
                c += re * unit
                s += im * unit
            }
            moduli[at] = modulus / step
            cosines[at] = c / step
            sines[at] = s / step
        }
    }
    return {step, width, height: P.nScans, parts, phases, add}
}

// Brightness: the root of the modulus. Hue: the phase; three cosines a third of a turn apart.
function coloured({width, height, parts: [modulus, c, s]}) {
    const out = new Uint8ClampedArray(4 * width * height), top = greatest(modulus) || 1
    for (let row = 0, at = 0; row < height; row++) {
        const to = (height - 1 - row) * width
        for (let p = 0; p < width; p++, at++) {
            const light = 127.5 * Math.sqrt(modulus[at] / top), a = c[at], b = 0.866 * s[at], o = 4 * (to + p)
            out[o] = light * (1 + a)
            out[o + 1] = light * (1 - a / 2 + b)
            out[o + 2] = light * (1 - a / 2 - b)
            out[o + 3] = 255
        }
    }
    return out
}

// Energy in decibels below its maximum, 50 of them, transposed: rows are frequencies, the highest first.
function heat(energy, P) {
    const out = new Uint8ClampedArray(4 * energy.length).fill(255), top = greatest(energy) || 1
    for (let row = 0, i = 0; row < P.nTimes; row++) {
        for (let column = 0; column < P.nBins; column++, i++) {
            const level = energy[i] ? Math.max(0, 1 + Math.log10(energy[i] / top) / 5) * 8 : 0
            const k = Math.min(7, Math.floor(level)), o = 4 * (column * P.nTimes + row), low = HEAT[k], high = HEAT[k + 1]
            for (let c = 0; c < 3; c++) out[o + c] = low[c] + (level - k) * (high[c] - low[c])
        }
    }
    return out
}

function zerosOf(pixels, P) {                        // t, f in turn [samples, cycles per sample]
    const {step, width, phases, parts: [modulus]} = pixels, found = []
    const faint = 1e-6 * greatest(modulus)
    for (let j = 0; j + 1 < P.nScans; j++) {
        const [lower, upper] = [j, j + 1].map(k => phases.subarray(k * width, (k + 1) * width))
        E.turns(lower, upper, P.f0(j), P.f0(j + 1), step, i => {
            if (modulus[j * width + i] > faint) found.push((i + 0.5) * step, Math.sqrt(P.f0(j) * P.f0(j + 1)))
        })
    }
    return Float32Array.from(found)
}

// The share of the energy that arrives within a tenth of the two tones' distance of one of them, as in chapter 105.
function near(sums, P, s, f0, sigmaF, chi, eta) {
    const reach = s.apart / 10 / RATE, low = (500 - s.apart / 2) / RATE, high = (500 + s.apart / 2) / RATE
    for (let i = P.n / 4; i < 3 * P.n / 4; i++) {
        const a = chi[2 * i], b = chi[2 * i + 1], p = a * a + b * b
        const f = f0 - sigmaF * (eta[2 * i] * a + eta[2 * i + 1] * b) / p
        sums[0] += p
        if (Math.abs(f - low) < reach || Math.abs(f - high) < reach) sums[1] += p
    }
}

// How far a point beside a tone that is alone in the same noise is from the tone, root of the mean square [Hz].
function precision(s, P) {
    const S = E.spectrum(sound({...s, kind: 'tone', hertz: 500})), f = 500 / RATE, times = Array.from({length: 64}, (_, i) => i / 64)
    const off = times.map(k => E.at(S, P, P.n * (0.25 + k / 2), f + P.sigmaF(f) / 3).fIns * RATE - 500)
    return Math.sqrt(off.reduce((sum, d) => sum + d * d, 0) / off.length)
}

const kept = new Map()                               // figure → its sound's spectrum and plan, and its full histogram

function move({figure, s, plan, thin = [1, 1], gate, zeros, wide = 1024}) {
    const x = sound(s), P = E.plan({...plan, n: x.length}), S = E.spectrum(x), view = pixels(P, wide, zeros)
    const [stride, step] = thin, all = stride * step === 1, full = E.picture(P), some = all ? full : E.picture(P)
    const sums = [0, 0]
    let sent = 0
    E.scans(S, P, 1, (j, f0, sigmaF, chi, eta) => {
        const to = (into, stride) => E.send(into, P, S.power, j, f0, sigmaF, chi, eta, stride)
        view.add(j, chi)
        if (j % step === Math.floor(step / 2)) sent += to(some, stride)
        if (!all) to(full, 1)
        if (s.kind === 'tones') near(sums, P, s, f0, sigmaF, chi, eta)
    })
    const total = full.energy.reduce((a, b) => a + b, 0)
    const off = all ? 0 : full.energy.reduce((d, e, i) => d + Math.abs(stride * step * some.energy[i] - e), 0)
    const energy = gate ? E.gate(some, P, gate) : some.energy
    kept.set(figure, {S, P})
    const found = zeros ? zerosOf(view, P) : new Float32Array(0)
    return {x: Float64Array.from(x), P: {n: P.n, nTimes: P.nTimes, nBins: P.nBins, nScans: P.nScans},
            chi: coloured(view), width: view.width, heat: heat(energy, P), energy, counts: some.counts,
            zeros: found, sent, error: off / total, cells: lit(energy),
            ...s.kind === 'tones' && {near: s.apart ? sums[1] / sums[0] : 1, precision: precision(s, P)}}
}

onmessage = ({data}) => {
    const start = performance.now(), {S, P} = kept.get(data.figure) ?? {}
    try {
        const answer = data.point ? {point: E.at(S, P, ...data.point)} : move(data)
        const buffers = ['chi', 'heat', 'energy', 'counts', 'zeros', 'x'].filter(k => answer[k]).map(k => answer[k].buffer)
        postMessage({...answer, id: data.id, figure: data.figure, ms: performance.now() - start}, buffers)
    } catch (error) {
        postMessage({id: data.id, figure: data.figure, wrong: String(error)})
    }
}
