// Segment's and RudderStack's own clients, unmodified, against the real binary.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import Rudder from "@rudderstack/rudder-sdk-node";
import { JSDOM } from "jsdom";
import { addSource, drop, exported, folder, serve } from "./liuke.mjs";

let dir, server, keys;
before(async () => { dir = folder(); server = await serve(dir); const token = server.token; await server.stop(); keys = addSource(dir); server = await serve(dir); server.token = token; });
after(async () => { await server?.stop(); drop(dir); });

// What the store holds now: the server is stopped for it and started again, so every look is also a restart.
async function look() {
  const port = new URL(server.url).port;
  await server.stop();
  const events = exported(dir);
  server = await serve(dir, "--port", port);
  return events;
}
const named = (events, name) => events.filter((e) => e.name === name);

test("analytics-node: every kind of call arrives, once, after a flush", async () => {
  const a = new Analytics({ writeKey: keys.sk, host: server.url, flushAt: 50, flushInterval: 50 });
  a.identify({ userId: "node-1", anonymousId: "node-a1", traits: { email: "li@example.cn", plan: "pro" } });
  a.track({ userId: "node-1", event: "Node Signed Up", properties: { plan: "free", price: 9.5, n: 3, tags: ["a", "b"] } });
  a.page({ anonymousId: "node-a1", name: "Home", category: "Docs", properties: { url: "https://x.example/p" } });
  a.screen({ userId: "node-1", name: "Main" });
  a.group({ userId: "node-1", groupId: "g1", traits: { size: 5 } });
  a.alias({ userId: "node-1", previousId: "node-a0" });
  await a.closeAndFlush({ timeout: 10000 });
  const events = await look();
  assert.deepEqual(events.filter((e) => e.props.$lib === "@segment/analytics-node").map((e) => e.name).sort(),
                   ["$alias", "$group", "$identify", "$pageview", "$screen", "Node Signed Up"]);
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
  const got = named(await look(), "Many").map((e) => e.props.i).sort((x, y) => x - y);
  assert.deepEqual(got, Array.from({ length: 60 }, (_, i) => i));
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
  r.track({ userId: "rudder-1", event: "Rudder Bought", properties: { 商品: "书" }, timestamp: at });
  await new Promise((done) => r.flush(() => done()));
  const events = await look();
  const [b] = named(events, "Rudder Bought");
  assert.equal(b.props["商品"], "书");
  assert.ok(Math.abs(Date.parse(b.time) - at) < 5000, b.time);
  assert.equal(named(events, "$identify").find((e) => e.props.level === 7)?.trust, 2);
});

async function browser(load) {
  const dom = new JSDOM("<!doctype html><title>T</title>", { url: "http://shop.example/p?utm_source=news&utm_campaign=c1", referrer: "http://ref.example/", pretendToBeVisual: true });
  const names = ["window", "document", "location", "navigator", "localStorage", "sessionStorage", "self"];
  const saved = names.map((n) => Object.getOwnPropertyDescriptor(globalThis, n));
  dom.window.fetch = globalThis.fetch;
  for (const n of names) Object.defineProperty(globalThis, n, { value: n === "self" ? dom.window : dom.window[n], configurable: true, writable: true });
  try { return await load(dom); }
  finally { names.forEach((n, i) => (saved[i] ? Object.defineProperty(globalThis, n, saved[i]) : delete globalThis[n])); dom.window.close(); }
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
  const [clicked] = named(events, "Next Clicked"), [paid] = named(events, "Next Paid");
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
    const a = AnalyticsBrowser.load({ writeKey: keys.pk, cdnURL: server.url },
      { integrations: { "Segment.io": { deliveryStrategy: { strategy: "batching", config: { size: 3, timeout: 300 } } } } });
    for (let i = 0; i < 7; i++) await a.track("Next Batched", { i });
    await settle(2000);
  });
  const got = named(await look(), "Next Batched").map((e) => e.props.i).sort();
  assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6]);
});

test("a preflight lets a page of any origin send", async () => {
  const r = await fetch(server.url + "/v1/t", { method: "OPTIONS", headers: { Origin: "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type" } });
  assert.ok(r.status === 200 || r.status === 204);
  assert.ok(["*", "https://shop.example"].includes(r.headers.get("access-control-allow-origin")));
  assert.match(r.headers.get("access-control-allow-headers"), /Authorization/i);
  assert.equal(r.headers.get("access-control-max-age"), "86400");
});
