// Two layers: code is folded, and one switch on every page that has any opens all of it. The choice is kept from page to page.
document.addEventListener('DOMContentLoaded', () => {
  const folds = document.querySelectorAll('article details.hide')
  const heading = document.querySelector('article h1')
  if (!folds.length || !heading) return
  const kept = { get value() { try { return localStorage.getItem('code') } catch { return null } },
                 set value(v) { try { localStorage.setItem('code', v) } catch { /* a page from disk may keep nothing */ } } }
  for (const fold of folds) fold.querySelector('summary')?.removeAttribute('aria-label')  // its words name it better
  const label = document.createElement('label')
  label.className = 'code-switch'
  const box = document.createElement('input')
  box.type = 'checkbox'
  box.checked = kept.value === 'shown'
  label.append(box, ' Show all code')
  heading.after(label)
  const apply = () => folds.forEach(fold => { fold.open = box.checked })
  if (box.checked) apply()
  box.addEventListener('change', () => { kept.value = box.checked ? 'shown' : 'folded'; apply() })
})
