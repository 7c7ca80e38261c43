// The pages behind a mail's links in a real browser: `npm test -- <perennial> [<chromium>]`.
//
// Starts the local world with that `perennial`, drives the preference centre, the unsubscribe page and the pages of a lead on a desktop and on a
// phone, with and without JavaScript, in light and dark, asks axe-core about every page, and writes the screenshots that lie
// beside the pages.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

import { check, checked, reachedByKeyboard } from './check.mjs';
import { leadPages } from './leads.mjs';
import { askForPrices, mails, start } from './world.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
// The gate looks at the pages as they are and leaves the pictures beside them alone.
const shots = process.env.SCREENSHOTS ?? join(root, 'functions/signed-pages/screenshots');

const [perennial, executablePath = '/usr/bin/chromium'] = process.argv.slice(2);
assert(perennial, 'say which perennial: npm test -- target/debug/perennial');

const desktop = { name: '1280', viewport: { width: 1280, height: 900 } };
const phone = { name: '375', viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true };

/** What is kept: the others are looked at by axe-core alone. */
const kept = [
  'preferences-1280',
  'preferences-375',
  'preferences-375-dark',
  'saved-1280',
  'saved-375',
  'wrong-375',
  'opted-out-375',
  'unsubscribe-1280',
  'unsubscribe-375',
  'unsubscribed-375-dark',
];

const text = (page) => page.locator('main').innerText();
const ticked = (page) => page.locator('input:checked').evaluateAll((all) => all.map((it) => `${it.name}=${it.value}`));

/** Chooses, saves, comes back, errs, leaves, returns. */
async function preferenceCentre(page, link, { shot, javaScriptEnabled }) {
  const look = async (name) => {
    await check(page, javaScriptEnabled);
    if (shot) await shot(page, name);
  };
  await page.goto(link);
  assert.equal(await page.title(), 'What would you like to get? – Fernhill Software');
  const before = await page.locator('input[type=checkbox]:checked').count();
  assert.equal(before, 8, 'five topics and three channels, as long as nothing was chosen');
  await look('preferences');

  await page.getByLabel('Calm on a bad day').uncheck();
  await page.getByLabel('At most once every four weeks').check();
  await page.getByLabel('Phone').uncheck();
  await page.getByRole('button', { name: 'Save my choices' }).click();
  const saved = await text(page);
  assert.match(saved, /at most one email every four weeks, about “Numbers and reports”/);
  assert.doesNotMatch(saved, /Calm on a bad day/);
  assert.match(saved, /We do not call you/);
  await look('saved');

  await page.getByRole('link', { name: 'Back to your choices' }).click();
  assert.equal(page.url(), link);
  const chosen = ['topic=numbers', 'topic=automation', 'topic=connections', 'topic=your-products'];
  chosen.push('frequency=monthly', 'channel=email', 'channel=ads', 'pause=none');
  assert.deepEqual(await ticked(page), chosen, 'the page shows what was chosen');

  if (javaScriptEnabled) {
    await page.locator('input[value=fortnightly]').evaluate((it) => Object.assign(it, { value: 'hourly' }).click());
    const [answer] = await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Save' }).click()]);
    assert.equal(answer.status(), 400);
    assert.match(await text(page), /Nothing was changed\s+How often: Please choose one of these/);
    await look('wrong');
    await page.goto(link);
    assert.deepEqual(await ticked(page), chosen, 'nothing was changed');
  }

  await page.getByLabel(/^Until .* \(30 days\)$/).check();
  await page.getByRole('button', { name: 'Save my choices' }).click();
  assert.match(await text(page), /the next not before \d+ \w+/);
  await page.goto(link);
  assert.equal(await page.getByLabel(/^Keep the break until/).isChecked(), true);
  await look('paused');

  await page.getByRole('button', { name: 'Unsubscribe from everything' }).click();
  assert.match(await text(page), /^You are unsubscribed\s+Fernhill Software sends you no more/);
  await page.getByRole('link', { name: 'Back to your choices' }).click();
  assert.match(await text(page), /We send you no emails/);
  await look('opted-out');

  await page.getByRole('button', { name: 'Write to me again' }).click();
  assert.match(await text(page), /^Good to have you back\s+You will get at most one email every four weeks/);
  await page.getByRole('link', { name: 'Back to your choices' }).click();
  assert.equal(await page.getByRole('button', { name: 'Unsubscribe from everything' }).count(), 1);
}

/** The keyboard reaches everything, and one sees where it is. */
async function keyboard(page, link) {
  await page.goto(link);
  const reached = await reachedByKeyboard(page);
  for (const what of ['save', 'unsubscribe']) assert(reached.some((at) => at.includes(what)), `${what} in ${reached}`);
  assert(reached.length > 9, reached.join());
}

/** Asks before it acts; the button acts. */
async function unsubscribePage(page, link, { shot, javaScriptEnabled }) {
  for (const again of [1, 2]) {
    await page.goto(link);
    assert.match(await text(page), /^Stop emails from Fernhill Software\?/, `looking ${again} times changes nothing`);
  }
  await check(page, javaScriptEnabled);
  if (shot) await shot(page, 'unsubscribe');
  await page.getByRole('link', { name: /^Fewer emails/ }).click();
  assert.match(await text(page), /^What would you like to get\?/);
  await page.goto(link);
  await page.getByRole('button', { name: 'Unsubscribe' }).click();
  assert.match(await text(page), /^You are unsubscribed/);
  await check(page, javaScriptEnabled);
  if (shot) await shot(page, 'unsubscribed');
}

/** What a mail program posts: answered with 200, no cookie, no redirect. */
async function oneClick(link) {
  const answer = await fetch(link, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('set-cookie'), null);
  assert.match(await answer.text(), /You are unsubscribed/);
}

/** Leads to the company's site, with what its analytics reads. */
async function trackedLink(link) {
  for (const method of ['HEAD', 'GET']) {
    const answer = await fetch(link, { method, redirect: 'manual' });
    assert.equal(answer.status, 302);
    const target = new URL(answer.headers.get('location'));
    assert.equal(target.origin, 'https://www.fernhill.example.com');
    assert.equal(target.searchParams.get('utm_source'), 'perennial');
  }
}

await mkdir(shots, { recursive: true });
const world = await start(resolve(perennial), join(root, 'infra/playbook'));
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  await askForPrices(resolve(perennial), world.url);
  const waiting = (await mails(world.url)).filter((mail) => mail.preferences && mail.unsubscribe && mail.tracked);
  const next = () => waiting.shift() ?? assert.fail('the example has too few mails');
  let round = 0;
  for (const [device, colorScheme, javaScriptEnabled] of [
    [desktop, 'light', true],
    [phone, 'light', true],
    [desktop, 'dark', true],
    [phone, 'dark', true],
    [desktop, 'light', false],
    [phone, 'light', false],
  ]) {
    const { name, ...options } = device;
    const context = await browser.newContext({ ...options, colorScheme, javaScriptEnabled, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const dark = colorScheme === 'dark' ? '-dark' : '';
    const take = (it, named) => it.screenshot({ path: join(shots, `${named}.png`), fullPage: true });
    const keep = async (it, what) => {
      const named = `${what}-${name}${dark}`;
      if (kept.includes(named)) await take(it, named);
    };
    const shot = javaScriptEnabled ? keep : undefined;
    const mail = next();
    await preferenceCentre(page, mail.preferences, { shot, javaScriptEnabled });
    if (javaScriptEnabled) await keyboard(page, mail.preferences);
    await unsubscribePage(page, mail.unsubscribe, { shot, javaScriptEnabled });
    const leadShot = javaScriptEnabled ? (it, what) => take(it, `${what}-${name}${dark}`) : undefined;
    await leadPages(page, world.url, round, { name: `${name}${dark}`, keep: leadShot, javaScriptEnabled });
    round += 1;
    await page.goto(`${world.url}/p/cut-in-two`);
    assert.match(await text(page), /^This link does not work/);
    await check(page, javaScriptEnabled);
    assert.deepEqual(await context.cookies(), [], 'no page sets a cookie');
    await context.close();
    console.log(`ok  ${name} wide, ${colorScheme}, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`);
  }
  const mail = next();
  await trackedLink(mail.tracked);
  await oneClick(mail.unsubscribe);
  await oneClick(next().preferences);
  console.log(`ok  one click, tracked links; axe-core found nothing on ${checked()} pages`);
} finally {
  await browser.close();
  await world.stop();
}
