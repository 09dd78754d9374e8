// The demo as ./dev demo starts it: addresses soon, a product that looks alive, Ctrl-C ends it, and the same story
// told twice is one story.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { drop, folder, staff, until } from "./liuke.mjs";

let dir, demo;
function start() {
  const child = spawn(new URL("../../tools/demo.sh", import.meta.url).pathname, [dir, "--port", "0"], {
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  const d = { child, out: "", log: "" };
  child.stdout.on("data", (x) => {
    d.out += x;
  });
  child.stderr.on("data", (x) => {
    d.log += x;
  });
  d.ended = new Promise((done) => child.on("exit", (code, signal) => done({ code, signal })));
  return d;
}
async function listening(d, token) {
  d.url = await until(() => /(http:\/\/127\.0\.0\.1:\d+)\/console/.exec(d.out)?.[1], 30000);
  d.token = token ?? (await until(() => /管理令牌 ([\w-]+)/.exec(d.out)?.[1]));
}
const trend = (d, event, measure, days) =>
  staff(d, "POST", "/api/1/ask", {
    kind: "trend",
    event,
    measure,
    period: "day",
    from: new Date(Date.now() - days * 864e5).toISOString(),
    to: new Date(Date.now() + 36e5).toISOString(),
  });
// The history is told when the number of events hardly moves any more.
async function told(d) {
  let last = -1;
  await until(async () => {
    const { events } = await staff(d, "GET", "/api/1/stats"),
      moved = events - last;
    last = events;
    await new Promise((done) => setTimeout(done, 500));
    return moved < 20 && events > 1000;
  }, 60000);
}
before(async () => {
  dir = folder();
  demo = start();
  await listening(demo);
});
after(async () => {
  demo.child.kill("SIGKILL");
  await demo.ended;
  drop(dir);
});

test("it prints the addresses, and a month of a product stands behind them", async () => {
  for (const path of ["/console", "/join", "/v1/batch"]) assert.ok(demo.out.includes(demo.url + path), path);
  await told(demo);
  const people = (await trend(demo, {}, "people", 27)).values.slice(1, -1);
  assert.equal(people.filter((v) => v < 100).length, 0, "no empty day: " + people);
  for (const name of ["$pageview", "Book Opened", "Chapter Read", "Shared", "Signed Up"]) {
    assert.ok(
      (await trend(demo, { name }, "count", 7)).values.slice(1, -1).every((v) => v > 0),
      name,
    );
  }
});

test("retention of those who signed up bends down and never breaks off", async () => {
  const a = await staff(demo, "POST", "/api/1/ask", {
    kind: "retention",
    start_event: { name: "Signed Up" },
    return_event: {},
    mode: "first_time",
    period: "day",
    first_interval: new Date(Date.now() - 20 * 864e5).toISOString(),
    intervals: 14,
  });
  assert.ok(
    a.rows.every((r) => r.values[0] > 30),
    "cohorts of some size",
  );
  const shares = a.mean.map((m) => m.share);
  assert.ok(shares[1] > 0.12 && shares[1] < 0.5, "day 1: " + shares[1]);
  assert.ok(shares[7] < shares[1] && shares[13] < shares[1] && shares[13] > 0.02, "it bends: " + shares);
});

test("events keep coming, and the live stream carries them", async () => {
  const stop = new AbortController();
  const stream = await fetch(demo.url + "/api/1/live", {
    headers: { Authorization: "Bearer " + demo.token },
    signal: stop.signal,
  });
  let text = "";
  for await (const piece of stream.body) {
    text += Buffer.from(piece).toString();
    if ((text.match(/^data: /gm) ?? []).length >= 2) break;
  }
  stop.abort();
  for (const line of text.split("\n").filter((l) => l.startsWith("data: ")))
    assert.equal(JSON.parse(line.slice(6)).source, "一页书");
});

test("Ctrl-C ends it cleanly, and started again on its folder it tells nothing twice", async () => {
  const { events } = await staff(demo, "GET", "/api/1/stats");
  demo.child.kill("SIGINT");
  assert.deepEqual(await demo.ended, { code: 0, signal: null });
  assert.match(demo.log, /"event":"stopped"/);
  const token = demo.token;
  demo = start();
  await listening(demo, token);
  await new Promise((done) => setTimeout(done, 4000));
  await told(demo);
  const now = (await staff(demo, "GET", "/api/1/stats")).events;
  assert.ok(now >= events && now < events + 200, `${events} before, ${now} after`);
});
