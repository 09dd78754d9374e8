// kill -9 and SIGTERM under load, against the real binary: what was acknowledged is there once, whatever happened;
// what was not may be sent again. LIUKE_LONG=1: 50 rounds.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { BIN, addSource, drop, folder, run, serve } from "../clients/liuke.mjs";

const ROUNDS = process.env.LIUKE_LONG ? 50 : 10, CLIENTS = 8, PAD = "x".repeat(1500);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// Another course each time; the seed is told, and LIUKE_SEED=… runs it again.
let seed = Number(process.env.LIUKE_SEED ?? Date.now() % 2147483647) || 1;
function random(below) {
  seed = (seed * 48271) % 2147483647;
  return seed % Math.floor(below);
}

// One request on a keep-alive connection of its own; true: acknowledged.
function post(server, agent, key, path, body) {
  const { port } = new URL(server.url);
  return new Promise((done) => {
    const text = JSON.stringify(body);
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text),
      Authorization: "Basic " + Buffer.from(key + ":").toString("base64") };
    const rq = http.request({ agent, host: "127.0.0.1", port, path, method: "POST", headers }, (rs) => {
      let got = "";
      rs.setEncoding("utf8").on("data", (d) => { got += d; });
      // Acknowledged is a whole reply that refuses none of it.
      rs.on("end", () => done(rs.complete && rs.statusCode === 200 && got === '{"success":true}'));
      rs.on("error", () => done(false));
      rs.on("aborted", () => done(false));
    });
    rq.on("error", () => done(false));
    rq.end(text);
  });
}
const event = (id, who) => ({ type: "track", event: "Load", anonymousId: who, messageId: id,
  properties: { id, ...(who === "a0" && { pad: PAD }) } });

class Load {
  constructor(key) { this.key = key; this.acked = new Set(); this.open = new Set(); this.next = 0; }
  // Single events and batches, until the server is gone.
  async client(server, c, stopped) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; !stopped(); i++) {
      const n = i % 3 ? 1 : 1 + random(40), ids = Array.from({ length: n }, () => `e${this.next++}`);
      for (const id of ids) this.open.add(id);
      const one = n === 1 && i % 2, events = ids.map((id) => event(id, "a" + c));
      const body = one ? events[0] : { batch: events };
      if (await post(server, agent, this.key, one ? "/v1/track" : "/v1/batch", body)) this.mark(ids);
      else if (stopped()) break;
      else await sleep(1);
    }
    agent.destroy();
  }
  mark(ids) { for (const id of ids) { this.open.delete(id); this.acked.add(id); } }
  async during(server, ms, signal) {
    let over = false;
    const clients = Array.from({ length: CLIENTS }, (_, c) => this.client(server, c, () => over));
    await sleep(ms);
    server.child.kill(signal);
    const end = await server.ended;
    over = true;
    await Promise.all(clients);
    return end;
  }
  // All that nobody acknowledged, and some that somebody did.
  async resend(server) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }), acked = [...this.acked];
    const some = Array.from({ length: Math.min(60, acked.length) }, () => acked[random(acked.length)]);
    const again = [...this.open, ...some];
    for (let i = 0; i < again.length; i += 50) {
      const ids = again.slice(i, i + 50), batch = ids.map((id) => event(id, "again"));
      assert.ok(await post(server, agent, this.key, "/v1/batch", { batch }), "a restarted server takes events");
      this.mark(ids);
    }
    agent.destroy();
  }
}
// How often each id is in the store; read as a stream, for it may be large.
async function counted(dir, name, of) {
  const child = spawn(BIN, ["export", "--data", join(dir, "data")], { stdio: ["ignore", "pipe", "pipe"] });
  const seen = new Map();
  let why = "";
  child.stderr.on("data", (d) => { why += d; });
  const ended = new Promise((done) => child.on("exit", done));
  for await (const line of createInterface({ input: child.stdout })) {
    const e = JSON.parse(line);
    if (e.name === name) seen.set(of(e), (seen.get(of(e)) ?? 0) + 1);
  }
  assert.equal(await ended, 0, why);
  return seen;
}
async function checked(dir, load) {
  const seen = await counted(dir, "Load", (e) => e.props.id);
  const lost = [...load.acked].filter((id) => !seen.has(id)), twice = [...seen].filter(([, n]) => n > 1);
  const invented = [...seen.keys()].filter((id) => !load.acked.has(id) && !load.open.has(id));
  assert.deepEqual(lost.slice(0, 5), [], `${lost.length} of ${load.acked.size} acknowledged events are lost`);
  assert.deepEqual(twice.slice(0, 5), [], `${twice.length} events are there twice`);
  assert.deepEqual(invented.slice(0, 5), [], "events that nobody sent");
}

test(`kill -9 under load, ${ROUNDS} rounds: every acknowledged event once`, async (t) => {
  const dir = folder(), first = seed;
  t.after(() => drop(dir));
  const load = new Load(addSource(dir).pk);
  let server = await serve(dir), unknown = 0;
  t.after(() => server.child.kill("SIGKILL"));
  for (let round = 0; round < ROUNDS; round++) {
    const end = await load.during(server, 20 + random(400), "SIGKILL");
    assert.equal(end.signal, "SIGKILL", `seed ${first}, round ${round}: ended by itself: ` + server.log);
    unknown += load.open.size;
    if (random(4) === 0) {                                 // and once in the middle of starting
      const child = spawn(BIN, ["serve", "--port", "0", "--data", join(dir, "data")], { stdio: "ignore" });
      await sleep(random(60));
      child.kill("SIGKILL");
      await new Promise((done) => child.on("exit", done));
    }
    server = await serve(dir);
    await load.resend(server);
    if (round % 10 === 9) {                                // what is there must be there now, not only at the end
      await server.stop();
      await checked(dir, load);
      server = await serve(dir);
    }
  }
  assert.equal((await server.stop()).code, 0);
  await checked(dir, load);
  assert.equal(load.open.size, 0);
  assert.ok(load.acked.size > ROUNDS * 20 && unknown > 0, "there was no load to speak of");
  t.diagnostic(`seed ${first}: ${load.acked.size} events, ${unknown} in the air when the server died`);
});

test("SIGTERM under load: what was acknowledged is there, and the end is clean", async (t) => {
  const dir = folder();
  t.after(() => drop(dir));
  const load = new Load(addSource(dir).pk);
  for (let round = 0; round < 3; round++) {
    const server = await serve(dir);
    const end = await load.during(server, 100 + random(300), "SIGTERM");
    assert.deepEqual(end, { code: 0, signal: null }, server.log);
    await checked(dir, load);
  }
  const server = await serve(dir);
  await load.resend(server);
  await server.stop();
  await checked(dir, load);
  assert.ok(load.acked.size > 100);
});

const going = "the server is killed in the middle of an import, and the same command goes on: each ";
for (const messages of [false, true])
test(going + (messages ? "message" : "row") + " once", async (t) => {
  const ROWS = process.env.LIUKE_LONG ? 600000 : 200000, dir = folder(), other = folder();
  t.after(() => { drop(dir); drop(other); });
  const day = (i) => String(1 + (i % 28)).padStart(2, "0");
  const again = (i) => messages && i % 50 === 49;             // sent twice: the message of a row before it
  let text = "when,what,who,row,message\n";
  const message = (i) => (again(i) ? i - 7 - (i > 9000 ? (i % 3) * 3000 : 0) : i);
  for (let i = 0; i < ROWS; i++) text += `2024-01-${day(i)},Read,u${i % 997},${i},m${message(i)}\n`;
  writeFileSync(join(dir, "rows.csv"), text);
  const rest = messages ? ",message=message" : ",props=none,prop.row=row";
  const words = ["import", join(dir, "rows.csv"), "--map", "time=when,event=what,user=who" + rest];
  const began = Date.now();                                // how long it takes here and now, to be cut short well
  assert.equal(run(other, ...words).code, 0);
  const all = Date.now() - began;
  addSource(dir);
  let killed = 0;
  for (let round = 0; round < 6; round++) {
    const server = await serve(dir);
    const child = spawn(BIN, [...words, "--data", join(dir, "data")], { cwd: dir, stdio: "ignore" });
    const ended = new Promise((done) => child.on("exit", (code, signal) => done(code ?? signal)));
    await sleep(all / 20 + random(1 + all / 4));
    (round % 2 ? child : server.child).kill("SIGKILL");
    killed += (await ended) !== 0;
    server.child.kill("SIGKILL");
    await server.ended;
  }
  assert.ok(killed > 0, "no import was cut short");
  const last = run(dir, ...words);
  assert.equal(last.code, 0, last.err);
  const seen = await counted(dir, "Read", (e) => e.props.row);
  assert.equal(seen.size, messages ? ROWS - ROWS / 50 : ROWS);
  assert.deepEqual([...seen].filter(([, n]) => n !== 1).slice(0, 5), []);
});
