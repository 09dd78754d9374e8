// The command line where things go wrong: first starts that fail, lost keys, full disks, files that change.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { BIN, drop, folder, run, serve } from "./liuke.mjs";

const folders = [];
const fresh = () => { const d = folder(); folders.push(d); return d; };
after(() => folders.forEach(drop));
const MAP = ["--map", "time=at,event=what,user=who"];

test("the admin token is told once, by whichever command makes the folder, also when the start then fails", async () => {
  const d = fresh();
  writeFileSync(join(d, "a.csv"), "at,what,who\n2026-03-01,read,u1\n");
  const first = run(d, "import", "a.csv", ...MAP);
  assert.match(first.err, /admin token \S{20,}/);
  assert.match(first.err, /recovery {2}(\w{5}-){11}\w{5}/);
  assert.doesNotMatch(first.out, /admin token/);
  assert.doesNotMatch(run(d, "source", "list").err, /admin token/);
  const token = /admin token (\S+)/.exec(first.err)[1], server = await serve(d);
  try {
    const r = await fetch(server.url + "/api/1/stats", { headers: { Authorization: "Bearer " + token } });
    assert.equal(r.status, 200);
  } finally { await server.stop(); }
  const failed = run(fresh(), "serve", "--port", "0", "--bind", "203.0.113.77");
  assert.equal(failed.code, 1);
  assert.match(failed.out, /admin token \S{20,}/);
});

test("a question makes no folder", () => {
  const d = fresh();
  for (const words of [["ask", "{}"], ["export"]]) {
    const r = run(d, ...words);
    assert.equal(r.code, 1);
    assert.match(r.err, /data: cannot open the data folder/);
  }
  assert.equal(existsSync(join(d, "data")), false);
  assert.equal(existsSync(join(d, "data.key")), false);
});

test("no key is made for a folder that has data, whichever store is missing", () => {
  const d = fresh();
  assert.equal(run(d, "source", "list").code, 0);
  renameSync(join(d, "data.key"), join(d, "away"));
  rmSync(join(d, "data", "records.db"));
  const r = run(d, "source", "list");
  assert.equal(r.code, 1);
  assert.match(r.err, /key_file: the key file is missing/);
  assert.equal(existsSync(join(d, "data.key")), false);
});

test("output that cannot be written is a failure", () => {
  const d = fresh();
  assert.equal(run(d, "source", "list").code, 0);
  const q = JSON.stringify({ kind: "trend", event: {}, period: "month", from: "2026-03-01", to: "2026-04-01", timezone: "UTC" });
  for (const words of [["ask", q], ["help"], ["version"]]) {
    const r = spawnSync("sh", ["-c", '"$@" >/dev/full', "sh", BIN, ...words, "--data", join(d, "data")], { encoding: "utf8" });
    assert.equal(r.status, 1, words[0]);
    assert.match(r.stderr, /cannot write/);
  }
});

test("a pipe without a writer is no file to import", () => {
  const d = fresh();
  spawnSync("mkfifo", [join(d, "p.csv")]);
  const r = spawnSync(BIN, ["import", "p.csv", ...MAP, "--data", join(d, "data")], { encoding: "utf8", cwd: d, timeout: 10000, env: { ...process.env, LC_ALL: "C.UTF-8" } });
  assert.equal(r.status, 1);
  assert.match(r.stderr, /file: there is no file p\.csv/);
});

test("a hundred thousand bad rows are written to the rejects file, every one", () => {
  const d = fresh(), n = 100000;
  writeFileSync(join(d, "bad.csv"), "at,what,who\n" + "yesterday,read,u1\n".repeat(n));
  const r = run(d, "import", "bad.csv", ...MAP);
  assert.equal(r.code, 0, r.err);
  assert.match(r.out, /^0 events imported, 0 rows were there already, 100000 rejected/m);
  const lines = readFileSync(join(d, "bad.csv.rejects.csv"), "utf8").trim().split(/\r?\n/);
  assert.equal(lines.length, n + 1);
  assert.match(lines[n], /^100001,bad_time,/);
});
