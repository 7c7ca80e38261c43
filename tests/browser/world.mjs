// The local world, started for one run: where it is served, and the links of the mails that it has sent.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Starts `perennial up` with the example and waits until it serves. */
export async function start(binary, playbook) {
  const data = await mkdtemp(join(tmpdir(), 'perennial-browser-'));
  const world = spawn(binary, ['up', '--fresh', '--port', '0', '--data', data, '--playbook', playbook], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((found, failed) => {
    let said = '';
    world.stdout.on('data', (chunk) => {
      said += chunk;
      const served = said.match(/^(?:TRY|WATCH) .*(http:\/\/127\.0\.0\.1:\d+)\)?$/m);
      if (served) found(served[1]);
    });
    world.on('error', failed);
    world.on('exit', (code) => failed(new Error(`the local world ended with ${code}:\n${said}`)));
  });
  const stop = async () => {
    world.removeAllListeners('exit');
    world.kill('SIGINT');
    await new Promise((ended) => world.on('exit', ended));
    await rm(data, { recursive: true, force: true });
  };
  return { url, stop };
}

/** The newest nurture mail of each contact, with its links. */
export async function mails(url) {
  const { mails } = await (await fetch(`${url}/api/world`)).json();
  const newest = new Map();
  for (const mail of mails) {
    if (mail.kind === 'nurture' && !newest.has(mail.contact)) newest.set(mail.contact, mail);
  }
  return Promise.all(
    [...newest.values()].map(async ({ id, contact }) => {
      const { text } = await (await fetch(`${url}/api/mails/${id}`)).json();
      const link = (path) => text.match(new RegExp(`${url}/${path}/\\S+`))?.[0];
      return { contact, preferences: link('p'), unsubscribe: link('u'), tracked: link('t') };
    }),
  );
}

/** Of the example, and of none of them has anybody asked for a price: each becomes a lead when it does. */
const ASKING = ['acme-dispatcher', 'pine-actuary', 'summit-registrar', 'tidal-editor', 'willow-cfo', 'orbit-cio', 'river-field-lead'];

/** Lets some contacts ask for a price, by a signed webhook each, and waits until their owners have letters. */
export async function askForPrices(binary, url) {
  const now = (await (await fetch(`${url}/api/world`)).json()).now;
  const folder = await mkdtemp(join(tmpdir(), 'perennial-webhook-'));
  for (const contact of ASKING) {
    const data = { contact, asset: 'automation-pricing', action: 'request' };
    const file = join(folder, `${contact}.json`);
    await writeFile(file, JSON.stringify({ type: 'engagement.recorded', timestamp: now, data }));
    const send = ['webhook', 'send', '--source', 'native', '--url', `${url}/v1/webhooks/native`, file];
    await promisify(execFile)(binary, send);
  }
  await rm(folder, { recursive: true });
  for (let wait = 0; wait < 100; wait += 1) {
    const asked = (await leadLinks(url)).filter(({ kind, contact }) => kind === 'hand-off' && ASKING.includes(contact));
    if (asked.length >= ASKING.length) return;
    await new Promise((after) => setTimeout(after, 200));
  }
  throw new Error('whoever asks for a price has become no lead');
}

/** The three links of each letter about one lead: on it, not a fit, later; the newest letter of each contact first. */
export async function leadLinks(url) {
  const { mails } = await (await fetch(`${url}/api/world`)).json();
  const about = mails.filter((mail) => ['hand-off', 'escalation'].includes(mail.kind));
  const letters = await Promise.all(
    about.map(async ({ id, kind, contact }) => {
      const { text } = await (await fetch(`${url}/api/mails/${id}`)).json();
      const links = [...text.matchAll(new RegExp(`${url}/l/\\S+`, 'g'))].map(([link]) => link);
      return { kind, contact, links, manages: text.includes('I will see to it: ') };
    }),
  );
  return letters.filter(({ links }) => links.length === 3);
}
