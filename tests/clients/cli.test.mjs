// The command line as a person in a terminal uses it: import, ask, source, export, and what it says when something is wrong.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { after, before, test } from "node:test";
import { BIN, addSource, drop, exported, folder, run, serve, staff, until } from "./liuke.mjs";

const folders = [];
let dir;
const fresh = () => {
  const d = folder();
  folders.push(d);
  return d;
};
before(() => {
  dir = fresh();
});
after(() => folders.forEach(drop));

const MAP = ["--map", "time=at,event=what,user=who"];
const file = (d, name, text) => {
  writeFileSync(join(d, name), text);
  return name;
};
const row = (i) =>
  `2026-03-${String(1 + (Math.floor(i / 24) % 28)).padStart(2, "0")}T${String(i % 24).padStart(2, "0")}:00:00Z,${i % 3 ? "read" : "buy"},u${i % 10},${i}\n`;
const rows = (from, to) => Array.from({ length: to - from }, (_, i) => row(from + i)).join("");
const HEAD = "at,what,who,n\n";

test("an import counts, writes its rejects, and twice is once", () => {
  const d = fresh();
  file(
    d,
    "a.csv",
    HEAD + rows(0, 100) + "yesterday,read,u1,1\n" + "2026-03-01,read\n" + '2026-03-01,"read, 又读",\u{1F600}用户,7\n',
  );
  const first = run(d, "import", "a.csv", ...MAP);
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /^101 events imported, 0 rows were there already, 2 rejected; see a\.csv\.rejects\.csv$/m);
  assert.match(first.err, /100\.0%.*rows\/s.*2 rejected/);
  const rejects = readFileSync(join(d, "a.csv.rejects.csv"), "utf8").trim().split(/\r?\n/);
  assert.match(rejects[0], /^line,code,field,message,row$/);
  assert.match(rejects[1], /^102,bad_time,/);
  assert.match(rejects[2], /^103,row_cells,/);
  assert.match(run(d, "import", "a.csv", ...MAP).out, /^0 events imported/m);
  const events = exported(d);
  assert.equal(events.length, 101);
  assert.equal(events.filter((e) => e.name === "read, 又读").length, 1);
  assert.deepEqual([...new Set(events.map((e) => e.trust))], [2]);
});

test("a file that grew gives the rest, one whose beginning changed is refused until it is called new", () => {
  const d = fresh();
  file(d, "g.csv", HEAD + rows(0, 5000));
  assert.match(run(d, "import", "g.csv", ...MAP).out, /^5000 events/m);
  appendFileSync(join(d, "g.csv"), rows(5000, 5050));
  assert.match(run(d, "import", "g.csv", ...MAP).out, /^50 events/m);
  file(d, "g.csv", HEAD + rows(1, 5050));
  const changed = run(d, "import", "g.csv", ...MAP);
  assert.equal(changed.code, 1);
  assert.match(changed.err, /file: the beginning of this file has changed.*--as-new/);
  assert.match(run(d, "import", "g.csv", ...MAP, "--as-new").out, /^5049 events/m);
  assert.equal(exported(d).length, 5050 + 5049);
});

// Interrupted after so many ms; on a fast machine the first try may come too late.
async function interrupted(wait, n) {
  const d = fresh();
  file(d, "big.csv", HEAD + rows(0, n));
  const child = spawn(BIN, ["import", "big.csv", ...MAP, "--data", join(d, "data")], {
    cwd: d,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  const ended = new Promise((done) => child.on("exit", done));
  let out = "";
  child.stdout.on("data", (x) => {
    out += x;
  });
  await until(() => existsSync(join(d, "data", "records.db")));
  await new Promise((done) => setTimeout(done, wait));
  child.kill("SIGINT");
  return { d, code: await ended, out: () => out };
}
test("Ctrl-C in the middle of an import, then the same command: each row once", async () => {
  const n = 1000000;
  let got, before;
  for (const wait of [150, 75, 30, 10]) {
    got = await interrupted(wait, n);
    before = Number(/^(\d+) events imported/m.exec(got.out())[1]);
    if (got.code === 130 && before < n) break;
  }
  const { d, code } = got,
    out = got.out();
  assert.equal(code, 130, out);
  assert.ok(before < n, "it was interrupted in the middle: " + before);
  assert.match(out, /interrupted; the same command goes on from here/);
  const rest = run(d, "import", "big.csv", ...MAP);
  assert.equal(rest.code, 0, rest.err);
  assert.equal(Number(/^(\d+) events imported/m.exec(rest.out)[1]), n - before);
  const r = run(
    d,
    "ask",
    JSON.stringify({
      kind: "trend",
      event: {},
      period: "month",
      from: "2026-03-01",
      to: "2026-04-01",
      timezone: "UTC",
    }),
    "--json",
  );
  assert.deepEqual(JSON.parse(r.out).values, [n]);
});

test("kill -9 in the middle of an import, then the same command: each row once", async () => {
  const d = fresh(),
    n = 100000;
  file(d, "big.csv", HEAD + rows(0, n));
  for (let i = 0; i < 3; i++) {
    const child = spawn(BIN, ["import", "big.csv", ...MAP, "--data", join(d, "data")], { cwd: d });
    const ended = new Promise((done) => child.on("exit", done)); // before the wait: it may be done first
    await new Promise((done) => setTimeout(done, 60 + 50 * i));
    child.kill("SIGKILL");
    await ended;
  }
  assert.equal(run(d, "import", "big.csv", ...MAP).code, 0);
  const seen = exported(d).map((e) => e.props.n);
  assert.equal(seen.length, n);
  assert.equal(new Set(seen).size, n);
});

test("with a server running, import, ask, export and source go through its socket", async () => {
  const d = fresh(),
    server = await serve(d);
  try {
    file(d, "s.csv", HEAD + rows(0, 2000) + "bad\n");
    const r = run(d, "import", "s.csv", ...MAP, "--source", "旧系统");
    assert.equal(r.code, 0, r.err);
    assert.match(r.out, /^2000 events imported, 0 rows were there already, 1 rejected/m);
    assert.match(run(d, "import", "s.csv", ...MAP, "--source", "旧系统").out, /^0 events imported/m);
    assert.equal((await staff(server, "GET", "/api/1/stats")).events, 2000);
    assert.ok(
      (await staff(server, "GET", "/api/1/sources")).items.some((s) => s.name === "旧系统" && s.kind === "import"),
    );
    const asked = run(
      d,
      "ask",
      JSON.stringify({
        kind: "trend",
        event: {},
        period: "month",
        from: "2026-03-01",
        to: "2026-04-01",
        timezone: "UTC",
      }),
      "--csv",
    );
    assert.equal(asked.out, "period,value\n2026-03,2000\n", asked.err);
    assert.match(run(d, "ask", '{"kind":"guess","period":"day"}').err, /kind: must be one of: trend, retention/);
    assert.equal(exported(d).length, 2000);
    assert.match(addSource(d, "while it runs").pk, /^pk_/);
    assert.match(run(d, "source", "list").out, /while it runs/);
    assert.equal(statSync(join(d, "data", "liuke.sock")).mode & 0o077, 0, "the socket is its owner's alone");
  } finally {
    await server.stop();
  }
});

test("a running server is asked by ask, source and export as an open folder is", async () => {
  const d = fresh(),
    server = await serve(d);
  try {
    const added = run(d, "source", "add", "shop", "--consent", "assumed", "--reason", "tests");
    assert.match(added.out, /public key pk_\S+\s+secret key sk_\S+/, added.err);
    assert.match(run(d, "source", "add", "shop", "--consent", "off").err, /name: already registered/);
    assert.match(run(d, "source", "list").out, /^shop +web +assumed +pk_/m);
    file(d, "l.csv", HEAD + rows(0, 10));
    assert.equal(run(d, "import", "l.csv", ...MAP).code, 0);
    const trend = JSON.stringify({
      kind: "trend",
      event: {},
      period: "month",
      from: "2020-01-01",
      to: "2027-01-01",
      timezone: "UTC",
    });
    const values = JSON.parse(run(d, "ask", trend, "--json").out).values;
    assert.equal(
      values.reduce((a, b) => a + b),
      10,
    );
    assert.match(run(d, "ask", "{}").err, /kind: required/);
    assert.equal(exported(d).length, 10);
  } finally {
    await server.stop();
  }
});

test("a map that was wrong the first time does not stick to the file", () => {
  const d = fresh();
  file(d, "m.csv", HEAD + rows(0, 5));
  assert.match(run(d, "import", "m.csv", "--map", "time=when,event=what,user=who").err, /no such column: when/);
  assert.match(run(d, "import", "m.csv", ...MAP).out, /^5 events imported/m);
});

test("a gzip file is its contents: unpacked, in several members, known again; cut off or damaged it is refused", () => {
  const d = fresh(),
    text = HEAD + rows(0, 3000),
    half = text.length >> 1;
  file(d, "z.csv.gz", Buffer.concat([gzipSync(text.slice(0, half)), gzipSync(text.slice(half))]));
  assert.match(run(d, "import", "z.csv.gz", ...MAP).out, /^3000 events imported/m);
  file(d, "z.csv", text + row(3000) + "bad\n");
  assert.match(
    run(d, "import", "z.csv", ...MAP).out,
    /^1 events imported, 0 rows were there already, 1 rejected; see z\.csv\.rejects\.csv/m,
  );
  const whole = gzipSync(HEAD + rows(0, 100));
  file(d, "cut.csv.gz", whole.subarray(0, whole.length - 9));
  file(d, "odd.csv.gz", Buffer.concat([whole, Buffer.from("and more")]));
  for (const name of ["cut.csv.gz", "odd.csv.gz"]) {
    const r = run(d, "import", name, ...MAP);
    assert.deepEqual([r.code, r.out], [1, ""]);
    assert.match(r.err, /file: the content encoding is unknown or damaged/);
  }
  assert.equal(exported(d).length, 3001);
  assert.deepEqual(
    readdirSync(join(d, "data")).filter((f) => f.startsWith("import-")),
    [],
  );
});

test("NDJSON and an access log import by their format", () => {
  const d = fresh();
  file(
    d,
    "e.ndjson",
    '{"at":1767225600000,"what":"open","who":"u1","deep":{"a":1}}\n{"at":"2026-01-01T00:00:01Z","what":"open","who":"u2"}\n{broken\n',
  );
  assert.match(run(d, "import", "e.ndjson", ...MAP).out, /^2 events imported, 0 rows were there already, 1 rejected/m);
  file(
    d,
    "web.log",
    '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /p?a=1 HTTP/1.1" 200 203 "http://ref.example/" "Agent/1.0"\n',
  );
  assert.match(run(d, "import", "web.log").out, /^1 events imported/m);
  const events = exported(d);
  assert.equal(events.find((e) => e.name === "$pageview").time, "2015-05-17T10:05:03.000Z");
  assert.equal(events.find((e) => e.props["deep.a"] === 1)?.name, "open");
});

test("what is wrong with an import is said with its name", () => {
  const d = fresh();
  file(d, "x.csv", HEAD + rows(0, 2));
  file(d, "empty.csv", "");
  for (const [words, says] of [
    [["import"], /liuke import FILE/],
    [["import", "none.csv", ...MAP], /file: there is no file none\.csv/],
    [["import", "empty.csv", ...MAP], /empty/],
    [["import", "x.csv"], /map: .*time=/],
    [["import", "x.csv", "--map", "time=at,event=what"], /user=/],
    [["import", "x.csv", "--map", "time=at,event=what,user=whom"], /no such column: whom/],
    [["import", "x.csv", "--map", "when=at"], /map: .*when=at/],
    [["import", "x.csv", ...MAP, "--format", "xlsx"], /format must be csv, columns, ndjson or access/],
    [["import", ".", ...MAP], /no file/],
  ]) {
    const r = run(d, ...words);
    assert.ok(r.code === 1 || r.code === 2, words.join(" ") + " ended with " + r.code);
    assert.match(r.err, says, words.join(" "));
  }
});

test("ask prints a table, JSON and CSV, and they agree", () => {
  const d = fresh();
  file(
    d,
    "q.csv",
    HEAD +
      "2026-03-01T01:00:00Z,in,a,1\n2026-03-01T02:00:00Z,in,b,1\n2026-03-02T01:00:00Z,in,a,2\n2026-03-03T01:00:00Z,in,b,1\n",
  );
  assert.equal(run(d, "import", "q.csv", ...MAP).code, 0);
  const trend = JSON.stringify({
    kind: "trend",
    event: { name: "in" },
    measure: "people",
    period: "day",
    from: "2026-03-01",
    to: "2026-03-04",
    timezone: "UTC",
  });
  assert.deepEqual(run(d, "ask", trend, "--csv").out.trim().split("\n"), [
    "period,value",
    "2026-03-01,2",
    "2026-03-02,1",
    "2026-03-03,1",
  ]);
  assert.deepEqual(JSON.parse(run(d, "ask", trend, "--json").out).values, [2, 1, 1]);
  const table = run(d, "ask", trend).out.trimEnd().split("\n");
  assert.deepEqual(
    table.map((l) => l.trim().split(/\s+/).slice(0, 2)),
    [
      ["2026-03-01", "2"],
      ["2026-03-02", "1"],
      ["2026-03-03", "1"],
    ],
  );
  assert.equal(table[0].split("█").length, 2 * table[1].split("█").length - 1);
  const kept = JSON.stringify({
    kind: "retention",
    start_event: { name: "in" },
    return_event: {},
    period: "day",
    first_interval: "2026-03-01",
    intervals: 3,
    mode: "first_time",
    timezone: "UTC",
  });
  assert.deepEqual(run(d, "ask", kept, "--csv").out.trim().split("\n"), [
    "cohort,size,1,2",
    "2026-03-01,2,1,1",
    "2026-03-02,0,0",
    "2026-03-03,0",
  ]);
  assert.match(run(d, "ask", kept).out, /2026-03-01\s+2\s+50\.0%\s+50\.0%/);
  assert.deepEqual(
    JSON.parse(run(d, "ask", kept, "--json").out).rows.map((r) => r.values),
    [[2, 1, 1], [0, 0], [0]],
  );
  const filtered = JSON.stringify({
    kind: "trend",
    event: {},
    period: "month",
    from: "2026-03-01",
    to: "2026-04-01",
    timezone: "UTC",
    filter: [{ prop: "n", op: "is", value: 2 }],
  });
  assert.deepEqual(JSON.parse(run(d, "ask", filtered, "--json").out).values, [1]);
  for (const [q, says] of [
    ["", /JSON|required/],
    ["{", /not proper JSON \(line 1, column 2\)/],
    ['{"kind":"guess","period":"day"}', /kind: must be one of: trend, retention/],
    ['{"kind":"trend","period":"day"}', /from: required/],
    [
      '{"kind":"trend","period":"day","event":{},"from":"2026-03-02","to":"2026-03-02"}',
      /to: the end must come after the start/,
    ],
    ['{"kind":"trend","period":"day","event":{},"form":1}', /form: there is no such field/],
    [
      '{"kind":"trend","period":"day","event":{},"from":"2026-03-01","to":"2026-03-02","timezone":"Mars/Base"}',
      /no such time zone/,
    ],
  ]) {
    const r = run(d, "ask", q);
    assert.equal(r.code, 1);
    assert.match(r.err, says);
  }
  assert.equal(run(d, "ask").code, 2);
});

test("source add prints both keys, list shows the public one, and wrong words are named", () => {
  const keys = addSource(dir, "网站", "--kind", "web");
  assert.match(keys.pk, /^pk_/);
  assert.match(keys.sk, /^sk_/);
  const list = run(dir, "source", "list").out;
  assert.ok(list.includes("网站") && list.includes(keys.pk));
  assert.equal(list.includes(keys.sk), false);
  assert.match(run(dir, "source", "add", "x", "--kind", "fridge").err, /kind: must be one of: web, app, server/);
  assert.match(run(dir, "source", "add", "x", "--consent", "never").err, /consent: must be one of: ask, assumed, off/);
  assert.match(run(dir, "source", "add", "x", "--consent", "assumed").err, /reason/);
  assert.match(run(dir, "source", "add", "网站").err, /taken|already/);
  assert.equal(run(dir, "source").code, 2);
});

test("export writes everything or a range of time", () => {
  const d = fresh();
  file(d, "x.csv", HEAD + rows(0, 48));
  run(d, "import", "x.csv", ...MAP);
  assert.equal(exported(d).length, 48);
  const day = run(
    d,
    "export",
    "--from",
    "2026-03-02T00:00:00Z",
    "--to",
    "2026-03-02T12:00:00Z",
    "--out",
    join(d, "day.ndjson"),
  );
  assert.equal(day.code, 0, day.err);
  assert.match(day.err, /^12 events exported/);
  assert.equal(readFileSync(join(d, "day.ndjson"), "utf8").trim().split("\n").length, 12);
  assert.match(run(d, "export", "--from", "soon").err, /from: not a time/);
  assert.notEqual(run(d, "export", "--out", "/nowhere/x").code, 0);
});

test("wrong options and words are named, help and version are there", () => {
  const at = { encoding: "utf8" };
  assert.match(run(dir, "serve", "--prot", "1").err, /prot: there is no such option/);
  assert.match(run(dir, "serve", "--port", "65536").err, /port: must be between 0 and 65535/);
  assert.match(run(dir, "serve", "--port").err, /port: |data/);
  assert.match(run(dir, "launch").err, /there is no command launch/);
  assert.equal(run(dir, "launch").code, 2);
  for (const word of ["serve", "import", "ask", "export", "source", "--port"])
    assert.ok(run(dir, "help").out.includes(word));
  assert.match(run(dir, "version").out, /^liuke \d/);
  assert.match(run(dir, "serve", "--smtp", "127.0.0.1:99999").err, /smtp: must be between 1 and 65535/);
  assert.match(run(dir, "serve", "--smtp", "127.0.0.1:25").err, /mail_from: required/);
});

test("a second server on the folder or the port is told so", async () => {
  const d = fresh(),
    server = await serve(d);
  try {
    const second = run(d, "serve", "--port", "0");
    assert.equal(second.code, 1);
    assert.match(second.err, /the data folder .*data is in use by another liuke/);
    const other = fresh();
    const port = run(other, "serve", "--port", new URL(server.url).port);
    assert.equal(port.code, 1);
    assert.match(port.err, /port \d+ is in use already/);
  } finally {
    await server.stop();
  }
});

test("a wrong, missing or open key file is told, and nothing is written", () => {
  const d = fresh();
  addSource(d);
  const key = join(d, "data.key"),
    good = readFileSync(key);
  const other = Buffer.from(good);
  other[0] ^= 1;
  writeFileSync(key, other);
  assert.match(run(d, "source", "list").err, /key file .*data\.key is not the one this data folder was written with/);
  writeFileSync(key, good.subarray(1));
  assert.match(run(d, "source", "list").err, /the key file must have exactly \d+ bytes/);
  writeFileSync(key, good);
  chmodSync(key, 0o644);
  assert.match(run(d, "source", "list").err, /chmod 600/);
  chmodSync(key, 0o600);
  assert.match(run(d, "source", "list", "--key-file", join(d, "none.key")).err, /key file is missing/);
  assert.equal(run(d, "source", "list").code, 0);
});

test("the configuration file is read, and a line it does not know is named", async () => {
  const d = fresh();
  mkdirSync(join(d, "data"));
  writeFileSync(join(d, "data", "liuke.conf"), "# a comment\nproduct = 一页书\n\nprot = 1\n");
  assert.match(run(d, "source", "list").err, /prot: line 4 of the configuration file/);
  writeFileSync(join(d, "data", "liuke.conf"), "product = 一页书\nzone = Asia/Tokyo\n");
  const server = await serve(d);
  try {
    const s = await staff(server, "GET", "/api/1/stats");
    assert.deepEqual([s.product, s.zone], ["一页书", "Asia/Tokyo"]);
  } finally {
    await server.stop();
  }
  assert.match(run(d, "source", "list", "--config", "none.conf").err, /config: there is no file none\.conf/);
});
