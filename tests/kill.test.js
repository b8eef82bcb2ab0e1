// kill -9 at any moment under load. Whatever was acknowledged before is there afterwards; what was spent once stays spent.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { folder, remember, sleep, up } from './lib/gatehouse.js';
import { signIn, tokenRequest } from './lib/oidc.js';

const rounds = Number(process.env.GATEHOUSE_KILL_ROUNDS ?? 6);

// Work that goes on until the peer dies. What the peer confirmed is written down here, and only then.
class Load {
  constructor(house, round) { Object.assign(this, { house, round, users: [], deleted: [], spent: [], live: [], revoked: [], codes: [], running: true }); }

  async loop(step) {
    while (this.running) {
      try { await step(); } catch (error) {
        if (!this.running || /fetch failed|ECONN|socket hang up|other side closed|terminated/.test(`${error} ${error.cause ?? ''}`)) return;
        this.broken = error;
        return;
      }
    }
  }

  async createUsers() {
    let n = 0;
    const headers = { Authorization: `SSWS ${this.house.api_token}`, 'Content-Type': 'application/json' };
    await this.loop(async () => {
      const login = `kill-${this.round}-${n++}-${Math.random().toString(36).slice(2, 8)}@example.com`;
      const answer = await fetch(`${this.house.org}/api/v1/users?activate=false`, { method: 'POST', headers, body: JSON.stringify({ profile: { login, email: login, firstName: 'K', lastName: 'K' } }) });
      const user = await answer.json();
      assert.equal(answer.status, 200, JSON.stringify(user));
      this.users.push(user.id);
    });
  }

  async refreshOn(family) {
    await this.loop(async () => {
      const used = family.refresh_token;
      const answer = await tokenRequest(this.house, { grant_type: 'refresh_token', refresh_token: used }, { server: '/oauth2/default' });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      family.refresh_token = answer.body.refresh_token;
      family.sure = true;
      this.spent.push({ refresh_token: used, family });
    });
    family.unsure = true; // the last one may have been spent without anybody hearing of it
  }

  async signInAndRevoke() {
    await this.loop(async () => {
      const { tokens, callback, checks } = await signIn(this.house, 'web', { server: '/oauth2/default', config: this.config });
      this.codes.push({ code: callback.searchParams.get('code'), verifier: checks.pkceCodeVerifier });
      const answer = await tokenRequest(this.house, { token: tokens.refresh_token }, { server: '/oauth2/default', path: 'revoke' });
      assert.equal(answer.status, 200);
      this.revoked.push(tokens.refresh_token);
    });
  }
}

async function verify(house, load) {
  const headers = { Authorization: `SSWS ${house.api_token}` };
  for (const id of load.users) assert.equal((await fetch(`${house.org}/api/v1/users/${id}`, { headers })).status, 200, `an acknowledged user is gone: ${id}`);
  const grant = (refresh_token) => tokenRequest(house, { grant_type: 'refresh_token', refresh_token }, { server: '/oauth2/default' });
  for (const token of load.revoked) assert.equal((await grant(token)).status, 400, 'a revoked refresh token is accepted');
  for (const { code, verifier } of load.codes) {
    const again = await tokenRequest(house, { grant_type: 'authorization_code', code, redirect_uri: house.clients.web.redirect_uri, code_verifier: verifier }, { server: '/oauth2/default' });
    assert.equal(again.status, 400, 'a spent code is accepted');
  }
  for (const token of load.idle) {
    const first = await grant(token);
    assert.equal(first.status, 200, `an acknowledged refresh token is gone: ${JSON.stringify(first.body)}`);
    assert.equal((await grant(token)).status, 400, 'a spent refresh token is accepted');
  }
  // Last, since reuse ends the family.
  for (const { refresh_token } of load.spent) assert.equal((await grant(refresh_token)).status, 400, 'a spent refresh token is accepted');
}

test(`${rounds} times kill -9 under load`, { timeout: 600000 }, async (t) => {
  const data = path.join(folder('kill'), 'house');
  let house = await up({ data });
  const total = { users: 0, spent: 0, revoked: 0 };
  const keptSession = await signIn(house, 'web', { server: '/oauth2/default' });
  for (let round = 0; round < rounds; ++round) {
    const load = new Load(house, round);
    const { config } = await signIn(house, 'web', { server: '/oauth2/default' });
    load.config = config;
    const families = (await Promise.all(Array.from({ length: 4 }, () => signIn(house, 'web', { server: '/oauth2/default', config })))).map(({ tokens }) => ({ refresh_token: tokens.refresh_token }));
    load.idle = families.splice(2).map((f) => f.refresh_token);
    const work = [load.createUsers(), load.createUsers(), load.signInAndRevoke(), load.signInAndRevoke(), ...families.map((f) => load.refreshOn(f))];
    await sleep(300 + Math.random() * 1200);
    await house.kill();
    load.running = false;
    await Promise.all(work);
    assert.equal(load.broken, undefined, String(load.broken?.stack));
    house = await up({ data });
    await verify(house, load);
    total.users += load.users.length; total.spent += load.spent.length; total.revoked += load.revoked.length;
  }
  // The browser that signed in before all of it is still signed in.
  const { authorize, client } = await import('./lib/oidc.js');
  const port = new URL(house.org).port;
  const cookies = keptSession.visitor.cookies.get('localhost');
  assert.ok(cookies?.size > 0);
  const again = await authorize(await client(house, 'web', { server: '/oauth2/default' }), house.clients.web.redirect_uri, house.user, { visitor: keptSession.visitor, more: { prompt: 'none' } });
  assert.ok(again.callback.searchParams.get('code'), `session lost after restarts (port ${port}): ${again.callback.search}`);
  remember(again.callback.searchParams.get('code'));
  t.diagnostic(`kept: ${JSON.stringify(total)}`);
  assert.ok(total.users > 0 && total.spent > 0 && total.revoked > 0, `the load did something: ${JSON.stringify(total)}`);
  await house.stop();
});
