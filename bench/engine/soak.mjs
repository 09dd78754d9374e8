// --all: events come in at 5,000 a second while every question is asked in a loop. Each answer has to be what the answer at the
// start and some beginning of the checked stream give: one that was acknowledged by then at least, and sent at most.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { effect, live_batch } from "./live_events.mjs";
import { SKIP } from "./questions_long.mjs";

const RATE = 5000;
const PER_BATCH = 20;
const now = () => performance.timeOrigin + performance.now();
const rss_mb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
const entries = (x, rows) =>
  new Map(rows.flatMap((r) => r.slice(x.keys).map((v, i) => [JSON.stringify(r.slice(0, x.keys)) + "#" + i, v])));
const near = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

// One question's answer as the stream goes on: `at` batches are in `map`.
class Model {
  constructor(x, m, rows, seed) {
    Object.assign(this, { x, m, seed, at: 0, map: entries(x, rows), people: new Map(), of: effect(x.name, m, SKIP) });
  }
  // What batch `at` changes: [key, by how much]. Counts it in.
  next() {
    const changes = new Map();
    for (const b of live_batch(this.seed, this.at++, PER_BATCH, this.m.start, this.m.days)) {
      const e = { event: b.event, t: Date.parse(b.timestamp), price: 0, ...b.properties };
      const events = this.people.get(b.userId) ?? [];
      const was = this.of(events);
      events.push(e);
      events.sort((a, c) => a.t - c.t);
      this.people.set(b.userId, events);
      const is = this.of(events);
      for (const k of new Set([...was.keys(), ...is.keys()])) {
        const d = (is.get(k) ?? 0) - (was.get(k) ?? 0);
        if (d) changes.set(k, (changes.get(k) ?? 0) + d);
      }
    }
    for (const [k, d] of changes) this.map.set(k, (this.map.get(k) ?? 0) + d);
    return changes;
  }
  // Is it the answer at some point from lo to hi? null, or what is wrong at the last of them.
  check(rows, lo, hi) {
    while (this.at < lo) this.next();
    const got = entries(this.x, rows);
    const differs = (k) => !near(this.map.get(k) ?? 0, got.get(k) ?? 0);
    const wrong = new Set([...new Set([...this.map.keys(), ...got.keys()])].filter(differs));
    while (wrong.size && this.at < hi) for (const k of this.next().keys()) differs(k) ? wrong.add(k) : wrong.delete(k);
    if (!wrong.size) return null;
    const k = wrong.values().next().value;
    return `${wrong.size} numbers, such as ${k}: ${got.get(k) ?? 0} instead of ${this.map.get(k) ?? 0}`;
  }
}

// list: what check() said of each question. Returns { p99, growth, answers, wrong }.
export async function soak(list, l, m, seconds, seed, said) {
  const models = [];
  for (const c of list.filter((c) => c.answered)) models.push(new Model(c.x, m, c.x.read((await l.ask(c.x.ask)).answer), seed));
  const child = fork(join(import.meta.dirname, "live.mjs"), [l.port, l.source("stream").public, m.start, m.days, seed, RATE].map(String));
  const sent = [], acked = [], took = [], rss = [];
  let over = false;
  const ended = new Promise((done) => child.on("exit", (code) => { over = true; done(code); }));
  child.on("message", (x) => {
    if (x.sent) sent.push(x.sent);
    for (const [from, to, checked] of x.log ?? []) {
      took.push(to - from);
      if (checked) acked.push(to);
    }
  });
  const look = setInterval(() => rss.push(rss_mb(l.pid)), 1000);
  const until = now() + seconds * 1000;
  let answers = 0, wrong = 0, told = now();
  while (now() < until && !over)
    for (const model of models) {
      const lo_at = now();
      const r = await l.ask(model.x.ask);
      const hi_at = now();
      if (r.refused) throw new Error(`${model.x.name}: ${r.refused}`);
      await new Promise((go) => setTimeout(go, 150)); // for the stream's own account of that time
      const lo = acked.filter((t) => t < lo_at).length;
      const hi = sent.filter((t) => t < hi_at).length;
      const why = model.check(model.x.read(r.answer), lo, hi);
      answers++;
      if (why) {
        wrong++;
        said(`WRONG ${model.x.name} while events come in (batch ${lo} to ${hi}): ${why}`);
        child.kill(); // nothing after it could be right
        clearInterval(look);
        return { wrong, answers, events: took.length * PER_BATCH };
      }
      if (now() - told > 60000) {
        told = now();
        said(`${answers} answers, ${took.length * PER_BATCH} events, ${rss.at(-1).toFixed(0)} MB`);
      }
    }
  child.send("end");
  if ((await ended) !== 0) throw new Error("the stream ended early");
  clearInterval(look);
  took.sort((a, b) => a - b);
  const quarter = Math.floor(rss.length / 4);
  const most = (part) => Math.max(...part);
  return { answers, wrong, events: took.length * PER_BATCH, rate: (took.length * PER_BATCH) / seconds,
    p99: took[Math.floor(took.length * 0.99)], growth: most(rss.slice(-quarter)) - most(rss.slice(quarter, 2 * quarter)), rss: most(rss) };
}
