// ./dev bench engine: the behaviour engine against ClickHouse's and DuckDB on the same events. bench/README.md says what it all means.
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Liuke, Peer, cpu_ms, generate, parts } from "./engines.mjs";
import * as load from "./load.mjs";
import { questions, years } from "./questions.mjs";
import { soak } from "./soak.mjs";
import { DAY, iso } from "./sql.mjs";

const { values: o } = parseArgs({
  options: {
    events: { type: "string", default: "40000000" },
    seed: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string", default: "5" },
    figures: { type: "string" },
    dir: { type: "string" },
    keep: { type: "boolean" },
    all: { type: "boolean" },
    soak: { type: "string" },
    "no-peers": { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (o.help) {
  console.log(`./dev bench engine [--events N] [--seed N] [--only NAME,…] [--rounds N] [--figures FILE] [--dir FOLDER] [--keep] [--no-peers]
    [--all] [--soak SECONDS]
  --only: figures whose names begin so (retention_plain, funnel, load, merge, recover, last7, moved, tail …)
  --dir: keep logs and tables there, and use again what is there; --no-peers: liuke's own times alone
  --all: also ten minutes of events coming in while all questions are asked; --soak: so long instead`);
  process.exit(0);
}
const events = Number(o.events);
const dir = o.dir ?? mkdtempSync(join(tmpdir(), "liuke-bench-"));
mkdirSync(dir, { recursive: true });
const made = join(dir, "made.json"); // what --dir holds already
const before = existsSync(made) ? JSON.parse(readFileSync(made, "utf8")) : {};
const seed = o.seed ?? before.seed ?? String(Math.floor(Math.random() * 2 ** 31));
const only = o.only?.split(",");
const wanted = (name) => !only || only.some((x) => name.startsWith(x));
const KINDS = o["no-peers"] ? [] : ["clickhouse", "duckdb"];
const TRIAL = 1000000; // events on which forms of loading are tried before the best is used on more

const said = (...words) => console.error("  ", ...words);
function figure(name, value, unit, digits = 2) {
  const v = Number(value.toFixed(digits));
  console.log(`${name.padEnd(28)} ${String(v).padStart(10)} ${unit}`);
  if (o.figures) appendFileSync(o.figures, JSON.stringify({ name, value: v, unit }) + "\n");
}
const median = (list) => {
  const s = [...list].sort((a, b) => a - b);
  return s.length % 2 ? s[(s.length - 1) / 2] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2;
};
const ms = (x) => (x === undefined ? "–" : x < 10 ? x.toFixed(1) : x.toFixed(0));

// ---- equal answers ----

const number = (v) => (typeof v === "string" && /^-?\d+$/.test(v) ? Number(v) : v);
function canonical(rows, doubles = 99) {
  return rows.map((r) => r.map((v, i) => (i >= doubles ? Number(v) : number(v))))
    .sort((a, b) => (JSON.stringify(a.slice(0, doubles)) < JSON.stringify(b.slice(0, doubles)) ? -1 : 1));
}
const near = (a, b) => a === b || (typeof a === "number" && Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)));
function same(x, want, got) {
  const a = canonical(want, x.doubles);
  const b = canonical(got, x.doubles);
  const at = a.findIndex((r, i) => !b[i] || r.some((v, k) => (k >= (x.doubles ?? 99) ? !near(v, b[i][k]) : v !== b[i][k])));
  if (at < 0 && a.length === b.length) return null;
  return `${a.length} rows and ${b.length}; the first that differs: ${JSON.stringify(a[at < 0 ? b.length : at])} and ${JSON.stringify(b[at < 0 ? a.length : at])}`;
}
let wrong = 0;
function expect_same(x, who, want, got) {
  const why = same(x, want, got);
  if (!why) return true;
  wrong++;
  said(`WRONG ${x.name}: ${who}: ${why}`);
  return false;
}

// ---- loading ----

const MAP = "time=time,event=event,user=user,anon=anon,prop.url=url,prop.price=price,prop.channel=channel,prop.country=country," +
  "prop.device=device,props=none";
const MAP_ONCE = MAP + ",message=message";
// Does the import drop rows whose message id it has seen? Then the log has repeats, else none: peers and liuke get the same file.
function import_takes_messages() {
  const l = new Liuke(join(dir, "probe"));
  l.wipe();
  const file = join(l.folder, "probe");
  generate(file, ["--events", 1000, "--seed", 1, "--days", 10]);
  const r = l.command("import", file + ".csv", "--map", MAP_ONCE, "--source", "history");
  rmSync(l.folder, { recursive: true, force: true });
  return r.status === 0;
}
async function load_form(peer, l, form) {
  for (const s of l.start) await peer.run(s);
  let took = 0;
  for (const s of form) took += (await peer.run(s)).ms;
  return took / 1000;
}
async function settle_peer(peer, l) {
  for (const s of l.settle) await peer.run(s);
}
// The fastest form of each peer: tried on a small log, then timed on the whole one.
async function load_peers(kinds, file, meta, folder) {
  const peers = {};
  let best_form = {};
  if (meta.rows > 2 * TRIAL) {
    const small = join(dir, "trial");
    const m = generate(small, ["--events", TRIAL, "--seed", seed, ...REPEATS]);
    for (const k of kinds) {
      rmSync(join(dir, "trial-" + k), { recursive: true, force: true });
      const p = await Peer.start(k, join(dir, "trial-" + k));
      best_form[k] = (await try_forms(p, load[k](small, m, messages))).name;
      await p.stop();
      rmSync(join(dir, "trial-" + k), { recursive: true, force: true });
    }
  }
  for (const k of kinds) {
    const l = load[k](file, meta, messages);
    const at = join(dir, folder + k);
    const there = existsSync(join(at, "done"));
    if (!there) rmSync(at, { recursive: true, force: true });
    peers[k] = await Peer.start(k, at);
    if (there) continue;
    const r = best_form[k] ? { name: best_form[k], seconds: await load_form(peers[k], l, l.forms[best_form[k]]) } : await try_forms(peers[k], l);
    said(`${k} loaded by "${r.name}": ${r.seconds.toFixed(2)} s, ${(meta.rows / r.seconds / 1e6).toFixed(2)} M rows/s`);
    peers[k].load_s = r.seconds;
    await settle_peer(peers[k], l);
    if (l.bytes) said(`${k}: ${((await peers[k].run(l.bytes, true)).rows[0][0] / meta.events).toFixed(2)} bytes an event`);
    mkdirSync(join(at, "done"));
  }
  return peers;
}
async function try_forms(peer, l) {
  let best;
  const last = Object.keys(l.forms).at(-1);
  await load_form(peer, l, l.forms[last]); // warm
  for (const [name, form] of Object.entries(l.forms)) {
    const seconds = await load_form(peer, l, form);
    if (!best || seconds < best.seconds) best = { name, seconds };
  }
  return best;
}
async function load_liuke(l, file, meta, map) {
  const there = existsSync(join(l.folder, "done"));
  if (!there) {
    l.wipe();
    await l.start();
    await l.stop();
    const r = await l.import(file + ".csv", map);
    const n = Number(/(\d+) events imported/.exec(r.out)?.[1]);
    if (r.code !== 0 || !/, 0 rejected/.test(r.out)) throw new Error("import: " + r.out);
    if (n !== meta.events) said(`WRONG import: ${n} events of ${meta.events}`), wrong++;
    await l.start();
    const joined = await l.join(file + "-joins.csv");
    await l.stop();
    l.load_s = r.seconds + joined;
    l.load_rss = r.rss_mb;
    said(`liuke loaded: ${r.seconds.toFixed(2)} s + ${joined.toFixed(2)} s for ${meta.joins} joins, ${(meta.rows / l.load_s / 1e6).toFixed(2)} M rows/s, ` +
      `${r.rss_mb.toFixed(0)} MB`);
    const s = l.settle();
    said(`then ${s.flush_s} s flushing, ${s.merge_s} s merging to ${s.segments} segments`);
    l.bytes = s.segment_bytes / s.events;
    mkdirSync(join(l.folder, "done"));
  }
  await l.start();
}

// ---- questions ----

// Each form once with its rows: the same everywhere, and liuke's. Then only forms that are near the best go on.
async function check(x, peers, l) {
  const forms = [];
  let want;
  for (const k in peers)
    for (const [name, sql] of Object.entries(x[k])) {
      const r = await peers[k].run(sql, true);
      if (!want) want = r.rows;
      else if (!expect_same(x, `${k} "${name}"`, want, r.rows)) continue;
      forms.push({ peer: peers[k], name, sql, first: r.ms, times: [], cpu: [] });
    }
  const best = Math.min(...forms.map((f) => f.first));
  const own = await l.ask(x.ask);
  if (own.refused) said(`${x.name}: not yet: ${own.refused}`);
  else if (want) {
    let got;
    try {
      got = x.read(own.answer);
    } catch (e) {
      said(`${x.name}: the answer is not read (${e.message}): ${JSON.stringify(own.answer).slice(0, 300)}`);
      wrong++;
    }
    if (!got || !expect_same(x, "liuke", want, got)) own.refused = "wrong";
  }
  return { x, want, forms: forms.filter((f) => f.first < 2 * best + 5), answered: !own.refused, why: own.refused === "wrong" ? "wrong" : "not yet", times: [], inside: [], cpu: [] };
}
async function first_runs(list, l) {
  for (const c of list.filter((c) => c.answered)) {
    await l.restart();
    c.first = (await l.ask(c.x.ask)).ms;
  }
}
const ASKS = 3; // of liuke a round
async function rounds(list, l, n) {
  for (let i = 0; i < n; i++)
    for (const c of list) {
      for (const f of c.forms) {
        const r = await f.peer.run(f.sql, true);
        f.times.push(r.ms);
        f.cpu.push(r.cpu);
      }
      if (!c.answered) continue;
      const cpu = cpu_ms(l.pid);
      for (let k = 0; k < ASKS; k++) {
        const r = await l.ask(c.x.ask);
        c.times.push(r.ms);
        c.inside.push(r.inside);
      }
      c.cpu.push((cpu_ms(l.pid) - cpu) / ASKS);
    }
}
const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
// cpu x: processor time of that peer's form ÷ ours. On a busy machine it says more than the times.
function tell(list) {
  const cells = (...v) => v.map((x) => String(x).padStart(8)).join(" ");
  console.log(`${"question".padEnd(24)} ${cells("liuke", "inside", "first", "peer", "x", "cpu x")}   peers`);
  for (const c of list) {
    for (const f of c.forms) f.ms = median(f.times);
    const quickest = (forms) => forms.reduce((a, b) => (!a || b.ms < a.ms ? b : a), null);
    c.best = quickest(c.forms);
    c.ms = c.answered ? median(c.times) : undefined;
    const by_kind = KINDS.map((k) => {
      const f = quickest(c.forms.filter((f) => f.peer.kind === k));
      return f ? `${k} "${f.name}" ${ms(f.ms)}` : `${k} slower`;
    });
    const x = c.best && c.ms ? (c.best.ms / c.ms).toFixed(1) : "–";
    const cpu = c.best && c.ms ? (mean(c.best.cpu) / Math.max(mean(c.cpu), 0.1)).toFixed(1) : "–";
    console.log(`${c.x.name.padEnd(24)} ${cells(ms(c.ms), ms(c.answered ? median(c.inside) : undefined), ms(c.first), ms(c.best?.ms), x, cpu)}   ` +
      `${by_kind.join(", ")}${c.answered ? "" : `   (liuke: ${c.why})`}`);
  }
  for (const c of list) {
    if (!c.answered || !c.best) continue;
    figure(`${c.x.name}_x`, c.best.ms / c.ms, "x");
    figure(c.x.name === "retention_plain" ? "retention_first_x" : `${c.x.name}_first_x`, c.best.ms / c.first, "x");
  }
}

const several = async (l, c, each) => {
  const times = [];
  for (let k = 0; k < 7; k++) {
    await each?.(k);
    times.push((await l.ask(c.x.ask)).ms);
  }
  return median(times);
};
// Without --only some questions stand for all where the log is about to change: few reads, many reads, order, breakdowns.
const SOME = ["retention_plain", "retention_zone", "funnel", "dau_breakdown", "count_event_day", "lifecycle"];
const some_of = (list) => list.filter((c) => c.answered && (only || SOME.includes(c.x.name)));

// What changes the folder is done to a copy of it.
async function changed(l, what) {
  const copy = new Liuke(join(dir, "changed"));
  rmSync(copy.folder, { recursive: true, force: true });
  cpSync(l.folder, copy.folder, { recursive: true, filter: (f) => !f.endsWith(".sock") });
  await copy.start();
  await what(copy);
  await copy.stop();
  rmSync(copy.folder, { recursive: true, force: true });
}

// 1 % of the people turn out to be somebody else: what questions cost just after that, and whether they are right.
async function moved(list, peers, l, m) {
  const key = l.source("aliases").secret;
  const pairs = Math.ceil(m.people / 200); // two people each
  const root = new Map();
  const find = (i) => (root.has(i) ? find(root.get(i)) : i);
  const id = (i) => "user-" + String(i).padStart(7, "0");
  const batch = [];
  for (let k = 0; k < pairs; k++) {
    const a = 1 + ((k * 7919) % m.people);
    const b = 1 + ((a + (m.people >> 1)) % m.people);
    batch.push({ type: "alias", userId: id(a), previousId: id(b) });
    if (find(a) !== find(b)) root.set(find(b), find(a));
  }
  const chosen = some_of(list);
  for (const c of chosen) c.still = await several(l, c);
  await l.send(key, batch);
  let worst;
  for (const c of chosen) {
    const after = await several(l, c);
    said(`${c.x.name}: ${ms(after)} ms after 1 % of the people moved, ${ms(c.still)} before`);
    if (!worst || after / c.still > worst) worst = after / c.still;
  }
  if (peers.duckdb) await check_moved(chosen, peers.duckdb, l, [...root.keys()].map((b) => [b, find(b)]));
  if (worst) figure("moved_1pct_slowdown_x", worst, "x");
}
async function check_moved(list, peer, l, pairs) {
  const columns = "ts, seq, price, event, url, channel, country, device";
  await peer.run("CREATE OR REPLACE TABLE moved (b UINTEGER PRIMARY KEY, a UINTEGER)");
  await peer.run(`INSERT INTO moved VALUES ${pairs.map((p) => `(${p})`).join(",")}`);
  await peer.run(`CREATE OR REPLACE VIEW joined_e AS SELECT coalesce(a, person) AS person, ${columns} FROM e LEFT JOIN moved ON person = b`);
  for (const c of list) {
    const sql = Object.values(c.x.duckdb)[0].replaceAll(/\bFROM e\b/g, "FROM joined_e");
    expect_same(c.x, "liuke, after the move", (await peer.run(sql, true)).rows, c.x.read((await l.ask(c.x.ask)).answer));
  }
}

// Events that came in since the last flush: what a million of them add. One more comes before each question, so that
// nothing prepared for the last one serves the next. The server flushes long before a million, so it is said per million.
const TAIL = 120000;
async function tail(list, l, m) {
  const key = l.source("live").public;
  const file = join(dir, "live");
  const n = Math.min(TAIL, events);
  generate_once(file, ["--events", n, "--people", m.people, "--seed", seed + "2", "--days", m.days]);
  const chosen = some_of(list);
  for (const c of chosen) c.still = await several(l, c);
  const took = await l.track(key, file + ".csv");
  let worst;
  const one = (k) => l.send(key, [{ type: "track", event: "$pageview", userId: id_of(k), timestamp: iso(m.start + k * 1000) }]);
  const id_of = (k) => "user-" + String(1 + (k % m.people)).padStart(7, "0");
  for (const c of chosen) {
    const with_tail = await several(l, c, one);
    const held = (await l.stats()).tail_events;
    if (held < n / 2) return said(`the tail holds only ${held} events: no figure`);
    const extra = ((with_tail - c.still) * 1e6) / held;
    said(`${c.x.name}: ${ms(with_tail)} ms with ${held} events in the tail, ${ms(c.still)} without`);
    if (worst === undefined || extra > worst) worst = extra;
  }
  said(`${n} events came in at ${(n / took / 1000).toFixed(0)} k/s`);
  if (worst !== undefined) figure("tail_1m_extra_ms", worst, "ms", 1);
}

// An audience: how many people, as the rule builder asks it; and whether one person is in it, as a rule asks.
async function audience(peers, l, m) {
  const from = iso(m.start + 28 * DAY).slice(0, 10);
  const to = iso(m.start + 73 * DAY).slice(0, 10);
  const expression = { all: [{ did: { event: "$pageview", days: { ge: 3 }, from, to } },
    { did: { event: "purchase", where: { prop: "price", op: "gt", value: 100 } } }] };
  const sql = `SELECT count(*) FROM (SELECT person FROM e GROUP BY person HAVING count(DISTINCT CASE WHEN event = '$pageview' AND
    ts >= '${from}' AND ts < '${to}' THEN ts::DATE END) >= 3 AND sum(CASE WHEN event = 'purchase' AND price > 100 THEN 1 ELSE 0 END) > 0)`;
  const times = [];
  let people;
  for (let k = 0; k < 9; k++) {
    const r = await l.try("POST", "/api/1/segments/preview", { expression });
    if (r.code === 404 || r.code === 405) break;
    if (r.code !== 200) throw new Error(`preview: ${r.code} ${r.text.slice(0, 300)}`);
    times.push(r.ms);
    people = JSON.parse(r.text).people;
  }
  if (times.length) figure("segment_live_count_ms", median(times), "ms", 1);
  else said("segment_live_count_ms: not yet: the server does not preview segments");
  await l.stop();
  const r = parts("rule", join(l.data, "events"), JSON.stringify(expression), m.start + m.days * DAY);
  await l.start();
  said(`the audience: ${r.counted} people in ${r.count_ms} ms; one person ${r.median_us} µs, 99 of 100 within ${r.p99_us} µs (${r.asked} of ${r.of} asked)`);
  const want = peers.duckdb ? (await peers.duckdb.run(sql, true)).rows[0][0] : r.counted;
  for (const [who, n] of [["all people", r.counted], ["the server", people ?? want], ["one by one", r.asked === r.of && r.of < 20000 ? r.yes : want]])
    if (n !== want) said(`WRONG audience: ${who}: ${n} people, not ${want}`), wrong++;
  figure("one_person_rule_us", r.median_us, "us", 1);
}
async function under_load(list, l, m) {
  const r = await soak(list, l, m, Number(o.soak ?? 600), Number(seed), said);
  wrong += r.wrong;
  said(`${r.answers} answers while ${r.events} events came in at ${r.rate?.toFixed(0)} a second: ${r.wrong} wrong; at most ${r.rss?.toFixed(0)} MB`);
  if (r.wrong) return;
  figure("soak_ingest_p99_ms", r.p99, "ms", 1);
  figure("soak_rss_growth_mb", r.growth, "MB", 0);
}

// ---- the parts ----

let load_rate; // rows a second into liuke

function generate_once(file, words) {
  if (existsSync(file + ".json")) return JSON.parse(readFileSync(file + ".json", "utf8"));
  return generate(file, [...words, ...REPEATS]);
}
async function main_log(map) {
  const list_wanted = (m) => questions(m).filter((x) => wanted(x.name));
  const file = join(dir, "log");
  const m = generate_once(file, ["--events", events, "--seed", seed]);
  const at_all = list_wanted(m).length || ["load", "bytes", "moved", "tail", "ask", "segment", "one_person"].some(wanted);
  if (!at_all) return;
  said(`${m.events} events in ${m.rows} rows (${m.late} late, ${m.again} again), ${m.people} people, ${m.joins} joins, from ${iso(m.start)}` +
    (m.seconds ? `, made at ${(m.rows / m.seconds / 1e6).toFixed(1)} M rows/s` : ""));
  const l = new Liuke(join(dir, "liuke"));
  const peers = await load_peers(KINDS, file, m, "");
  await load_liuke(l, file, m, map);
  if (l.load_s) {
    const best = Math.min(...Object.values(peers).map((p) => p.load_s ?? Infinity));
    if (best < Infinity) figure("load_csv_x", best / l.load_s, "x");
    figure("load_rss_mb", l.load_rss, "MB", 0);
    figure("bytes_per_event", l.bytes, "bytes");
    load_rate = m.rows / l.load_s;
  }
  const list = [];
  for (const x of list_wanted(m)) list.push(await check(x, peers, l));
  await first_runs(list, l);
  l.peak_reset();
  await rounds(list, l, Number(o.rounds));
  const peak = l.peak();
  if (list.length) tell(list);
  if (list.some((c) => c.answered)) figure("ask_rss_mb", peak, "MB", 0);
  if (wanted("segment") || wanted("one_person")) await audience(peers, l, m);
  await l.stop();
  if (wanted("tail")) await changed(l, (copy) => tail(list, copy, m));
  if (wanted("moved")) await changed(l, (copy) => moved(list, peers, copy, m));
  if (o.all || o.soak) await changed(l, (copy) => under_load(list, copy, m));
  for (const p of Object.values(peers)) await p.stop();
}
async function years_log(map) {
  const file = join(dir, "years");
  const start = iso(Date.UTC(2025, 1, 1) - 640 * DAY).slice(0, 10);
  const m = generate_once(file, ["--events", Math.ceil(events / 2), "--people", Math.ceil(events / 80), "--days", 730, "--start", start,
    "--seed", seed + "1"]);
  said(`two years: ${m.events} events, ${m.people} people, from ${iso(m.start)}`);
  const l = new Liuke(join(dir, "years-liuke"));
  const peers = await load_peers(KINDS.slice(0, 1), file, m, "years-");
  await load_liuke(l, file, m, map);
  const list = [];
  for (const x of years(m)) list.push(await check(x, peers, l));
  await rounds(list, l, Number(o.rounds));
  for (const c of list) c.ms = c.answered ? median(c.times) : undefined;
  const [last, whole] = list;
  said(`the last 7 days: ${ms(last.ms)} ms (peer ${ms(median(last.forms[0]?.times ?? [NaN]))}), the whole by weeks: ${ms(whole.ms)} ms`);
  if (last.ms && whole.ms) figure("retention_last7_share", last.ms / whole.ms, "of the whole", 3);
  await l.stop();
  for (const p of Object.values(peers)) await p.stop();
}
function engine_parts() {
  const file = join(dir, "log.csv");
  if (wanted("merge")) {
    rmSync(join(dir, "parts"), { recursive: true, force: true });
    const r = parts("merge", file, join(dir, "parts"), Math.min(events, 10000000));
    said(`${r.copied} events: merged in ${r.merge_s} s, ${(r.copied / r.merge_s / 1e6).toFixed(1)} M events/s`);
    if (r.merge_s < 0.01) said("too few events for a merge: no figure");
    else if (load_rate) figure("merge_vs_load_x", r.copied / r.merge_s / load_rate, "x");
  }
  if (wanted("recover")) {
    rmSync(join(dir, "parts"), { recursive: true, force: true });
    const r = parts("recover", file, join(dir, "parts"), Math.min(events, 10000000));
    said(`${r.copied} events in the tail: opened in ${r.recover_s} s`);
    figure("recover_10m_tail_s", (r.recover_s * 1e7) / r.copied, "s");
  }
  rmSync(join(dir, "parts"), { recursive: true, force: true });
}

console.log(`seed ${seed}, ${events} events, in ${dir}`);
const messages = import_takes_messages();
const REPEATS = messages ? [] : ["--repeats", 0];
if (before.seed !== seed || before.events !== events || before.messages !== messages)
  for (const f of readdirSync(dir)) rmSync(join(dir, f), { recursive: true });
writeFileSync(made, JSON.stringify({ seed, events, messages }));
if (!messages) said("the import takes no message ids yet: the log has no repeats, nobody has to drop any");
await main_log(messages ? MAP_ONCE : MAP);
if (wanted("last7") || wanted("retention_last7")) await years_log(messages ? MAP_ONCE : MAP);
engine_parts();
if (!o.dir && !o.keep) rmSync(dir, { recursive: true, force: true });
if (wrong) console.error(`${wrong} answers differ`);
process.exit(wrong ? 1 : 0);
