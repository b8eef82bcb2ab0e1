// A browser without a screen: cookies per host, redirects, forms. Connects to 127.0.0.1 whatever *.localhost name is in
// the address, since Node's resolver does not know those names.
import http from 'node:http';
import https from 'node:https';
import { remember } from './remember.js';

const agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true, rejectUnauthorized: false }) };

function unescape(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, e) =>
    e[0] === '#' ? String.fromCodePoint(e[1].toLowerCase() === 'x' ? parseInt(e.slice(2), 16) : Number(e.slice(1))) : named[e] ?? whole);
}

function attributes(tag) {
  const found = {};
  for (const m of tag.matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)) found[m[1].toLowerCase()] = unescape(m[2] ?? m[3] ?? m[4] ?? '');
  return found;
}

// The forms of a page: [{ action, method, inputs: [{name, type, value}] }]
export function forms(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, body]) => {
    const form = attributes(head);
    const inputs = [...body.matchAll(/<(input|button|textarea|select)\b([^>]*)>/gi)].map(([, kind, rest]) => ({ kind: kind.toLowerCase(), ...attributes(rest) }));
    return { action: form.action ?? '', method: (form.method ?? 'get').toUpperCase(), inputs };
  });
}

export class Visitor {
  constructor() { this.cookies = new Map(); } // host -> Map(name -> value)

  cookieHeader(url) {
    const jar = this.cookies.get(url.hostname);
    return jar && jar.size ? [...jar].map(([n, v]) => `${n}=${v}`).join('; ') : undefined;
  }

  keep(url, lines = []) {
    const jar = this.cookies.get(url.hostname) ?? new Map();
    this.cookies.set(url.hostname, jar);
    for (const line of lines) {
      const [pair, ...rest] = line.split(';');
      const at = pair.indexOf('=');
      const name = pair.slice(0, at).trim(), value = pair.slice(at + 1).trim();
      const gone = rest.some((r) => /^\s*max-age\s*=\s*0\s*$/i.test(r)) || value === '';
      if (gone) jar.delete(name); else { jar.set(name, value); remember(value); }
    }
  }

  // One exchange, no redirects: { url, status, headers, body, location }
  send(address, { method = 'GET', headers = {}, body } = {}) {
    const url = new URL(address);
    const cookie = this.cookieHeader(url);
    const lib = url.protocol === 'https:' ? https : http;
    const all = { Host: url.host, ...(cookie ? { Cookie: cookie } : {}), ...headers };
    if (body !== undefined) all['Content-Length'] = Buffer.byteLength(body);
    return new Promise((resolve, reject) => {
      const request = lib.request({
        host: '127.0.0.1', port: url.port || (lib === https ? 443 : 80), path: url.pathname + url.search, method, headers: all,
        agent: agents[url.protocol], servername: url.hostname,
      }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (d) => (text += d));
        answer.on('error', reject);
        answer.on('end', () => {
          this.keep(url, answer.headers['set-cookie']);
          const location = answer.headers.location ? new URL(answer.headers.location, url).href : undefined;
          if (location) for (const [name, value] of new URL(location).searchParams) if (['code', 'state', 'nonce', 'id_token_hint'].includes(name)) remember(value);
          resolve({ url: url.href, status: answer.statusCode, headers: answer.headers, body: text, location });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  // Follows redirects until there is none, or until `until(url)` is true of the next address.
  async open(address, options = {}, until = () => false) {
    let answer = await this.send(address, options);
    for (let hops = 0; answer.location && answer.status >= 300 && answer.status < 400; ++hops) {
      if (hops === 20) throw new Error(`too many redirects at ${answer.url}`);
      if (until(answer.location)) return { ...answer, stopped: answer.location };
      answer = await this.send(answer.location);
    }
    return answer;
  }

  async submit(page, values, until, pick = (f) => f.method === 'POST') {
    const form = forms(page.body).find(pick);
    if (!form) throw new Error(`no form at ${page.url} (${page.status}): ${page.body.slice(0, 500)}`);
    const fields = new URLSearchParams();
    for (const input of form.inputs) {
      if (!input.name || (input.kind === 'button' || input.type === 'submit')) continue;
      const given = typeof values === 'function' ? values(input) : values[input.name];
      fields.set(input.name, given ?? input.value ?? '');
      if (input.type === 'hidden') remember(input.value);
    }
    if (values.also) for (const [n, v] of Object.entries(values.also)) fields.set(n, v);
    const action = new URL(form.action || page.url, page.url);
    return this.open(action, {
      method: form.method, body: fields.toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: action.origin, 'Sec-Fetch-Site': 'same-origin' },
    }, until);
  }

  // Fills in what a sign-in page asks for, page after page, until it leads elsewhere.
  async signIn(page, { login, password }, until = () => false) {
    remember(password);
    for (let pages = 0; pages < 4 && !page.stopped; ++pages) {
      const asks = forms(page.body).find((f) => f.method === 'POST' && f.inputs.some((i) => i.type === 'password' || /user|login|identifier/.test(i.name ?? '')));
      if (!asks) return page;
      page = await this.submit(page, (input) => {
        if (input.type === 'password') return password;
        if (/user|login|identifier|email/.test(input.name ?? '') && input.type !== 'hidden') return login;
        return undefined;
      }, until, (f) => f.inputs.length === asks.inputs.length && f.action === asks.action);
      if (page.status >= 400 || /role="alert"|class="error/.test(page.body ?? '')) return page;
    }
    return page;
  }
}
