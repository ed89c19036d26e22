// Figures. Each knows its natural width, so that figures.css can keep its words as large as its caption's; a tap, a click
// or the Enter key shows it in a dialog as large as the window, and there larger still. Answers are open in print.
document.addEventListener('DOMContentLoaded', () => {
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties)
    element.append(...children)
    return element
  }
  const picture = make('img', {alt: ''})
  const room = make('div', {className: 'enlarged-room', tabIndex: 0, role: 'group', ariaLabel: 'The figure'})
  const larger = make('button', {type: 'button', textContent: 'Larger'})
  const close = make('button', {type: 'button', textContent: 'Close', autofocus: true})
  const dialog = make('dialog', {className: 'enlarged', ariaLabel: 'Enlarged figure'},
    make('div', {className: 'enlarged-buttons'}, larger, close), room)
  const enlarge = on => {
    dialog.classList.toggle('enlarged-more', on)
    larger.textContent = on ? 'Whole figure' : 'Larger'
  }
  larger.addEventListener('click', () => enlarge(!dialog.classList.contains('enlarged-more')))
  close.addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close() })  // beside the figure

  const figures = document.querySelectorAll('article :is(.cell_output, figure.slider, section > p) img')
  for (const image of figures) {
    const link = make('a', {className: 'enlarge', href: image.src})
    image.replaceWith(link)
    link.append(image, make('span', {className: 'enlarge-sign', textContent: 'Enlarge'}))
    const measure = () => link.style.setProperty('--natural', image.naturalWidth)
    if (image.complete) measure()
    image.addEventListener('load', measure)
    link.addEventListener('click', event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return                        // a tab or window of its own
      event.preventDefault()
      picture.src = image.src
      picture.alt = image.alt
      picture.style.setProperty('--natural', image.naturalWidth)
      room.replaceChildren(picture)
      enlarge(false)
      dialog.showModal()
    })
  }
  if (figures.length) document.body.append(dialog)

  // what is wider than its room scrolls by the keyboard, too
  const reach = () => {
    for (const box of document.querySelectorAll('article :is(pre, div.math, mjx-container[display="true"], .table-wrapper)')) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0
      else box.removeAttribute('tabindex')
    }
  }
  addEventListener('load', () => { Promise.resolve(window.MathJax?.startup?.promise).then(reach) })
  addEventListener('resize', reach)
  document.addEventListener('toggle', reach, true)                                         // what was folded has a width now

  const answers = [...document.querySelectorAll('article details:not(.hide)')]
  const opened = new Set()
  addEventListener('beforeprint', () => {
    for (const answer of answers.filter(one => !one.open)) {
      opened.add(answer)
      answer.open = true
    }
  })
  addEventListener('afterprint', () => {
    for (const answer of opened) answer.open = false
    opened.clear()
  })
})
