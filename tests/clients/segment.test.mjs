// Segment's and RudderStack's own clients, unmodified, against the real binary.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import Rudder from "@rudderstack/rudder-sdk-node";
import { JSDOM } from "jsdom";
import { addSource, drop, exported, folder, serve, staff } from "./liuke.mjs";

let dir, server, keys, token;
const start = async (...more) => {
  server = await serve(dir, ...more);
  server.token = token;
};
before(async () => {
  dir = folder();
  server = await serve(dir);
  token = server.token;
  await server.stop();
  keys = addSource(dir);
  await start();
});
after(async () => {
  await server?.stop();
  drop(dir);
});

// What the store holds now: the server is stopped for it and started again, so every look is also a restart.
async function look() {
  const port = new URL(server.url).port;
  await server.stop();
  const events = exported(dir);
  await start("--port", port);
  return events;
}
const named = (events, name) => events.filter((e) => e.name === name);

test("analytics-node: every kind of call arrives, once, after a flush", async () => {
  const a = new Analytics({ writeKey: keys.sk, host: server.url, flushAt: 50, flushInterval: 50 });
  a.identify({ userId: "node-1", anonymousId: "node-a1", traits: { email: "li@example.cn", plan: "pro" } });
  a.track({
    userId: "node-1",
    event: "Node Signed Up",
    properties: { plan: "free", price: 9.5, n: 3, tags: ["a", "b"] },
  });
  a.page({ anonymousId: "node-a1", name: "Home", category: "Docs", properties: { url: "https://x.example/p" } });
  a.screen({ userId: "node-1", name: "Main" });
  a.group({ userId: "node-1", groupId: "g1", traits: { size: 5 } });
  a.alias({ userId: "node-1", previousId: "node-a0" });
  await a.closeAndFlush({ timeout: 10000 });
  const events = await look();
  assert.deepEqual(
    events
      .filter((e) => e.props.$lib === "@segment/analytics-node")
      .map((e) => e.name)
      .sort(),
    ["$alias", "$group", "$identify", "$pageview", "$screen", "Node Signed Up"],
  );
  const [t] = named(events, "Node Signed Up");
  assert.deepEqual([t.props.plan, t.props.price, t.props.n, t.props.tags, t.trust], ["free", 9.5, 3, ["a", "b"], 2]);
  assert.equal(named(events, "$identify")[0].props.plan, "pro");
  assert.equal(JSON.stringify(events).includes("li@example.cn"), false);
  // The anonymous page view belongs to the person now.
  assert.equal(named(events, "$pageview")[0].person, t.person);
});

test("analytics-node: 60 events in batches all arrive and a wrong key drops them with an error", async () => {
  const a = new Analytics({ writeKey: keys.pk, host: server.url, flushAt: 15 });
  for (let i = 0; i < 60; i++) a.track({ anonymousId: "many-" + (i % 7), event: "Many", properties: { i } });
  await a.closeAndFlush({ timeout: 10000 });
  const got = named(await look(), "Many")
    .map((e) => e.props.i)
    .sort((x, y) => x - y);
  assert.deepEqual(
    got,
    Array.from({ length: 60 }, (_, i) => i),
  );
  const wrong = new Analytics({ writeKey: "pk_wrong", host: server.url, maxRetries: 0 });
  const errors = [];
  wrong.on("error", (e) => errors.push(e));
  wrong.track({ anonymousId: "x", event: "Never" });
  await wrong.closeAndFlush({ timeout: 5000 });
  assert.equal(errors.length, 1);
  assert.equal(named(await look(), "Never").length, 0);
});

test("rudder-sdk-node: a gzip body under a form's content type is read, with its original times", async () => {
  const r = new Rudder(keys.sk, { dataPlaneUrl: server.url, flushAt: 20, flushInterval: 100 });
  const at = new Date("2026-01-02T03:04:05.678Z");
  r.identify({ userId: "rudder-1", traits: { email: "han@example.cn", level: 7 } });
  r.track({ userId: "rudder-1", event: "Rudder Bought", properties: { 商品: "书" }, originalTimestamp: at });
  await new Promise((done) => r.flush(() => done()));
  const events = await look();
  const [b] = named(events, "Rudder Bought");
  assert.equal(b.props["商品"], "书");
  assert.ok(Math.abs(Date.parse(b.time) - at) < 5000, b.time);
  assert.equal(named(events, "$identify").find((e) => e.props.level === 7)?.trust, 2);
});

async function browser(load) {
  const dom = new JSDOM("<!doctype html><title>T</title>", {
    url: "http://shop.example/p?utm_source=news&utm_campaign=c1",
    referrer: "http://ref.example/",
    pretendToBeVisual: true,
  });
  const names = ["window", "document", "location", "navigator", "localStorage", "sessionStorage", "self"];
  const saved = names.map((n) => Object.getOwnPropertyDescriptor(globalThis, n));
  dom.window.fetch = globalThis.fetch;
  for (const n of names)
    Object.defineProperty(globalThis, n, {
      value: n === "self" ? dom.window : dom.window[n],
      configurable: true,
      writable: true,
    });
  try {
    return await load(dom);
  } finally {
    names.forEach((n, i) => (saved[i] ? Object.defineProperty(globalThis, n, saved[i]) : delete globalThis[n]));
    dom.window.close();
  }
}
const settle = (ms) => new Promise((done) => setTimeout(done, ms));

test("analytics-next: with nothing but the key and our address it finds its settings and sends", async () => {
  await browser(async () => {
    const { AnalyticsBrowser } = await import("@segment/analytics-next");
    const a = AnalyticsBrowser.load({ writeKey: keys.pk, cdnURL: server.url });
    await a.page("Docs", "Start");
    await a.track("Next Clicked", { where: "top" });
    await a.identify("next-1", { plan: "free", email: "next@example.cn" });
    await a.track("Next Paid", { amount: 12 });
    await settle(1500);
  });
  const events = await look();
  const [clicked] = named(events, "Next Clicked"),
    [paid] = named(events, "Next Paid");
  assert.ok(clicked && paid, JSON.stringify(events.map((e) => e.name)));
  assert.equal(clicked.props.$utm_source, "news");
  assert.equal(clicked.props.$utm_campaign, "c1");
  assert.equal(clicked.trust, 0);
  assert.equal(clicked.person, paid.person, "the anonymous past is the person's");
  assert.equal(JSON.stringify(events).includes("next@example.cn"), false);
});

test("analytics-next in batching mode sends batches to /v1/b", async () => {
  await browser(async () => {
    const { AnalyticsBrowser } = await import("@segment/analytics-next");
    const a = AnalyticsBrowser.load(
      { writeKey: keys.pk, cdnURL: server.url },
      {
        integrations: {
          "Segment.io": { deliveryStrategy: { strategy: "batching", config: { size: 3, timeout: 300 } } },
        },
      },
    );
    for (let i = 0; i < 7; i++) await a.track("Next Batched", { i });
    await settle(2000);
  });
  const got = named(await look(), "Next Batched")
    .map((e) => e.props.i)
    .sort();
  assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6]);
});

test("a preflight lets a page of any origin send", async () => {
  const r = await fetch(server.url + "/v1/t", {
    method: "OPTIONS",
    headers: {
      Origin: "https://shop.example",
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "authorization,content-type",
    },
  });
  assert.ok(r.status === 200 || r.status === 204);
  assert.ok(["*", "https://shop.example"].includes(r.headers.get("access-control-allow-origin")));
  assert.match(r.headers.get("access-control-allow-headers"), /Authorization/i);
  assert.equal(r.headers.get("access-control-max-age"), "86400");
});

test("analytics-next with a key nobody knows is told so in plain text and sends nothing", async () => {
  const r = await fetch(server.url + "/v1/projects/pk_nobody/settings");
  assert.deepEqual([r.status, await r.text()], [404, "unknown write key"]);
  assert.match(r.headers.get("content-type"), /^text\/plain/);
  await browser(async () => {
    const { AnalyticsBrowser } = await import("@segment/analytics-next");
    const a = AnalyticsBrowser.load({ writeKey: "pk_nobody", cdnURL: server.url });
    await assert.rejects(
      a.then(() => {}),
      /unknown write key/,
    );
  });
});

test("analytics-next tells who somebody is, and a group and an alias of them", async () => {
  await browser(async () => {
    const { AnalyticsBrowser } = await import("@segment/analytics-next");
    const a = AnalyticsBrowser.load({ writeKey: keys.pk, cdnURL: server.url });
    await a.track("Next Before");
    await a.identify("next-2", { level: 3 });
    await a.group("company-1", { seats: 9 });
    await a.alias("next-2b");
    await a.screen("Board");
    await settle(1500);
  });
  const events = await look();
  const mine = events
    .filter((e) => e.person === named(events, "Next Before")[0].person)
    .map((e) => e.name)
    .sort();
  for (const name of ["$group", "$identify", "$screen", "Next Before"])
    assert.ok(mine.includes(name), name + " of " + mine);
});

test("a client that retries what was taken, and one that first found nobody, leave each event once", async () => {
  // A proxy that passes the first batch on and then drops the connection: the client cannot know it arrived.
  let calls = 0;
  const proxy = createServer((req, res) => {
    const parts = [];
    req.on("data", (p) => parts.push(p));
    req.on("end", async () => {
      const passed = await fetch(server.url + req.url, {
        method: "POST",
        headers: { authorization: req.headers.authorization, "content-type": req.headers["content-type"] },
        body: Buffer.concat(parts),
      });
      if (++calls === 1) return res.destroy();
      res.writeHead(passed.status).end(await passed.text());
    });
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  const a = new Analytics({
    writeKey: keys.pk,
    host: "http://127.0.0.1:" + proxy.address().port,
    flushAt: 10,
    maxRetries: 3,
  });
  for (let i = 0; i < 10; i++) a.track({ anonymousId: "again", event: "Again", properties: { i } });
  await a.closeAndFlush({ timeout: 15000 });
  proxy.close();
  assert.equal(calls, 2);
  const port = new URL(server.url).port;
  await server.stop();
  const b = new Analytics({ writeKey: keys.pk, host: "http://127.0.0.1:" + port, flushAt: 1, maxRetries: 5 });
  b.track({ anonymousId: "early", event: "Early" });
  await settle(300);
  await start("--port", port);
  await b.closeAndFlush({ timeout: 15000 });
  const events = await look();
  assert.deepEqual(
    named(events, "Again")
      .map((e) => e.props.i)
      .sort(),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(named(events, "Early").length, 1);
});

const post = (path, body, key = keys.pk, headers = {}) =>
  fetch(server.url + path, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { Authorization: "Basic " + Buffer.from(key + ":").toString("base64"), ...headers },
  });

test("the same message id in two batches is one event; from another source it is another", async () => {
  const other = await staff(server, "POST", "/api/1/sources", { name: "second", consent: "off" });
  assert.equal(other.code, 201);
  const one = { type: "track", event: "Twice", anonymousId: "tw", messageId: "same-1" };
  for (const batch of [[one], [one, { ...one, messageId: "same-2" }]])
    assert.deepEqual(await (await post("/v1/batch", { batch })).json(), { success: true });
  assert.equal((await post("/v1/batch", { batch: [one] }, other.public_key)).status, 200);
  assert.equal(named(await look(), "Twice").length, 3);
});

test("an event of 33 kB inside a good batch is named and refused; text/plain and a null user are fine", async () => {
  const batch = [
    { type: "track", event: "Kept", anonymousId: "k1", userId: null },
    { type: "track", event: "Big", anonymousId: "k1", messageId: "big-1", properties: { text: "x".repeat(33000) } },
    { type: "track", event: "Kept", anonymousId: "k1" },
  ];
  const r = await post("/v1/batch", { batch }, keys.pk, { "Content-Type": "text/plain" });
  const said = await r.json();
  assert.equal(r.status, 200);
  assert.deepEqual(
    said.rejected.map((x) => [x.index, x.messageId]),
    [[1, "big-1"]],
  );
  const events = await look();
  assert.deepEqual([named(events, "Kept").length, named(events, "Big").length], [2, 0]);
});

test("a clock wrong by most of a day is set right by when the client says it sent", async () => {
  const before = Date.now();
  for (const [name, shift] of [
    ["Slow Clock", -23 * 36e5],
    ["Fast Clock", 23 * 36e5],
  ]) {
    const its = (ago) => new Date(Date.now() + shift - ago).toISOString();
    await post("/v1/batch", {
      batch: [{ type: "track", event: name, anonymousId: "clock", timestamp: its(60000) }],
      sentAt: its(0),
    });
  }
  const events = await look();
  for (const name of ["Slow Clock", "Fast Clock"])
    assert.ok(Math.abs(Date.parse(named(events, name)[0].time) - (before - 60000)) < 5000, name);
});

test("errors are such that clients drop what is hopeless and keep what is not", async () => {
  const codes = [];
  for (const [path, body, key] of [
    ["/v1/batch", "{", keys.pk],
    ["/v1/batch", "{}", keys.pk],
    ["/v1/t", { event: "E" }, keys.pk],
    ["/v1/batch", { batch: [] }, "pk_nobody"],
    ["/v1/batch", { batch: [], writeKey: keys.sk }, keys.pk],
    ["/v1/batch", " ".repeat(600000), keys.pk],
  ])
    codes.push((await post(path, body, key)).status);
  assert.deepEqual(codes, [400, 400, 400, 401, 401, 413]);
  const r = await post("/v1/m", { series: [] });
  assert.equal(r.status, 200);
  assert.match(
    (await post("/v1/t", { event: "E", anonymousId: "x" }, keys.pk, { Origin: "https://shop.example" })).headers.get(
      "access-control-expose-headers",
    ) ?? "",
    /Retry-After/i,
  );
});
