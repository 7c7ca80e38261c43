// The sales desk in a real browser: `npm run desk -- <perennial> [<chromium>]`.
//
// Starts the local world with the example, signs in as reps and managers on a desktop and on a phone, with and without JavaScript,
// in light and dark, asks axe-core about every page, and writes the screenshots that lie beside the pages.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

import { check, checked, reachedByKeyboard } from './check.mjs';
import { start } from './world.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
// As run.mjs: the gate leaves the pictures beside the pages alone.
const shots = process.env.SCREENSHOTS ?? join(root, 'functions/sales-desk/screenshots');

const [perennial, executablePath = '/usr/bin/chromium'] = process.argv.slice(2);
assert(perennial, 'say which perennial: npm run desk -- target/debug/perennial');

const desktop = { name: '1280', viewport: { width: 1280, height: 900 } };
const phone = { name: '375', viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true };

/** What is kept: the others are looked at by axe-core alone. */
const kept = ['login-375', 'list-1280', 'list-375', 'list-375-dark', 'lead-1280', 'lead-375', 'lead-375-dark', 'said-375', 'team-1280', 'team-375', 'nothing-375'];

const text = (page) => page.locator('main').innerText();

/** Chooses whom to be, as the local world lets one. */
async function signIn(page, url, name) {
  await page.goto(`${url}/desk`);
  assert.equal(page.url(), `${url}/desk/login`, 'nobody is signed in yet');
  await page.getByRole('button', { name, exact: true }).click();
  assert.equal(page.url(), `${url}/desk`);
}

async function signOut(page, url) {
  await page.getByRole('button', { name: /^Sign out/ }).click();
  assert.equal(page.url(), `${url}/desk/login`);
}

const leads = (page) => page.locator('li.lead h2 a').evaluateAll((all) => all.map((it) => it.href));

/** Looks at the list, at the lead in this place of it, and at all that can be said of that. */
async function rep(page, url, look, place) {
  await page.goto(`${url}/desk/login`);
  await look('login');
  await signIn(page, url, 'Anna Keller');
  const hers = await leads(page);
  assert(hers.length > 1, 'Anna has leads');
  await look('list');
  const scores = await page.locator('li.lead .score').evaluateAll((all) => all.map((it) => Number(it.textContent)));
  assert.deepEqual(scores, [...scores].sort((one, other) => other - one), 'the best first');

  await page.getByLabel('Product').selectOption({ index: 1 });
  await page.getByRole('button', { name: 'Show' }).click();
  assert((await leads(page)).length < hers.length, 'a filter leaves some out');
  await page.getByRole('link', { name: 'Show all' }).click();
  await page.goto(hers[place]);
  assert.match(await text(page), /What do you say\?/);
  assert.match(await text(page), /Why \d+/);
  await look('lead');
  await page.locator('details summary').click();
  await look('lead-open');
  return hers;
}

/** The keyboard reaches everything, and one sees where it is. */
async function keyboard(page, lead) {
  await page.goto(lead);
  const reached = await reachedByKeyboard(page);
  for (const what of ['Your leads', 'reason', 'Something else has happened']) {
    assert(reached.some((at) => at.includes(what)), `${what} in ${reached}`);
  }
}

/** A program that follows every link touches nothing, with the session of somebody who may. */
async function scanner(context, url, lead) {
  const seen = new Set([`${url}/desk`, lead]);
  for (const link of seen) {
    const answer = await context.request.get(link);
    const body = await answer.text();
    for (const [, path] of body.matchAll(/href="(\/[^"]*)"/g)) seen.add(url + path.replaceAll('&amp;', '&'));
  }
  assert(seen.size > 3, [...seen].join());
}

/**
 * Signs in as in AWS: the page before and its script, by PKCE against a pool that is played here. The local world takes an address
 * for the token of whoever has it, so the rest is as ever.
 */
async function userPool(browser, url) {
  const pages = 'https://pool.example.com';
  const template = await readFile(join(root, 'functions/sales-desk/templates/login.html'), 'utf8');
  const body = template.slice(template.indexOf('{% block main %}')).replace(/{%.*?%}/g, '');
  const html = `<!doctype html><title>Sign in</title><script src="/desk/login.js" defer></script>${body}`;
  const policy = `default-src 'none'; script-src 'self'; connect-src 'self' ${pages}`;
  const context = await browser.newContext();
  const page = await context.newPage();
  const address = 'anna.keller@fernhill.example.com';
  let [asked, pool, token] = [undefined, 200, address];
  await page.route(/\/desk\/login(\?|$)/, (route) => {
    const filled = html.replace(/{{ *pages *}}/, pages).replace(/{{ *client *}}/, 'desk-client').replace(/{{.*?}}/g, '');
    return route.fulfill({ contentType: 'text/html', body: filled, headers: { 'content-security-policy': policy } });
  });
  await page.route(`${pages}/oauth2/authorize*`, (route) => {
    asked = new URL(route.request().url()).searchParams;
    const back = `${asked.get('redirect_uri')}?code=from-the-pool&state=${asked.get('state')}`;
    return route.fulfill({ contentType: 'text/html', body: `<script>location.replace(${JSON.stringify(back)})</script>` });
  });
  await page.route(`${pages}/oauth2/token`, (route) => {
    const sent = new URLSearchParams(route.request().postData());
    const hash = createHash('sha256').update(sent.get('code_verifier')).digest('base64url');
    assert.deepEqual([hash, sent.get('code'), sent.get('client_id')], [asked.get('code_challenge'), 'from-the-pool', 'desk-client']);
    const headers = { 'access-control-allow-origin': '*' };
    if (pool !== 200) return pool ? route.fulfill({ status: pool, json: { error: 'invalid_grant' }, headers }) : route.abort();
    return route.fulfill({ json: { id_token: token }, headers });
  });
  await page.goto(`${url}/desk/login?code=of-somebody-else&state=guessed`);
  await page.getByText('This is not the answer to a question of this tab.').waitFor();
  // Whose fault it is: the page blames the playbook only where the desk does.
  for (const [of, says] of [
    [{ pool: 400 }, 'Your sign-in has expired.'],
    [{ pool: 500 }, 'There was no answer.'],
    [{ pool: 0 }, 'There was no answer.'],
    [{ token: '' }, 'Your sign-in has expired.'],
    [{ token: 'otto@elsewhere.example.com' }, 'the playbook names no rep with your address.'],
    [{ desk: 503 }, 'There was no answer.'],
  ]) {
    ({ pool = 200, token = address } = of);
    if (of.desk) await page.route('**/desk/session', (route) => route.fulfill({ status: of.desk }));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText(says).waitFor();
    await page.unroute('**/desk/session');
    await page.goto(`${url}/desk/login`);
  }
  [pool, token] = [200, address];
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${url}/desk`);
  assert.deepEqual([asked.get('response_type'), asked.get('code_challenge_method'), asked.get('scope')], ['code', 'S256', 'openid email']);
  assert((await leads(page)).length > 1, 'Anna is at her desk');
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'nothing of it is kept');
  // A link in a mail leads here from another site, and nobody has to sign in once more.
  const link = { contentType: 'text/html', body: `<a href="${url}/desk">Your leads</a>` };
  await page.route('https://mail.example.com/', (route) => route.fulfill(link));
  await page.goto('https://mail.example.com/');
  await page.getByRole('link', { name: 'Your leads' }).click();
  await page.waitForURL(`${url}/desk`);
  await context.close();
}

await mkdir(shots, { recursive: true });
const world = await start(resolve(perennial), join(root, 'infra/playbook'));
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  for (const [device, colorScheme, javaScriptEnabled, place] of [
    [desktop, 'light', true, 0],
    [phone, 'light', true, 1],
    [desktop, 'dark', true, 2],
    [phone, 'dark', true, 2],
    [phone, 'light', false, 2],
  ]) {
    const { name, ...options } = device;
    const context = await browser.newContext({ ...options, colorScheme, javaScriptEnabled, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const look = async (what) => {
      await check(page, javaScriptEnabled);
      const named = `${what}-${name}${colorScheme === 'dark' ? '-dark' : ''}`;
      if (javaScriptEnabled && kept.includes(named)) await page.screenshot({ path: join(shots, `${named}.png`), fullPage: true });
    };
    const hers = await rep(page, world.url, look, place);
    const lead = hers[place];
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ['desk', true, 'Lax']);
    if (javaScriptEnabled) await keyboard(page, lead);
    await scanner(context, world.url, lead);
    await page.goto(lead);
    assert.equal(await page.locator('input[name=word][value=rejected]').count(), 1, 'nothing was said by looking');

    if (colorScheme === 'light') {
      // The next step: what nobody has touched yet is taken, what somebody has is accepted, what was accepted is an opportunity.
      await page.locator('form.word button').first().click();
      assert.match(await text(page), /^(It is yours|Accepted|It is an opportunity)/);
      await look('said');
    }
    if (device === phone && !javaScriptEnabled) {
      await page.goto(hers[3]);
      const form = page.locator('form.word', { has: page.getByRole('button', { name: 'Not a fit' }) });
      await form.getByLabel('Why, if you like').fill('They have no budget this year');
      await page.getByRole('button', { name: 'Not a fit' }).click();
      assert.match(await text(page), /^Given back\./);
      assert.match(await text(page), /They have no budget this year/);
    }
    await page.goto(`${world.url}/desk`);
    await signOut(page, world.url);

    await signIn(page, world.url, 'Bilal Haddad');
    const answer = await page.goto(lead);
    assert.equal(answer.status(), 404, "another's lead is not there");
    assert.match(await text(page), /^There is nothing here/);
    await look('nothing');
    await page.goto(`${world.url}/desk`);
    await signOut(page, world.url);

    await signIn(page, world.url, 'Elif Aydin, manager');
    await look('none');
    await page.getByRole('link', { name: 'Your team' }).click();
    assert.match(await text(page), /Anna Keller/);
    await look('team');
    await page.getByRole('link', { name: 'Anna Keller' }).click();
    assert((await leads(page)).includes(lead), 'a manager sees the leads of whoever reports to her');
    await page.goto(lead);
    assert.match(await text(page), /A lead of Anna Keller/);
    await look('managed');
    await context.close();
    console.log(`ok  ${name} wide, ${colorScheme}, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`);
  }
  await userPool(browser, world.url);
  console.log('ok  signing in by PKCE');
  console.log(`ok  axe-core found nothing on ${checked()} pages`);
} finally {
  await browser.close();
  await world.stop();
}
