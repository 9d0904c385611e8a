/**
 * The focus is not lost with what has it: it goes to the same thing elsewhere, else to what stands beside or around it.
 *
 * Never to another button, which a key that is held down would press. So it is in the page and in each dialog over it:
 * one whose opener is gone by the time it is shut gives the focus to what stands there instead.
 */

const CONTROL = 'a, button, input, select, textarea, summary';

/** What has the focus, or had it last: in the page (null), and in each dialog. @type {Map<Element | null, HTMLElement>} */
const held = new Map();

/** @param {Event} event */
const hold = ({ target }) => void (target instanceof HTMLElement && held.set(target.closest('dialog'), target));

/** Who presses beside everything wants no focus. @param {Event} event */
const letGo = ({ target }) => void (target instanceof Element && held.delete(target.closest('dialog')));

/** @param {Node | null} node @returns {node is HTMLElement} */
const isPart = (node) => node instanceof HTMLElement && !node.matches(CONTROL);

/** What stands for *node*, which is gone or does nothing any more. @param {HTMLElement} node @param {MutationRecord[]} records */
function standIn(node, records) {
  if (node.isConnected) return node.parentElement;
  for (let each = /** @type {Element | null} */ (node); each; each = each.parentElement) {
    const again = each.id && document.getElementById(each.id);
    if (again) return again;
  }
  const record = records.find(({ target, removedNodes }) => target.isConnected && [...removedNodes].some((gone) => gone.contains(node)));
  return record ? [record.nextSibling, record.previousSibling, record.target].find(isPart) : null;
}

/** @param {MutationRecord[]} records */
function look(records) {
  for (const [over, node] of held) {
    const other = node.isConnected && !node.matches(':disabled') ? node : standIn(node, records);
    if (other && (!over || over.isConnected)) held.set(over, other);
    else held.delete(over);
  }
  const now = document.activeElement;
  if (!held.size || (now !== document.body && !now?.matches(':disabled'))) return;
  const wanted = held.get([...document.querySelectorAll('dialog:modal')].at(-1) ?? null);
  if (wanted) give(wanted);
}

/** @param {HTMLElement} node */
function give(node) {
  if (!node.matches(`${CONTROL}, [tabindex]`)) {
    node.tabIndex = -1;
    node.addEventListener('blur', () => node.removeAttribute('tabindex'), { once: true });
  }
  node.focus({ preventScroll: true });
}

/** Begin; called once. */
export function start() {
  addEventListener('focusin', hold);
  addEventListener('pointerdown', letGo, true);
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributeFilter: ['disabled'] });
}
