// The figures of the live page: controls, pictures, sound.  All computing is done by worker.js; PARTS has its text.
(() => {
const RATE = 8000                                    // of the page's own sounds [Hz]
const SVG = 'http://www.w3.org/2000/svg'
const THIN = [[64, 16], [32, 16], [32, 8], [16, 8], [16, 4], [8, 4], [8, 2], [4, 2], [4, 1], [2, 1], [1, 1]]
const Q = [0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8]
const WIDE = {q: 4, tdeci: 8, over: 1, noct: 48, minf: 75 / RATE, maxf: 1200 / RATE}
const HOP = [1, 2, 4, 8, 16, 32, 64]
const BINS = [6, 12, 24, 48]
const LINT = [0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2]
const FIGURES = {
    drag: {sound: {kind: 'calls', n: 2048}, plan: {...WIDE, q: 2}, controls: ['time', 'frequency', 'q']},
    points: {sound: {kind: 'calls', n: 2048}, plan: {...WIDE, q: 2}, controls: ['points', 'q']},
    merge: {sound: {kind: 'tones', n: 2048, apart: 120, noise: 0.01}, controls: ['apart', 'q'],
            plan: {...WIDE, noct: 128, minf: 300 / RATE, maxf: 800 / RATE}},
    noise: {sound: {kind: 'tone', hertz: 250, n: 2048, noise: 0.5, seed: 1}, plan: WIDE, zeros: true, controls: ['noise', 'q', 'again']},
    settings: {sound: {kind: 'song', n: 2048, noise: 0.1}, plan: {...WIDE, lint: 0.5},
               controls: ['q', 'hop', 'bins', 'over', 'lint', 'gate']},
    own: {sound: {kind: 'clicks', n: 4096}, controls: ['file', 'top', 'from', 'q'],
          plan: {...WIDE, tdeci: 16, noct: 36, minf: 1 / 64, maxf: 1 / 2}},
}

const show = (v, digits = 3) => Number(v.toPrecision(digits)).toLocaleString('en', {maximumSignificantDigits: digits})
const percent = v => `${show(100 * v, v < 0.1 ? 2 : 3)} %`
const make = (tag, properties = {}, ...inside) => {
    const node = Object.assign(document.createElement(tag), properties)
    node.append(...inside)
    return node
}
const drawn = (tag, parent, attributes) => {
    const node = document.createElementNS(SVG, tag)
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
    parent.append(node)
    return node
}

const departures = ({sound, plan}, [stride, step]) => {
    const scans = Math.ceil(plan.noct * Math.log2(plan.maxf / plan.minf) + 1)
    return sound.n / stride * Math.ceil((scans - Math.floor(step / 2)) / step)
}

// Each control: its name, its range, what it changes, and how its value is read.
const CONTROLS = {
    time: {name: 'Time of the point', range: f => [0, f.sound.n - 1, 1], start: () => 1440,
           set: (f, v) => { f.point.t = v + 1 }, read: (f, v) => `${show(1e3 * v / f.rate)} ms`, only: 'point'},
    frequency: {name: 'Frequency of the point', range: () => [0, 192, 1], start: () => 88,
                set: (f, v) => { f.point.f = f.plan.minf * 2 ** (v / 48) },
                read: (f, v) => `${show(f.rate * f.plan.minf * 2 ** (v / 48))} Hz`, only: 'point'},
    q: {name: 'Window, q', range: () => [0, Q.length - 1, 1], start: f => Q.indexOf(f.plan.q),
        set: (f, v) => { f.plan.q = Q[v] },
        read: (f, v) => `${Q[v]} ${Q[v] === 1 ? 'cycle' : 'cycles'}, σ = ${show(2 * Q[v])} ms at 500 Hz`},
    points: {name: 'Departure points', range: () => [0, THIN.length - 1, 1], start: () => 4,
             set: (f, v) => { f.thin = THIN[v] },
             read: (f, v) => `${departures(f, THIN[v]).toLocaleString('en')} points`},
    apart: {name: 'Distance of the two tones', range: () => [0, 200, 5], start: f => f.sound.apart,
            set: (f, v) => { f.sound.apart = v }, read: (f, v) => `${v} Hz`},
    noise: {name: 'Noise, rms', range: () => [0, 2, 0.05], start: f => f.sound.noise,
            set: (f, v) => { f.sound.noise = v }, read: (f, v) => `${v.toFixed(2)} of the tone’s amplitude`},
    hop: {name: 'hop_length', range: () => [0, HOP.length - 1, 1], start: f => HOP.indexOf(f.plan.tdeci),
          set: (f, v) => { f.plan.tdeci = HOP[v] }, read: (f, v) => `${HOP[v]} ${HOP[v] === 1 ? 'sample' : 'samples'}, ${show(1e3 * HOP[v] / f.rate)} ms`},
    bins: {name: 'bins_per_octave', range: () => [0, BINS.length - 1, 1], start: f => BINS.indexOf(f.plan.noct),
           set: (f, v) => { f.plan.noct = BINS[v] }, read: (f, v) => `${BINS[v]} rows, each ${1200 / BINS[v]} cents`},
    over: {name: 'oversampling', range: () => [1, 2, 1], start: f => f.plan.over, set: (f, v) => { f.plan.over = v },
           read: (f, v) => `${v} ${v === 1 ? 'filter' : 'filters'} a row`},
    lint: {name: 'lint', range: () => [0, LINT.length - 1, 1], start: f => LINT.indexOf(f.plan.lint),
           set: (f, v) => { f.plan.lint = LINT[v] }, read: (f, v) => `${LINT[v]} σ`},
    from: {name: 'Beginning of the part shown', range: () => [0, 0, 1], start: () => 0,
           set: (f, v) => { f.take?.(v) }, read: (f, v) => `${show(v / 1e3, 4)} s`},
}

// What a figure says in words; every number is the worker's.
const SAYS = {
    drag: f => {
        const {t, f0, sigmaF, tIns, fIns, size} = f.at, ms = 1e3 / f.rate, sigma = f.plan.q / f0
        if (!Number.isFinite(tIns)) return 'There is nothing under this window: the point has no phase, and nowhere to go.'
        return `From ${show((t - 1) * ms)} ms and ${show(f0 * f.rate)} Hz the point goes to ${show((tIns - 1) * ms)} ms and `
            + `${show(fIns * f.rate)} Hz: ${(Math.abs(tIns - t) / sigma).toFixed(2)} σ in time, `
            + `${(Math.abs(fIns - f0) / sigmaF).toFixed(2)} σ in frequency, |η/χ| = ${size.toFixed(2)} in all. The picture of the `
            + `energy counts points that move by less than ${f.plan.lint} σ: ${size < f.plan.lint ? 'this is one of them' : 'this one is not counted'}.`
    },
    points: f => `${f.got.sent.toLocaleString('en')} points were sent; ${f.got.cells.toLocaleString('en')} of `
        + `${f.got.energy.length.toLocaleString('en')} cells are lit. ` + (f.got.error
        ? `From the picture of all points this one differs by ${percent(f.got.error)} of its energy.`
        : 'These are all points: every sample of every filter.'),
    merge: f => {
        const sigmaF = 500 / (2 * Math.PI * f.plan.q), apart = f.sound.apart
        const alone = `Alone, a tone at 500 Hz would be found to within ${show(f.got.precision, 2)} Hz.`
        if (!apart) return `The two tones are one. ${alone}`
        return `${apart} Hz are ${show(apart / sigmaF, 2)} σ of the filter (${show(sigmaF)} Hz). `
            + `${percent(f.got.near)} of the energy arrives within ${show(apart / 10)} Hz of a tone: the two are `
            + `${f.got.near >= 0.9 ? 'apart' : f.got.near < 0.5 ? 'merged' : 'merging'}. ${alone}`
    },
    noise: f => `${f.got.zeros.length / 2} zeros (dots) in a picture of `
        + `${show(f.got.P.n * (f.plan.maxf - f.plan.minf))} units of time × frequency. `
        + (f.sound.noise ? '' : 'Without noise there is only the tone, and it has none near it.'),
    settings: f => {
        const {q, lint, over, noct} = f.plan, need = Math.PI * Math.LN2 * q / lint
        return `${percent(f.got.cells / f.got.energy.length)} of ${f.got.energy.length.toLocaleString('en')} cells are lit. `
            + `There are ${over * noct} filters in an octave; a line has no holes from ${show(need)} on (π ln 2 · q / lint): `
            + `${over * noct >= need ? 'enough' : 'too few'}.`
    },
    own: f => `${f.title}: ${show(1e3 * f.got.P.n / f.rate)} ms, up to ${show(f.rate * f.plan.maxf)} Hz. `
        + `${percent(f.got.cells / f.got.energy.length)} of the cells are lit.`,
}

let worker, running
const figures = {}
function start() {
    const {fft, engine, code} = PARTS
    const packed = [fft, engine].map(text => `(module => {${text}\nreturn module.exports})({})`)
    const text = `const E = (${packed[1]})(${packed[0]})\n${code}`
    worker = new Worker(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})))
    worker.onmessage = ({data}) => figures[data.figure].receive(data)
}

class Figure {
    constructor(figure) {
        Object.assign(this, {figure, name: figure.dataset.live, asked: 0, want: new Set(['move']), thin: [1, 1]})
        const {sound, plan, controls, zeros = false} = FIGURES[this.name]
        Object.assign(this, {sound: {...sound}, plan: {lint: 0.5, ...plan}, zeros, rate: RATE, title: 'Clicks 20 ms apart'})
        if (controls.includes('time')) this.point = {}
        this.stage = make('div', {className: 'live-stage'})
        this.views = ['χ: brightness |χ|, hue its phase', 'reassigned: energy, 50 dB'].map(title => this.view(title))
        if (this.point) this.strip()
        this.panel = make('div', {className: 'live-controls'})
        this.buttons = make('div', {className: 'live-buttons'})
        this.inputs = Object.fromEntries(controls.map(key => [key, this[key] ? this[key]() : this.slider(key)]))
        this.buttons.prepend(make('button', {type: 'button', textContent: 'Hear it', onclick: () => this.play()}))
        this.panel.append(this.buttons)
        this.words = make('p', {className: 'live-says'})
        this.words.setAttribute('role', 'status')
        figure.append(this.stage, this.panel, this.words)
        if (this.point) this.draggable()
        this.pump()
    }

    view(title) {
        const canvas = make('canvas'), svg = document.createElementNS(SVG, 'svg'), ticks = make('div', {className: 'live-ticks'})
        const plane = make('div', {className: 'live-plane'}, canvas, svg, ticks)
        canvas.setAttribute('role', 'img')
        canvas.setAttribute('aria-label', title)
        svg.setAttribute('aria-hidden', 'true')
        ticks.setAttribute('aria-hidden', 'true')
        this.stage.append(make('div', {className: 'live-view'}, make('div', {className: 'live-title', textContent: title}), plane))
        return {title, canvas, svg, ticks, plane}
    }

    strip() {
        const svg = document.createElementNS(SVG, 'svg')
        svg.setAttribute('viewBox', '0 -1.05 1000 2.1')
        svg.setAttribute('preserveAspectRatio', 'none')
        svg.setAttribute('role', 'img')
        svg.setAttribute('aria-label', 'The sound')
        svg.setAttribute('class', 'live-strip')
        this.waves = {svg}
        for (const part of ['sound', 'window', 'wavelet']) this.waves[part] = drawn('path', svg, {class: `live-${part}`})
        const key = make('div', {className: 'live-key'})
        for (const part of ['sound', 'window', 'wavelet']) key.append(make('span', {className: `live-${part}`, textContent: part}))
        this.views[0].plane.after(svg, key)
    }

    slider(key) {
        const control = CONTROLS[key], [min, max, step] = control.range(this), id = `live-${this.name}-${key}`
        const input = make('input', {type: 'range', id, min, max, step, autocomplete: 'off'})
        const output = make('output')
        output.htmlFor.add(id)
        const label = make('label', {htmlFor: id, textContent: control.name})
        this.panel.append(make('div', {className: 'live-control'}, label, output, input))
        const apply = () => {
            const v = Number(input.value)
            control.set(this, v)
            output.textContent = control.read(this, v)
            input.setAttribute('aria-valuetext', output.textContent)
        }
        input.value = control.start(this)
        input.disabled = min === max
        apply()
        input.addEventListener('input', () => { apply(); this.ask(control.only ?? 'move') })
        return {input, apply}
    }

    again() {                                        // another noise of the same strength
        const onclick = () => { this.sound.seed += 1; this.ask('move') }
        this.buttons.append(make('button', {type: 'button', textContent: 'Another noise', onclick}))
    }

    gate() {
        const select = make('select', {id: `live-${this.name}-gate`})
        for (const rule of ['none', 'local', 'global']) select.append(make('option', {value: rule, textContent: rule}))
        const label = make('label', {htmlFor: select.id, textContent: 'gate'})
        this.panel.append(make('div', {className: 'live-control'}, label, select))
        select.addEventListener('change', () => {
            this.rule = select.value === 'none' ? undefined : select.value
            this.ask('move')
        })
    }

    file() {
        const input = make('input', {type: 'file', accept: 'audio/*', id: `live-${this.name}-file`})
        const label = make('label', {htmlFor: input.id, textContent: 'A sound file of your own (it stays in this browser)'})
        this.panel.append(make('div', {className: 'live-control'}, label, input))
        const load = async file => {
            if (!file) return
            this.data = await file.arrayBuffer()
            this.called = file.name
            this.inputs.top.input.disabled = false
            await this.decode()
        }
        input.addEventListener('change', () => load(input.files[0]))
        this.figure.addEventListener('dragover', event => event.preventDefault())
        this.figure.addEventListener('drop', event => { event.preventDefault(); load(event.dataTransfer.files[0]) })
    }

    top() {
        const select = make('select', {id: `live-${this.name}-top`})
        for (const rate of [8000, 16000, 48000]) {
            select.append(make('option', {value: rate, textContent: `${rate / 2000} kHz, ${show(4.096e6 / rate)} ms at a time`}))
        }
        const label = make('label', {htmlFor: select.id, textContent: 'Highest frequency'})
        this.panel.append(make('div', {className: 'live-control'}, label, select))
        Object.assign(select, {value: 16000, disabled: true})
        select.addEventListener('change', () => this.decode())
        return {input: select}
    }

    async decode() {                                 // the browser resamples while it decodes
        if (!this.data) return
        const rate = Number(this.inputs.top.input.value), asked = this.decoding = Symbol('the last file wins')
        try {
            const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(this.data.slice(0))
            if (asked !== this.decoding) return
            Object.assign(this, {buffer, rate, title: this.called})
        } catch {
            this.words.textContent = `${this.called} is not a sound that this browser can decode.`
            return
        }
        const {input, apply} = this.inputs.from
        input.max = Math.max(0, Math.floor(1e3 * (this.buffer.length - this.sound.n) / rate))
        input.step = 10
        input.disabled = false
        apply()
        this.ask('move')
    }

    take(ms) {                                       // the mean of the channels, from `ms` on
        if (!this.buffer) return
        const first = Math.round(ms * this.rate / 1e3), n = this.sound.n, samples = new Float32Array(n)
        for (let c = 0; c < this.buffer.numberOfChannels; c++) {
            const channel = this.buffer.getChannelData(c).subarray(first, first + n)
            channel.forEach((v, i) => { samples[i] += v / this.buffer.numberOfChannels })
        }
        this.sound = {n, samples}
    }

    ask(what) {
        this.want.add(what)
        if (!this.busy) this.pump()
    }

    pump() {                                         // one request at a time: of the moves since, the last wins
        const point = this.point && [this.point.t, this.point.f], request = {figure: this.name, id: ++this.asked}
        if (this.want.delete('move')) {
            Object.assign(request, {s: this.sound, plan: this.plan, thin: this.thin, gate: this.rule, zeros: this.zeros})
            if (point) this.want.add('point')
        } else if (this.want.delete('point')) request.point = point
        else {
            this.busy = false
            this.figure.dataset.settled = this.asked - 1
            return
        }
        if (!this.busy) this.spent = 0
        this.busy = true
        delete this.figure.dataset.settled
        worker.postMessage(request)
    }

    receive(data) {
        this.figure.dataset.ms = this.spent += data.ms ?? 0
        if (data.wrong) this.words.textContent = data.wrong
        else if (data.point) {
            this.at = data.point
            this.arrow()
        } else {
            this.got = data
            this.draw()
        }
        if (!data.wrong && (this.at || !this.point)) {
            this.words.textContent = SAYS[this.name](this)
            this.views.forEach(({canvas, title}) => canvas.setAttribute('aria-label', `${title}. ${this.words.textContent}`))
        }
        this.pump()
    }

    place(f, rows) {                                 // how far down a frequency is [%], where the rows are filters or cells
        const {plan: {over, noct, minf, maxf}, got: {P: {nScans, nBins}}} = this
        if (rows === 'cells') return 100 * (noct * Math.log2(maxf / f) + 0.5) / nBins
        return 100 - 100 * (Math.log2(f / minf) * over * noct + 0.5) / nScans
    }

    draw() {
        const {chi, heat, width, P, zeros} = this.got
        for (const [{canvas}, pixels, wide, high] of [[this.views[0], chi, width, P.nScans],
                                                      [this.views[1], heat, P.nTimes, P.nBins]]) {
            Object.assign(canvas, {width: wide, height: high})
            canvas.getContext('2d').putImageData(new ImageData(pixels, wide, high), 0, 0)
        }
        this.views.forEach(({ticks}, k) => this.ticks(ticks, k ? 'cells' : 'filters'))
        if (this.zeros) this.views.forEach(({svg}) => this.dots(svg, zeros, 'zero'))
        if (this.inputs.points) this.dots(this.views[0].svg, this.grid(), 'departure')
    }

    dots(svg, points, kind) {                        // t, f in turn; one path of strokes without a length
        let path = ''
        for (let i = 0; i < points.length; i += 2) {
            path += `M${(1000 * points[i] / this.got.P.n).toFixed(1)} ${(10 * this.place(points[i + 1])).toFixed(1)}h0`
        }
        svg.setAttribute('viewBox', '0 0 1000 1000')
        svg.setAttribute('preserveAspectRatio', 'none')
        svg.replaceChildren()
        for (const part of ['outer', 'inner']) drawn('path', svg, {class: `live-${kind}-${part}`, d: path})
    }

    grid() {                                         // the departure points, while they are few enough to be seen
        const [stride, step] = this.thin, {n, nScans} = this.got.P, found = []
        if (this.got.sent > 2000) return found
        for (let j = Math.floor(step / 2); j < nScans; j += step) {
            const f = this.plan.minf * 2 ** (j / this.plan.over / this.plan.noct)
            for (let i = Math.floor(stride / 2); i < n; i += stride) found.push(i, f)
        }
        return found
    }

    ticks(ticks, rows) {
        const {minf, maxf} = this.plan, marks = [], hertz = v => v < 1000 ? `${v} Hz` : `${v / 1000} kHz`
        const choice = maxf / minf < 4 ? [300, 400, 500, 600, 700, 800] : [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]
        for (const f of choice) {
            const top = this.place(f / this.rate, rows)
            if (top > 3 && top < 93) marks.push(make('span', {className: 'live-hz', style: `top:${top}%`, textContent: hertz(f)}))
        }
        const length = 1e3 * this.got.P.n / this.rate, step = [10, 20, 50, 100, 200].find(s => length / s < 6)
        for (let t = step; t < 0.95 * length; t += step) {
            marks.push(make('span', {className: 'live-ms', style: `left:${100 * t / length}%`, textContent: `${t} ms`}))
        }
        ticks.replaceChildren(...marks)
    }

    arrow() {
        const {n} = this.got.P, {t, f0, tIns, fIns} = this.at, x = t => `${100 * (t - 1) / n}%`, y = f => `${this.place(f)}%`
        const there = fIns > 0 && Number.isFinite(tIns)
        for (const {svg, handle} of this.views) {
            Object.assign(handle.style, {left: x(t), top: y(f0)})
            svg.replaceChildren()
            if (there) for (const part of ['outer', 'inner']) {
                drawn('line', svg, {class: `live-arrow-${part}`, x1: x(t), y1: y(f0), x2: x(tIns), y2: y(fIns)})
            }
            if (there) drawn('circle', svg, {class: 'live-arrive', cx: x(tIns), cy: y(fIns), r: 5})
            drawn('circle', svg, {class: 'live-depart', cx: x(t), cy: y(f0), r: 9})
        }
        this.wave()
    }

    wave() {                                         // the sound, and the window and the wavelet at the point
        const {x, P: {n}} = this.got, {t, f0} = this.at, sigma = this.plan.q / f0, top = 1.5
        const line = at => {
            let d = ''
            for (let p = 0; p <= 1000; p++) d += `${p ? 'L' : 'M'}${p} ${at(p * (n - 1) / 1000).toFixed(3)}`
            return d
        }
        const bell = i => Math.exp(-(((i + 1 - t) / sigma) ** 2) / 2)
        this.waves.sound.setAttribute('d', line(i => -Math.max(-1, Math.min(1, x[Math.round(i)] / top))))
        this.waves.window.setAttribute('d', line(i => -bell(i)))
        this.waves.wavelet.setAttribute('d', line(i => -bell(i) * Math.cos(2 * Math.PI * f0 * (i + 1 - t))))
        this.waves.svg.setAttribute('aria-label', `The sound, with the window (σ = ${show(1e3 * sigma / this.rate)} ms) and the `
            + `wavelet (${show(f0 * this.rate)} Hz) around ${show(1e3 * (t - 1) / this.rate)} ms.`)
    }

    draggable() {
        const {time, frequency} = this.inputs
        for (const view of this.views) {
            const {plane} = view, handle = view.handle = make('div', {className: 'live-handle'})
            const to = event => {
                if (!this.got) return
                const box = plane.getBoundingClientRect()
                time.input.value = (event.clientX - box.left) / box.width * this.got.P.n
                frequency.input.value = (1 - (event.clientY - box.top) / box.height) * this.got.P.nScans - 0.5
                time.apply()
                frequency.apply()
                this.ask('point')
            }
            plane.append(handle)
            plane.classList.add('live-drag')
            plane.addEventListener('pointerdown', event => {      // a finger beside the circle scrolls the page
                if (event.pointerType === 'mouse' || event.target === handle) plane.setPointerCapture(event.pointerId)
            })
            plane.addEventListener('pointermove', event => { if (plane.hasPointerCapture(event.pointerId)) to(event) })
            plane.addEventListener('click', to)
        }
    }

    async play() {
        running?.close()
        const context = running = new AudioContext(), {x} = this.got
        const buffer = context.createBuffer(1, x.length, this.rate), source = context.createBufferSource()
        const top = x.reduce((a, v) => Math.max(a, Math.abs(v)), 0) || 1
        buffer.copyToChannel(Float32Array.from(x, v => 0.5 * v / top), 0)
        source.buffer = buffer
        source.connect(context.destination)
        source.onended = () => { this.figure.dataset.heard = 'yes'; context.close(); if (running === context) running = null }
        source.start()
    }
}

try {
    start()
    for (const figure of document.querySelectorAll('figure.live')) {
        setTimeout(() => {                           // each in a task of its own
            figure.classList.add('live-on')
            figures[figure.dataset.live] = figure.live = new Figure(figure)
        })
    }
} catch (error) {                                    // the prepared pictures remain
    console.warn(`The live figures could not begin: ${error}`)
}
})()
