// Signing in by the pages of a user pool: the authorization code flow with PKCE (RFC 7636). The browser proves to the pool that
// it is the one that asked; the pool's token goes to the desk once, for a session, and is not kept.
'use strict';

const button = document.getElementById('sign-in');
const said = document.getElementById('said');
const { pages, client } = button.dataset;
const here = location.origin + '/desk/login';
const asked = new URLSearchParams(location.search);
/** Only pages of the desk are led to, by the same rule as the server's. */
const ours = (place) => /^\/desk(\/[\w-]+)*(\?[\w.~=&%+-]*)?$/.test(place ?? '') && !/^\/desk\/(login|session|leave)(\?|$)/.test(place);
let to = ours(button.dataset.to) ? button.dataset.to : '/desk';

const text = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const random = () => text(crypto.getRandomValues(new Uint8Array(32)));

/** To the pool's pages, with the hash of a secret that only this tab has. */
async function ask() {
  const [secret, state] = [random(), random()];
  sessionStorage.setItem('desk-sign-in', JSON.stringify({ secret, state, to }));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)));
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client,
    redirect_uri: here,
    scope: 'openid email',
    state,
    code_challenge: text(hash),
    code_challenge_method: 'S256',
  });
  location.assign(`${pages}/oauth2/authorize?${query}`);
}

/** What came of a request; where it leads is not followed, since that it leads on is all there is to know. */
async function send(address, request) {
  try {
    return await fetch(address, { method: 'POST', redirect: 'manual', ...request });
  } catch {
    throw new Error('There was no answer.');
  }
}

/** Back from there: the code and the secret for a token, the token for a session. */
async function finish(code) {
  const { secret, state, to: wanted } = JSON.parse(sessionStorage.getItem('desk-sign-in') ?? '{}');
  sessionStorage.removeItem('desk-sign-in');
  // Also for whoever has to press once more.
  if (ours(wanted)) to = wanted;
  history.replaceState(null, '', here);
  if (!secret || asked.get('state') !== state) throw new Error('This is not the answer to a question of this tab.');
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: client, code, redirect_uri: here, code_verifier: secret });
  const answer = await send(`${pages}/oauth2/token`, { body });
  if (answer.status >= 400 && answer.status < 500) throw new Error('Your sign-in has expired.');
  if (!answer.ok) throw new Error('There was no answer.');
  const { id_token } = await answer.json();
  const session = await send('/desk/session', { headers: { authorization: `Bearer ${id_token}` } });
  if (session.status === 403) throw new Error('You have signed in, but have no desk: the playbook names no rep with your address.');
  if (session.status === 401) throw new Error('Your sign-in has expired.');
  if (!session.ok && session.type !== 'opaqueredirect') throw new Error('There was no answer.');
  location.replace(to);
}

button.addEventListener('click', ask);
if (asked.has('code')) {
  said.textContent = 'One moment …';
  finish(asked.get('code')).catch((error) => {
    said.textContent = `${error.message} Please try again.`;
  });
} else if (asked.has('error')) {
  said.textContent = 'The user pool did not let you in. Please try again.';
}
