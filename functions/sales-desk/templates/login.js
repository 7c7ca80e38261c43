// Signing in by the pages of a user pool: the authorization code flow with PKCE (RFC 7636). The browser proves to the pool that
// it is the one that asked; the pool's token goes to the desk once, for a session, and is not kept.
'use strict';

const button = document.getElementById('sign-in');
const said = document.getElementById('said');
const { pages, client } = button.dataset;
const here = location.origin + '/desk/login';
const asked = new URLSearchParams(location.search);

const text = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const random = () => text(crypto.getRandomValues(new Uint8Array(32)));

/** To the pool's pages, with the hash of a secret that only this tab has. */
async function ask() {
  const [secret, state] = [random(), random()];
  sessionStorage.setItem('desk-sign-in', JSON.stringify({ secret, state }));
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

/** Back from there: the code and the secret for a token, the token for a session. */
async function finish(code) {
  const { secret, state } = JSON.parse(sessionStorage.getItem('desk-sign-in') ?? '{}');
  sessionStorage.removeItem('desk-sign-in');
  history.replaceState(null, '', here);
  if (!secret || asked.get('state') !== state) throw new Error('This is not the answer to a question of this tab.');
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: client, code, redirect_uri: here, code_verifier: secret });
  const answer = await fetch(`${pages}/oauth2/token`, { method: 'POST', body });
  if (!answer.ok) throw new Error('The user pool has refused.');
  const { id_token } = await answer.json();
  const session = await fetch('/desk/session', { method: 'POST', headers: { authorization: `Bearer ${id_token}` } });
  if (!session.ok) throw new Error('You have signed in, but have no desk: the playbook names no rep with your address.');
  location.replace('/desk');
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
