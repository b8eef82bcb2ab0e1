// The pages in a real browser: Debian's Chromium. Screenshots in build/screenshots, to be looked at.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { remember, screenshots, up } from './lib/gatehouse.js';
import { chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
let house, browser;
before(async () => {
  house = await up();
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
});
after(async () => {
  await browser?.close();
  assert.equal(await house.stop(), 0);
});

async function visit(options = {}, work) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  const complaints = [];
  page.on('console', (m) => { if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) complaints.push(m.text()); });
  try { await work(page, context); } finally {
    for (const cookie of await context.cookies()) remember(cookie.value);
    await context.close();
  }
  assert.deepEqual(complaints, [], 'the browser has nothing to complain about');
}

const picture = (page, name) => page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });

async function signIn(page, { login, password } = house.user) {
  await page.locator('input:not([type=hidden]):not([type=password]):not([type=checkbox])').first().fill(login);
  if (await page.locator('input[type=password]').count() === 0) await page.locator('button[type=submit], input[type=submit]').first().click();
  await page.locator('input[type=password]').fill(password);
  await page.locator('button[type=submit], input[type=submit]').first().click();
}

test('the wiki: sign in, see who you are, sign out', async () => {
  await visit({}, async (page) => {
    await page.goto(house.wiki + '/');
    assert.ok(page.url().startsWith(house.org), page.url());
    await picture(page, 'sign-in');
    await signIn(page);
    await page.waitForURL(`${house.wiki}/**`);
    assert.ok((await page.textContent('body')).includes(house.user.login));
    await picture(page, 'wiki');
    await page.locator('a, button').filter({ hasText: /sign out|log out/i }).first().click();
    await page.waitForLoadState();
    const confirm = page.locator('form[method=post] button').filter({ hasText: /sign out/i });
    if (page.url().startsWith(house.org) && (await confirm.count()) > 0) { await picture(page, 'sign-out'); await confirm.first().click(); await page.waitForLoadState(); }
    await picture(page, 'signed-out');
    await page.goto(house.wiki + '/');
    await page.locator('input[type=password]').waitFor();
  });
});

test('works without JavaScript', async () => {
  await visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(house.wiki + '/');
    await signIn(page);
    await page.waitForURL(`${house.wiki}/**`);
    assert.ok((await page.textContent('body')).includes(house.user.login));
  });
});

test('two tabs that sign in at the same time both arrive', async () => {
  await visit({}, async (one, context) => {
    const two = await context.newPage();
    await Promise.all([one.goto(house.wiki + '/?tab=1'), two.goto(house.wiki + '/?tab=2')]);
    await signIn(one);
    await one.waitForURL(`${house.wiki}/?tab=1`);
    await signIn(two);
    await two.waitForURL(`${house.wiki}/?tab=2`);
    for (const tab of [one, two]) assert.ok((await tab.textContent('body')).includes(house.user.login));
  });
});

test('a wrong password is said kindly, and the right one works after it', async () => {
  await visit({}, async (page) => {
    await page.goto(house.wiki + '/');
    await signIn(page, { login: house.user.login, password: remember('not-the-password') });
    await page.locator('[role=alert]').waitFor();
    assert.equal(await page.locator('input:not([type=hidden]):not([type=password]):not([type=checkbox])').first().inputValue(), house.user.login, 'the login is kept');
    assert.equal(await page.locator('input[type=password]').inputValue(), '');
    await picture(page, 'wrong-password');
    await signIn(page);
    await page.waitForURL(`${house.wiki}/**`);
  });
});

const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
for (const [name, options] of Object.entries({
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  dark: { colorScheme: 'dark' },
  'phone-dark': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark' },
})) {
  test(`pages on: ${name}`, async () => {
    await visit(options, async (page) => {
      await page.goto(house.wiki + '/');
      await picture(page, `sign-in-${name}`);
      assert.ok(await fits(page), 'no sideways scrolling');
      const button = await page.locator('button[type=submit], input[type=submit]').first().boundingBox();
      assert.ok(button.height >= 40, 'large enough to be touched');
      if (options.colorScheme === 'dark') {
        const [background, text] = await page.evaluate(() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; });
        const light = (c) => c.match(/\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3;
        assert.ok(light(background) < 80 && light(text) > 150, `${background} ${text}`);
      }
      await signIn(page);
      await page.waitForURL(`${house.wiki}/**`);
      await picture(page, `wiki-${name}`);
      await page.goto(house.org + '/');
      await picture(page, `home-${name}`);
      assert.ok(await fits(page), 'no sideways scrolling at home');
    });
  });
}

test('errors are pages that help', async () => {
  await visit({}, async (page) => {
    await page.goto(`${house.org}/oauth2/v1/authorize?client_id=nobody&response_type=code`);
    await picture(page, 'error-unknown-client');
    assert.match(await page.textContent('body'), /client/i);
    assert.equal((await page.goto(`${house.org}/no-such-page`)).status(), 404);
    assert.match(await page.textContent('body'), /no such page/i);
    await picture(page, 'error-not-found');
  });
});

test('every page has a language, a title and labels', async () => {
  await visit({}, async (page) => {
    await page.goto(house.wiki + '/');
    assert.ok(await page.getAttribute('html', 'lang'));
    assert.ok(await page.title());
    const unlabelled = await page.evaluate(() => [...document.querySelectorAll('input:not([type=hidden]):not([type=submit])')].filter((i) => i.labels.length === 0 && !i.getAttribute('aria-label')).length);
    assert.equal(unlabelled, 0);
    assert.ok(await page.locator('input[type=password][autocomplete="current-password"]').count());
  });
});

test('screenshots are there', () => {
  for (const name of ['sign-in', 'wiki', 'wrong-password', 'sign-in-phone', 'sign-in-dark']) assert.ok(fs.statSync(path.join(screenshots, `${name}.png`)).size > 2000, name);
});
