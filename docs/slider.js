// A range input leafs through the pictures of a figure that were drawn when the site was built.
for (const figure of document.querySelectorAll('figure.slider')) {
    const frames = JSON.parse(figure.dataset.frames)
    const [picture, input, output, caption] =
        ['img', 'input', 'output', 'figcaption'].map(name => figure.querySelector(name))
    const shown = new Map()                                   // pictures that were fetched
    const fetched = at => {
        if (!shown.has(at)) {
            const image = new Image()
            image.src = frames[at].src
            shown.set(at, image.decode().then(() => image.src))
        }
        return shown.get(at)
    }
    const say = at => {
        output.textContent = frames[at].text
        input.setAttribute('aria-valuetext', frames[at].text)
    }
    const move = async () => {
        const at = Number(input.value)
        say(at)
        try { await fetched(at) } catch { shown.delete(at); return }
        if (at !== Number(input.value)) return                // overtaken: the last move wins
        picture.src = frames[at].src
        picture.alt = frames[at].alt
        caption.textContent = frames[at].caption
    }
    const all = () => frames.forEach((_, at) => fetched(at).catch(() => shown.delete(at)))
    for (const sign of ['focus', 'pointerenter', 'touchstart'])
        input.addEventListener(sign, all, {once: true, passive: true})
    input.addEventListener('input', move)
    figure.querySelector('.slider-control').hidden = false
    say(Number(input.value))
}
