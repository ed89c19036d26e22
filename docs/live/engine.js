// The live page's own copy of the method: the authors' loop, one filter after the other, as chapter 407 has it in Python.
// It teaches and draws; the package computes.  Natural units: time in samples, frequency in cycles per sample.
// Equations: Gardner & Magnasco 2006.  tests/test_live.py holds it to the package's mode="parity".
module.exports = FFT => {
    const TAIL = 12                                  // beyond 12 standard deviations a Gaussian is below 1e-31
    const SILENCE = (4 * Number.EPSILON) ** 2       // chi below its own rounding error has no phase; see chapter 405

    // The forward transform of any length, (out, z) interleaved: fft.js where the length is a power of two, else Bluestein's convolution with a chirp.
    function transform(n) {
        if (n > 1 && (n & (n - 1)) === 0) {
            const fft = new FFT(n)
            return (out, z) => fft.transform(out, z)
        }
        let m = 2
        while (m < 2 * n) m *= 2
        const fft = new FFT(m), chirp = new Float64Array(2 * n), kernel = new Float64Array(2 * m)
        for (let k = 0; k < n; k++) {                // exp(−iπk²/n); k² modulo 2n keeps the angle small and exact
            const angle = Math.PI * (k * k % (2 * n)) / n
            chirp[2 * k] = Math.cos(angle)
            chirp[2 * k + 1] = -Math.sin(angle)
            for (const at of k ? [k, m - k] : [0]) {
                kernel[2 * at] = Math.cos(angle)
                kernel[2 * at + 1] = Math.sin(angle)
            }
        }
        const K = new Float64Array(2 * m), a = new Float64Array(2 * m), A = new Float64Array(2 * m)
        fft.transform(K, kernel)
        const times = (out, u, v, count) => {        // out = u·v
            for (let k = 0; k < 2 * count; k += 2) {
                const re = u[k], im = u[k + 1]
                out[k] = re * v[k] - im * v[k + 1]
                out[k + 1] = re * v[k + 1] + im * v[k]
            }
        }
        return (out, z) => {
            a.fill(0)
            times(a, z, chirp, n)
            fft.transform(A, a)
            times(A, A, K, m)
            fft.inverseTransform(a, A)
            times(out, a, chirp, n)
        }
    }

    // What is known before the sound is (chapter 404).
    function plan({n, q, tdeci, over, noct, minf, maxf, lint = 0.5}) {
        const nBins = Math.ceil(noct * Math.log2(maxf / minf) + 1), nScans = Math.ceil(nBins * over)
        const f0 = j => minf * 2 ** (j / (over * noct))
        return {n, q, tdeci, over, noct, minf, maxf, lint, nBins, nScans, f0, nTimes: Math.ceil(n / tdeci),
                sigmaF: f => f / (2 * Math.PI * q), sigmaT: f => q / f}
    }

    // X = DFT(x), interleaved, with the transform that made it.
    function spectrum(x) {
        const n = x.length, fft = transform(n), X = new Float64Array(2 * n), z = new Float64Array(2 * n)
        let power = 0
        for (let i = 0; i < n; i++) {
            z[2 * i] = x[i]
            power += x[i] * x[i]
        }
        fft(X, z)
        return {n, X, fft, power}
    }

    // The bins that a filter touches: call each(k, g, u) with g = exp(−u²/2), u = (f − f₀)/σ_f; f runs up to 0.5, then
    // from −0.5 (the filter is cut off at half the sampling rate).
    function filter(n, f0, sigmaF, each) {
        const half = Math.floor(n / 2), reach = TAIL * sigmaF
        const first = Math.max(half - n + 1, Math.ceil((f0 - reach) * n))
        const last = Math.min(half, Math.floor((f0 + reach) * n))
        for (let k = first; k <= last; k++) {
            const u = (k / n - f0) / sigmaF
            each(k < 0 ? k + n : k, Math.exp(-u * u / 2), u)
        }
    }

    // Two transforms for each filter: call each(j, f0, sigmaF, chi, eta) for every `step`-th scan.
    // chi = IDFT(g·X), Eq. 1 for a window that keeps q cycles in one σ_t = 1/(2πσ_f);
    // eta = IDFT(−u·g·X), Eq. 5, here weighted by frequency instead of time.
    function scans({n, X, fft}, P, step, each) {
        const chi = new Float64Array(2 * n), eta = new Float64Array(2 * n)
        const gX = new Float64Array(2 * n), ugX = new Float64Array(2 * n)
        for (let j = Math.floor(step / 2); j < P.nScans; j += step) {
            const f0 = P.f0(j), sigmaF = P.sigmaF(f0)
            gX.fill(0)
            ugX.fill(0)
            filter(n, f0, sigmaF, (k, g, u) => {
                const back = 2 * (k && n - k)        // forward from the bins in reverse is n times the inverse
                gX[back] = g * X[2 * k] / n
                gX[back + 1] = g * X[2 * k + 1] / n
                ugX[back] = -u * gX[back]
                ugX[back + 1] = -u * gX[back + 1]
            })
            fft(chi, gX)
            fft(eta, ugX)
            each(j, f0, sigmaF, chi, eta)
        }
    }

    // Eq. 6, m = η/χ.  The parts of m stand the other way round than in the paper because η is weighted by frequency:
    // t_ins = t + Im m/(2πσ_f), f_ins = f₀ − σ_f·Re m.  Instants count from 1.
    function reassign(t, f0, sigmaF, chiRe, chiIm, etaRe, etaIm) {
        const power = chiRe * chiRe + chiIm * chiIm
        return {power, size: Math.sqrt((etaRe * etaRe + etaIm * etaIm) / power),
                tIns: t + (etaIm * chiRe - etaRe * chiIm) / power / (2 * Math.PI * sigmaF),
                fIns: f0 - sigmaF * (etaRe * chiRe + etaIm * chiIm) / power}
    }

    // A sound's picture: empty cells, row = time, column 0 = the highest frequency.
    const picture = P => ({energy: new Float64Array(P.nTimes * P.nBins), counts: new Float64Array(P.nTimes * P.nBins)})

    // Send every `stride`-th sample of a scan to its cell; returns how many departed.
    function send(into, P, power, j, f0, sigmaF, chi, eta, stride) {
        const least = SILENCE * power / P.n, lint2 = P.lint * P.lint, turn = 2 * Math.PI * sigmaF
        let sent = 0
        for (let i = Math.floor(stride / 2); i < P.n; i += stride, sent++) {
            const a = chi[2 * i], b = chi[2 * i + 1], c = eta[2 * i], d = eta[2 * i + 1], p = a * a + b * b
            if (!(c * c + d * d < lint2 * p && p > least)) continue         // |m| < lint
            const f = f0 - sigmaF * (c * a + d * b) / p                     // Eq. 6, as in `reassign`
            const t = 1 + i + (d * a - c * b) / p / turn
            if (!(f > P.minf && f < P.maxf && t >= 1 && t < P.n)) continue
            const row = Math.floor(t / P.tdeci + 1) - 1
            const column = Math.floor(-P.noct * Math.log2(f / P.maxf) + 1.5) - 1
            into.energy[row * P.nBins + column] += p
            into.counts[row * P.nBins + column] += 1
        }
        return sent
    }

    // The whole method: channels of samples in, energy and counts before the gate out.
    function histogram(channels, P) {
        const into = picture(P)
        for (const x of channels) {
            const S = spectrum(x)
            scans(S, P, 1, (j, f0, s, chi, eta) => send(into, P, S.power, j, f0, s, chi, eta, 1))
        }
        return into
    }

    // Which cells are lit (chapter 414). "global", the authors': as many counts as the root of the largest. "local": a tenth
    // of the counts that an undisturbed cell, a tone or a click leaves, whichever is least.
    function gate({energy, counts}, P, rule = 'global') {
        const undisturbed = P.tdeci * P.over, scans = P.over * P.noct / Math.LN2 * P.lint / (Math.PI * P.q)
        const local = Float64Array.from({length: P.nBins}, (_, b) => 0.1 * Math.min(undisturbed, P.tdeci * scans,
            P.over * 2 * P.lint * P.q / P.maxf * 2 ** (b / P.noct)))
        const least = Math.sqrt(counts.reduce((a, b) => Math.max(a, b), 0))
        return energy.map((e, i) => counts[i] < (rule === 'local' ? local[i % P.nBins] : least) ? 0 : e)
    }

    // chi and eta at one point (t from 1, f0), anywhere between the samples, by summing over the filter's bins.
    function at({n, X}, P, t, f0) {
        const sigmaF = P.sigmaF(f0), sum = [0, 0, 0, 0]
        filter(n, f0, sigmaF, (k, g, u) => {
            const f = (k > n / 2 ? k - n : k) / n, c = Math.cos(2 * Math.PI * f * (t - 1))
            const s = Math.sin(2 * Math.PI * f * (t - 1))
            const re = g * (X[2 * k] * c - X[2 * k + 1] * s) / n, im = g * (X[2 * k] * s + X[2 * k + 1] * c) / n
            sum[0] += re
            sum[1] += im
            sum[2] -= u * re
            sum[3] -= u * im
        })
        return {t, f0, sigmaF, chi: sum.slice(0, 2), ...reassign(t, f0, sigmaF, ...sum)}
    }

    // Zeros of chi (Eq. 4: isolated, the phase turns once around each): two neighbouring scans, rows of phases [turns] a
    // stride apart, and the turns of phase around each of the cells between them.
    function turns(lower, upper, f0, f1, stride, found) {
        const wrap = a => a - Math.round(a), carrier = stride * (f0 + f1) / 2
        for (let i = 0; i + 1 < lower.length; i++) {
            const around = wrap(lower[i + 1] - lower[i] - carrier) + wrap(upper[i + 1] - lower[i + 1])
                - wrap(upper[i + 1] - upper[i] - carrier) - wrap(upper[i] - lower[i])
            if (Math.round(around)) found(i)
        }
    }

    return {transform, plan, spectrum, filter, scans, reassign, picture, send, histogram, gate, at, turns}
}
