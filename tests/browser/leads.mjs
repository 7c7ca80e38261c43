// The pages behind the links of a letter about a lead: "I am on it", "Not a fit", "Call me later". Part of `npm test`.

import assert from 'node:assert/strict';

import { check, reachedByKeyboard } from './check.mjs';
import { leadLinks } from './world.mjs';

/** What is kept: the others are looked at by axe-core alone. */
const kept = [
  'lead-on-it-375',
  'lead-on-it-1280',
  'lead-manager-375',
  'lead-not-a-fit-375',
  'lead-not-a-fit-375-dark',
  'lead-not-a-fit-said-375',
  'lead-later-375',
  'lead-later-375-dark',
  'lead-later-1280',
  'lead-later-wrong-375',
  'lead-later-said-375',
  'lead-yours-375',
  'lead-somebody-375',
  'lead-yours-375-dark',
];

const text = async (page) => (await page.locator('main').innerText()).replaceAll('\u00a0', ' ');
const buttons = (page) => page.locator('button').count();

/** The letters of leads on which nobody has said anything: their first page asks. */
async function open(page, letters) {
  const found = [];
  const seen = new Set();
  for (const letter of letters) {
    if (seen.has(letter.contact)) continue;
    await page.goto(letter.links[0]);
    if ((await buttons(page)) !== 1) continue;
    seen.add(letter.contact);
    found.push(letter);
  }
  return found;
}

/** The keyboard reaches every choice, the day and the button, and one sees where it is. */
async function keyboard(page, link) {
  await page.goto(link);
  const reached = await reachedByKeyboard(page);
  for (const what of ['when', 'day', 'Remind me then', 'Not a fit']) {
    assert(reached.some((at) => at.includes(what)), `${what} in ${reached}`);
  }
}

/** Looks at everything, errs, and says one of the three: another one each time. */
export async function leadPages(page, url, round, { name, keep, javaScriptEnabled }) {
  const letters = await leadLinks(url);
  const look = async (what) => {
    await check(page, javaScriptEnabled);
    if (kept.includes(`${what}-${name}`) && keep) await keep(page, what);
  };
  const [manager] = await open(page, letters.filter((letter) => letter.manages));
  const owners = letters.filter((letter) => !letter.manages);
  const [mine, other] = await open(page, owners);
  assert(mine, 'the example has leads that nobody has touched');
  const [onIt, notAFit, later] = mine.links;
  await page.goto(onIt);
  assert.match(await text(page), /^Take this lead\?/);
  await look('lead-on-it');
  if (manager) {
    await page.goto(manager.links[0]);
    assert.match(await text(page), /Then you are the one on it, in place of/);
    await look('lead-manager');
  }
  await page.goto(notAFit);
  assert.match(await text(page), /^Not a fit\?/);
  await look('lead-not-a-fit');
  await page.goto(later);
  assert.match(await text(page), /^Call later\?/);
  await look('lead-later');
  if (javaScriptEnabled) {
    await keyboard(page, later);
    // What a browser that knows no days would send.
    await page.locator('#day').evaluate((it) => it.removeAttribute('min'));
    await page.getByRole('radio', { name: /^On a day/ }).check();
    await page.locator('#day').fill('2020-02-03');
    const [answer] = await Promise.all([page.waitForNavigation(), page.getByRole('button').click()]);
    assert.equal(answer.status(), 400);
    assert.match(await text(page), /Nothing was changed\s+The day: Mon 3 Feb 2020 is over/);
    assert.equal(await page.locator('#day').inputValue(), '2020-02-03', 'what was entered is kept');
    await look('lead-later-wrong');
  }
  const said = [
    async () => {
      await page.goto(onIt);
      await page.getByRole('button', { name: 'I am on it' }).click();
      assert.match(await text(page), /^It is yours/);
      await look('lead-yours');
      await page.goto(onIt);
      assert.equal(await buttons(page), 0, 'it is not asked twice');
    },
    async () => {
      await page.goto(notAFit);
      await page.getByRole('radio', { name: 'Too small for us' }).check();
      await page.getByRole('button', { name: 'Not a fit' }).click();
      assert.match(await text(page), /^It has gone back to nurture/);
      assert.match(await text(page), /Why: Too small for us\./);
      await look('lead-not-a-fit-said');
    },
    async () => {
      await page.goto(later);
      await page.getByRole('button', { name: 'Remind me then' }).click();
      assert.match(await text(page), /^Put off until [\s\S]*It comes back in your digest of \w+ \d+ \w+/);
      await look('lead-later-said');
    },
  ];
  await said[round % 3]();
  if (manager && other && round === 1) {
    // A manager takes one; its owner comes late.
    await page.goto(manager.links[0]);
    await page.getByRole('button', { name: 'I will see to it' }).click();
    assert.match(await text(page), /^You are on it/);
    const late = owners.find((letter) => letter.contact === manager.contact);
    if (late) {
      await page.goto(late.links[0]);
      assert.match(await text(page), /has been on it since/);
      assert.equal(await buttons(page), 0);
      await look('lead-somebody');
    }
  }
}
