// The console and the hosted page in a real browser, against the real binary.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { TEXT } from "../../web/console/text.js";
import { drop, folder, run, serve, staff, until } from "../clients/liuke.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let dir, server, browser, keys, start;
const complaints = []; // of every page: errors in its console, exceptions, what its policy forbade

before(async () => {
  dir = folder();
  server = await serve(dir, "--zone", "Asia/Shanghai", "--product", "一页书");
  start = { token: server.token };
  const made = await staff(server, "POST", "/api/1/sources", { name: "web", consent: "off" });
  keys = { pk: made.public_key, sk: made.secret_key };
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  drop(dir);
});

async function open(options = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  page.on("console", (m) => {
    if (["error", "warning"].includes(m.type())) complaints.push(`${page.url()}: ${m.text()}`);
  });
  page.on("pageerror", (e) => complaints.push(`${page.url()}: ${e.stack}`));
  return page;
}
// Signed in by the cookie that the form would have given: the form itself has a test of its own.
async function signedIn(options) {
  const page = await open(options);
  await page.context().addCookies([{ name: "liuke_admin", value: start.token, url: server.url }]);
  return page;
}
const go = async (page, hash) => {
  await page.goto(server.url + "/console" + hash);
  await page.waitForSelector("main h1");
};
const send = async (events) => {
  const r = await fetch(server.url + "/v1/batch", {
    method: "POST",
    headers: { Authorization: "Basic " + Buffer.from(keys.sk + ":").toString("base64") },
    body: JSON.stringify({ batch: events }),
  });
  assert.deepEqual(await r.json(), { success: true });
};
const event = (user, name, at, properties = {}) => ({
  type: "track",
  userId: user,
  event: name,
  timestamp: at,
  properties,
});
const numbersOf = (page, css) => page.$$eval(css, (cells) => cells.map((c) => c.textContent));
const quiet = () => assert.deepEqual(complaints, []);

test("each word is there in both languages", () => {
  assert.deepEqual(Object.keys(TEXT.zh), Object.keys(TEXT.en));
  for (const lang of ["zh", "en"]) for (const [key, text] of Object.entries(TEXT[lang])) assert.ok(text.trim(), key);
  const marks = (s) => (s.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(TEXT.zh)) assert.deepEqual(marks(TEXT.zh[key]), marks(TEXT.en[key]), key);
});

test("signing in takes the admin token, stays after a reload, and signing out ends it", async () => {
  const page = await open();
  await page.goto(server.url + "/");
  await page.waitForSelector("#token");
  assert.equal(await page.isVisible("nav"), false);
  quiet();
  await page.fill("#token", "not the token");
  await page.keyboard.press("Enter");
  await page.getByText(/the admin token is wrong/).waitFor();
  assert.match(complaints.splice(0).join("\n"), /^\S+: Failed to load resource: .* 401 \(Unauthorized\)$/); // the browser tells of the refusal
  await page.fill("#token", start.token);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".numbers b");
  await page.reload();
  await page.waitForSelector(".numbers b");
  assert.equal(await page.evaluate(() => document.cookie), "");
  await page.click("#out");
  await page.waitForSelector("#token");
  await page.reload();
  await page.waitForSelector("#token");
  quiet();
  await page.context().close();
});

test("live events arrive without a reload, and a pause keeps them", async () => {
  const page = await signedIn();
  await go(page, "#/live");
  await page.getByText("Run this in a terminal").waitFor();
  assert.ok((await page.textContent(".empty pre")).includes(keys.pk));
  await send([event("live-1", "Live <b>One</b>", new Date().toISOString(), { where: "<img src=x onerror=alert(1)>" })]);
  await page.getByText("Live <b>One</b>").waitFor();
  assert.ok((await page.textContent(".events li")).includes("where: <img src=x onerror=alert(1)>"));
  await page.getByRole("button", { name: "Pause" }).click();
  await send([event("live-1", "While Paused", new Date().toISOString())]);
  await page.getByRole("button", { name: "Resume (1)" }).waitFor();
  assert.equal(await page.locator(".events li").count(), 1);
  await page.getByRole("button", { name: /Resume/ }).click();
  await page.getByText("While Paused").waitFor();
  await until(async () => (await page.textContent(".numbers div:nth-child(1) b")) === "2");
  quiet();
  await page.context().close();
});

// A small history: who did what on which day of March 2026, in Shanghai.
const at = (d, hour = 12) => `2026-03-${String(d).padStart(2, "0")}T${String(hour).padStart(2, "0")}:00:00+08:00`;
const HISTORY = [
  event("a", "Read", at(1, 0)),
  event("a", "Read", at(1, 23)),
  event("b", "Read", at(1), { device: "phone" }),
  event("c", "Buy", at(2), { price: 12, device: "phone" }),
  event("a", "Read", at(2)),
  event("b", "Read", at(3)),
  event("a", "Buy", at(4), { price: 99 }),
  event("c", "Read", at(4)),
  event("d", "Read", at(4)),
];

test("a trend shows the numbers of what was sent, in chart and table, filtered, and its address keeps the question", async () => {
  await send(HISTORY);
  const page = await signedIn();
  await go(page, "#/trend?event=Read&period=day&from=2026-03-01&to=2026-03-04");
  await page.waitForSelector(".chart svg");
  assert.deepEqual(await numbersOf(page, "table.plain tbody td"), [
    "2026-03-01",
    "3",
    "2026-03-02",
    "1",
    "2026-03-03",
    "1",
    "2026-03-04",
    "2",
  ]);
  assert.deepEqual(await page.$$eval("svg title", (all) => all.map((x) => x.textContent)), [
    "2026-03-01: 3",
    "2026-03-02: 1",
    "2026-03-03: 1",
    "2026-03-04: 2",
  ]);
  const tall = await page.$$eval("svg .bar", (all) => all.map((x) => Number(x.getAttribute("height"))));
  assert.ok(
    Math.abs(tall[0] / tall[1] - 3) < 0.01 && Math.abs(tall[3] / tall[1] - 2) < 0.01,
    "bars are as tall as their numbers: " + tall,
  );
  await page.getByLabel("Measure").selectOption("people");
  await page.getByRole("button", { name: "Ask" }).click();
  await until(async () => (await numbersOf(page, "table.plain td.num")).join() === "2,1,1,2");
  await page.getByLabel("Event", { exact: true }).fill("");
  await page.getByRole("button", { name: "+ Add a filter" }).click();
  await page.getByLabel("Property").fill("price");
  await page.getByLabel("Comparison").selectOption("ge");
  await page.getByLabel("Value", { exact: true }).fill("50");
  await page.getByRole("button", { name: "Ask" }).click();
  await until(async () => (await numbersOf(page, "table.plain td.num")).join() === "0,0,0,1");
  const link = page.url();
  assert.match(link, /measure=people/);
  const other = await signedIn();
  await other.goto(link);
  await until(async () => (await numbersOf(other, "table.plain td.num")).join() === "0,0,0,1");
  assert.equal(await other.getByLabel("Value", { exact: true }).inputValue(), "50");
  await other.goto(server.url + "/console#/trend?event=Nothing&from=2026-03-01&to=2026-03-04");
  await other.reload();
  await other.getByText("No event matches in this range").waitFor();
  assert.ok((await other.$$eval("#events option", (all) => all.map((o) => o.value))).includes("Live <b>One</b>"));
  quiet();
  await other.context().close();
  await page.context().close();
});

test("an impossible question is refused with a reason, not an empty page", async () => {
  const page = await signedIn();
  await go(page, "#/trend?from=2026-03-04&to=2026-03-01");
  await page.getByText("the end must come after the start").waitFor();
  assert.match(complaints.splice(0).join("\n"), /400/);
  await page.getByLabel("From").fill("2026-03-01");
  await page.getByLabel("To (included)").fill("2026-03-04");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.waitForSelector(".chart svg");
  quiet();
  await page.context().close();
});

test("the retention heat map has the cells that the command line answers", async () => {
  const page = await signedIn();
  await go(page, "#/retention?start=Read&mode=recurring&period=day&from=2026-03-01&n=4&show=counts");
  await page.waitForSelector(".heatmap");
  const cells = await page.$$eval(".heatmap tbody tr:not(.mean)", (trs) =>
    trs.map((tr) => [...tr.querySelectorAll("td")].map((td) => Number(td.textContent))),
  );
  const asked = {
    kind: "retention",
    start_event: { name: "Read" },
    return_event: {},
    mode: "recurring",
    period: "day",
    first_interval: "2026-03-01",
    intervals: 4,
  };
  assert.deepEqual(
    cells,
    (await staff(server, "POST", "/api/1/ask", asked)).rows.map((r) => r.values),
  );
  assert.deepEqual(cells, [[2, 1, 1, 1], [1, 0, 1], [1, 0], [2]]);
  await page.getByLabel("Show").selectOption("percent");
  await page.getByRole("button", { name: "Ask" }).click();
  await until(async () => (await page.textContent(".heatmap tbody tr:nth-child(2) td.heat")) === "50.0%");
  assert.match(await page.getAttribute(".heatmap tbody tr:nth-child(2) td.heat", "title"), /^1 \/ 2/);
  const colours = await page.$$eval(".heatmap tbody tr:not(.mean) td.heat", (all) =>
    all.map((td) => getComputedStyle(td).backgroundColor),
  );
  assert.ok(new Set(colours).size > 1, "shares differ in colour: " + colours);
  quiet();
  await page.context().close();
});

test("the command line, asked about the same folder, gives the same retention", async () => {
  const port = new URL(server.url).port;
  await server.stop();
  const r = run(
    dir,
    "ask",
    JSON.stringify({
      kind: "retention",
      start_event: { name: "Read" },
      return_event: {},
      mode: "recurring",
      period: "day",
      first_interval: "2026-03-01",
      intervals: 4,
    }),
    "--csv",
  );
  assert.deepEqual(r.out.trim().split("\n").slice(1), [
    "2026-03-01,2,1,1,1",
    "2026-03-02,1,0,1",
    "2026-03-03,1,0",
    "2026-03-04,2",
  ]);
  server = await serve(dir, "--port", port);
  server.token = start.token;
});

async function codeFromOutbox(to) {
  const mail = await until(async () => (await staff(server, "GET", "/api/1/mails")).items.find((m) => m.to === to));
  return /\b\d{6}\b/.exec(mail.text)[0];
}
for (const javaScriptEnabled of [true, false]) {
  test(`the hosted page goes from address to code to done ${javaScriptEnabled ? "with" : "without"} JavaScript, by keyboard alone`, async () => {
    const page = await open({ javaScriptEnabled, locale: "zh-CN", viewport: { width: 360, height: 740 } });
    const address = `han.meimei${javaScriptEnabled ? "" : ".noscript"}@example.test`;
    await page.goto(server.url + "/join?anonymous_id=a-" + javaScriptEnabled);
    assert.match(await page.textContent("h1"), /注册或登录/);
    await page.focus("#email");
    await page.keyboard.type(address);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#code");
    await page.focus("#code");
    await page.keyboard.type("000000");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.keyboard.press("Enter");
    await page.getByText(/验证码不对，还可以试 4 次/).waitFor();
    assert.match(complaints.splice(0).join(), javaScriptEnabled ? /400/ : /400|^$/);
    await page.focus("#code");
    await page.keyboard.type(await codeFromOutbox(address));
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("完成了").waitFor();
    quiet();
    await page.context().close();
  });
}

test("people → a person → their timeline, with the past joined and the consents", async () => {
  await send([
    {
      type: "track",
      anonymousId: "a-true",
      event: "Before Signing Up",
      timestamp: new Date(Date.now() - 36e5).toISOString(),
    },
  ]);
  const page = await signedIn();
  await go(page, "#/people");
  assert.equal(await page.locator("tbody tr").count(), 2);
  await page.getByLabel("Find by exact e-mail").fill("nobody@example.test");
  await page.keyboard.press("Enter");
  await page.getByText("Not found").waitFor();
  await page.getByLabel("Find by exact e-mail").fill("Han.Meimei@example.test");
  await page.keyboard.press("Enter");
  await page.getByText("Before Signing Up").waitFor();
  const text = await page.textContent("main");
  for (const word of [
    "$signup",
    "Sign-up page",
    "Usage statistics",
    "Privacy policy",
    "我已阅读并同意隐私政策",
    "granted",
  ])
    assert.ok(text.includes(word), word);
  assert.equal(text.includes("han.meimei@example.test"), false);
  assert.match(await page.textContent("h1"), /^h\*+@example\.test$/);
  await page.getByRole("link", { name: "← People" }).click();
  await page.waitForSelector("tbody tr");
  quiet();
  await page.context().close();
});

test("a source is added, its secret seen once; a refused event shows with its reason", async () => {
  const page = await signedIn();
  await go(page, "#/sources");
  await page.getByLabel("Name").fill("shop");
  assert.equal(await page.getByLabel("Why consent is assumed").isVisible(), false);
  await page.getByRole("combobox", { name: "Consent", exact: true }).selectOption("assumed");
  await page.getByLabel("Why consent is assumed").fill("contract");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const secret = await page.locator(".once pre").first().textContent();
  assert.match(secret, /^sk_/);
  const key = await page.locator("tr", { hasText: "shop" }).locator("code").textContent();
  await fetch(server.url + "/v1/track", {
    method: "POST",
    headers: { Authorization: "Bearer " + key },
    body: JSON.stringify({ anonymousId: "x", event: " " }),
  });
  await page.reload();
  await page.getByText("1 since the start").waitFor();
  const row = await page.locator(".card", { hasText: "Refused events" }).locator("tbody tr").textContent();
  for (const word of ["shop", "event", "required"]) assert.ok(row.includes(word), row);
  assert.equal((await page.content()).includes(secret), false);
  quiet();
  await page.context().close();
});

test("the test outbox shows what would have been sent", async () => {
  const page = await signedIn();
  await go(page, "#/mails");
  assert.equal(await page.locator("article").count(), 2);
  assert.match(await page.textContent("article"), /验证码/);
  quiet();
  await page.context().close();
});

test("the language switches in place and stays, and dates are of the product's zone", async () => {
  const page = await signedIn({ timezoneId: "America/New_York" });
  await go(page, "#/trend?event=Buy&period=hour&from=2026-03-02&to=2026-03-02");
  await page.waitForSelector(".chart svg");
  assert.ok((await numbersOf(page, "table.plain td")).includes("2026-03-02 12:00"));
  await page.click("#lang");
  await page.getByRole("heading", { name: "趋势" }).waitFor();
  await page.waitForSelector(".chart svg");
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
  assert.equal(await page.getByLabel("事件", { exact: true }).inputValue(), "Buy");
  await page.reload();
  await page.getByRole("heading", { name: "趋势" }).waitFor();
  assert.match(await page.textContent(".definition"), /时区 Asia\/Shanghai/);
  quiet();
  await page.context().close();
});

test("the keyboard alone gets from signing in to an answer", async () => {
  const page = await open();
  await page.goto(server.url + "/console#/live");
  await page.waitForSelector("#token:focus");
  await page.keyboard.type(start.token);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".numbers b");
  const focused = () =>
    page.evaluate(
      () =>
        document.activeElement.textContent.trim() ||
        document.activeElement.placeholder ||
        document.activeElement.tagName,
    );
  const tabTo = async (what) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press("Tab");
      if ((await focused()) === what) return;
    }
    assert.fail("Tab does not reach " + what);
  };
  await page.evaluate(() => document.activeElement.blur());
  await tabTo("Trends");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".chart svg");
  await tabTo("Any event");
  await page.keyboard.type("Before Signing Up");
  await page.keyboard.press("Enter");
  await until(() => page.url().includes("event=Before"));
  await tabTo("As a table");
  await page.keyboard.press("Enter");
  assert.equal(await page.isVisible("table.plain"), true);
  quiet();
  await page.context().close();
});

test("when the server goes away the live page says so, and goes on when it is back", async () => {
  const page = await signedIn();
  await go(page, "#/live");
  const port = new URL(server.url).port;
  await server.stop();
  await page.getByText("The server cannot be reached").waitFor();
  server = await serve(dir, "--port", port);
  server.token = start.token;
  await page.getByText("The server cannot be reached").waitFor({ state: "hidden", timeout: 20000 });
  await send([event("live-2", "After The Pause", new Date().toISOString())]);
  await page.getByText("After The Pause").waitFor();
  complaints.length = 0; // connection refused, as it was
  await page.context().close();
});

// Every page, wide and narrow, in both colour schemes: nothing serious for axe, nothing wider than the screen.
const PAGES = [
  "#/live",
  "#/trend?event=Read&from=2026-03-01&to=2026-03-04&f=" + encodeURIComponent('["device","is","phone"]'),
  "#/trend?event=None",
  "#/retention?start=Read&from=2026-03-01&n=4",
  "#/people",
  "#/sources",
  "#/mails",
];
async function check(page, what) {
  const { violations } = await page.evaluate(async () => window.axe.run(document, { resultTypes: ["violations"] }));
  const bad = violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${what}: ${v.id}: ${v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")}`);
  assert.deepEqual(bad, []);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(over <= 0, `${what} is ${over} px wider than the screen`);
}
for (const colorScheme of ["light", "dark"]) {
  for (const [width, lang] of [
    [1280, "en-GB"],
    [360, "zh-CN"],
  ]) {
    test(`axe finds nothing serious, and nothing is cut off: ${colorScheme}, ${width} px, ${lang}`, async () => {
      const page = await open({ colorScheme, locale: lang, viewport: { width, height: 800 }, reducedMotion: "reduce" });
      await page.addInitScript(AXE);
      await page.goto(server.url + "/console");
      await page.waitForSelector("#token");
      await check(page, "sign-in");
      await page.context().addCookies([{ name: "liuke_admin", value: start.token, url: server.url }]);
      const { items } = await staff(server, "GET", "/api/1/people");
      for (const hash of [...PAGES, "#/person/" + items[0].id]) {
        await page.goto("about:blank");
        await go(page, hash);
        await page.waitForLoadState("networkidle").catch(() => {}); // the live page never is
        await page.waitForSelector("main .card");
        await check(page, hash);
      }
      await page.goto(server.url + "/join");
      await check(page, "/join");
      await page.fill("#email", `axe.${colorScheme}.${width}@example.test`);
      await page.click("button");
      await page.waitForSelector("#code");
      await check(page, "/join, code");
      quiet();
      await page.context().close();
    });
  }
}

test("the policy forbids inline script and style, and the hosted page has no script at all", async () => {
  const policy = async (path) => (await fetch(server.url + path)).headers.get("content-security-policy");
  for (const path of ["/console", "/join"])
    assert.equal(/unsafe-inline|unsafe-eval|\*/.test(await policy(path)), false);
  assert.match(await policy("/join"), /default-src 'none'/);
  assert.equal(/script-src/.test(await policy("/join")), false);
  const page = await signedIn();
  await go(page, "#/live");
  const ran = await page.evaluate(() => {
    document.body.insertAdjacentHTML("beforeend", '<p id="styled" style="color: red" onclick="window.ran = 1">x</p>');
    document.getElementById("styled").click();
    return [window.ran ?? 0, getComputedStyle(document.getElementById("styled")).color === "rgb(255, 0, 0)"];
  });
  assert.deepEqual(ran, [0, false]);
  assert.ok(complaints.splice(0).length >= 2);
  await page.context().close();
});
