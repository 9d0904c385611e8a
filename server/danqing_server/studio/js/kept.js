/** What this browser keeps of the page's own settings; a browser that keeps nothing is no error. */

const PREFIX = 'danqing.';
const WRITTEN = /^(draft\.|prompts$)/;
let forgets = false;

/**
 * @param {string} name
 * @returns {string | null}
 */
export function kept(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * Keep *value*, or forget it: null. Returns whether it is kept.
 *
 * @param {string} name
 * @param {string | null} value
 */
export function keep(name, value) {
  if (forgets && WRITTEN.test(name)) return false;
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
    return true;
  } catch {
    return false;
  }
}

/** Forget what somebody wrote here, their drafts and prompts; from now on this page keeps none. */
export function forgetWritten() {
  forgets = true;
  try {
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX) && WRITTEN.test(name.slice(PREFIX.length))) localStorage.removeItem(name);
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
}
