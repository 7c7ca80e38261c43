// Whatever can be asked of every page: axe-core, nothing wider than the window, nothing too small for a finger, and the keyboard.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let pages = 0;

/** Asks it of the page that is shown. */
export async function check(page, javaScriptEnabled) {
  const { width } = page.viewportSize();
  if (!javaScriptEnabled) return;
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert(wide <= width, `${page.url()} is ${wide} wide in a window of ${width}`);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, label, summary')].filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 44).map((it) => it.textContent),
  );
  assert.deepEqual(small, [], 'everything to press is high enough for a finger');
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n  ')}`);
  assert.deepEqual(said, [], `axe-core on ${page.url()}`);
  assert(passes.length > 5, 'axe-core has looked');
  pages += 1;
}

/** What the keyboard reaches on a page, in its order, by name, value and text; one sees of each where it is. */
export async function reachedByKeyboard(page) {
  const reached = [];
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const it = document.activeElement;
      if (it === document.body) return { end: true };
      // The ring is around what is chosen, or around the label that it stands in.
      const ring = [it, it.closest('label')].filter(Boolean).some((at) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
      });
      const what = [it.name, it.value, it.textContent].filter(Boolean).join(' ');
      return { what, seen: ring };
    });
    if (at.end) break;
    assert(at.seen, `${at.what} has the focus and does not show it`);
    reached.push(at.what);
  }
  return reached;
}

/** How many pages axe-core has looked at. */
export const checked = () => pages;
