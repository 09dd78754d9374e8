// The real binary on a folder of its own, for tests that speak to it from outside.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const BIN = process.env.LIUKE_BIN ?? new URL("../../build/release/liuke", import.meta.url).pathname;
export const SHARED = process.env.LIUKE_SHARED ?? new URL("../../../shared", import.meta.url).pathname;

export function folder() {
  return mkdtempSync(join(tmpdir(), "liuke-client-"));
}
export function drop(dir) {
  rmSync(dir, { recursive: true, force: true });
}

// Run a command to its end: { code, out, err }.
export function run(dir, ...words) {
  const r = spawnSync(BIN, [...words, "--data", join(dir, "data")], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    cwd: dir,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  return { code: r.status, out: r.stdout, err: r.stderr };
}
export function addSource(dir, name = "web", ...more) {
  const r = run(dir, "source", "add", name, "--consent", "assumed", "--reason", "tests", ...more);
  if (r.code !== 0) throw new Error(r.err);
  return { pk: /public key (\S+)/.exec(r.out)[1], sk: /secret key (\S+)/.exec(r.out)[1] };
}
// Start the server and wait until it listens. Its log is in .log, what it printed in .greeting.
export function serve(dir, ...more) {
  const child = spawn(BIN, ["serve", "--port", "0", "--data", join(dir, "data"), ...more], {
    cwd: dir,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  const server = { child, log: "", greeting: "", url: "", token: "" };
  child.stderr.on("data", (d) => {
    server.log += d;
  });
  server.ended = new Promise((done) => child.on("exit", (code, signal) => done({ code, signal })));
  server.stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    return server.ended;
  };
  return new Promise((good, bad) => {
    const late = setTimeout(() => bad(new Error("the server did not start: " + server.log)), 30000);
    server.ended.then(() => {
      clearTimeout(late);
      bad(new Error("the server ended: " + server.greeting + server.log));
    });
    child.stdout.on("data", (d) => {
      server.greeting += d;
      const at = /http:\/\/[\d.]+:(\d+)\/console/.exec(server.greeting);
      if (!at || server.url) return;
      server.url = `http://127.0.0.1:${at[1]}`;
      setTimeout(() => {
        clearTimeout(late);
        server.token = /(?:admin token|管理令牌) ([\w-]+)/.exec(server.greeting)?.[1] ?? "";
        good(server);
      }, 50);
    });
  });
}
// What the records say, read beside the program: rows as arrays. For what no page and no command shows.
export function records(dir, sql) {
  const r = spawnSync(
    "python3",
    [
      "-c",
      "import json, sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=10)\nprint(json.dumps(c.execute(sys.argv[2]).fetchall()))\nc.commit()",
      join(dir, "data", "records.db"),
      sql,
    ],
    { encoding: "utf8" },
  );
  if (r.status !== 0) throw new Error(r.stderr);
  return JSON.parse(r.stdout);
}
// A question to the running server, as staff.
export async function staff(server, method, path, body) {
  const r = await fetch(server.url + path, {
    method,
    body: body && JSON.stringify(body),
    headers: { Authorization: "Bearer " + server.token, "Content-Type": "application/json", "Accept-Language": "en" },
  });
  return { code: r.status, ...(await r.json()) };
}
// What a browser without JavaScript sends.
export async function form(server, path, fields, lang = "en") {
  const r = await fetch(server.url + path, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { "Accept-Language": lang },
  });
  return { code: r.status, text: await r.text() };
}
export async function until(what, ms = 10000) {
  for (const end = Date.now() + ms; ;) {
    const got = await what();
    if (got) return got;
    if (Date.now() > end) throw new Error("waited in vain for " + what);
    await new Promise((done) => setTimeout(done, 50));
  }
}
// All events the store holds, as exported.
export function exported(dir) {
  const r = run(dir, "export");
  if (r.code !== 0) throw new Error(r.err);
  return r.out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
