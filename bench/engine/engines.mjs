// The engines under measurement, each in a process of its own: the peers through peer.mjs, liuke as a server that is asked over HTTP.
import { fork, spawn, spawnSync } from "node:child_process";
import { createReadStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const BIN = join(import.meta.dirname, "../../build/release");
const children = new Set();
process.on("exit", () => children.forEach((c) => c.kill("SIGKILL")));
const kept = (child) => {
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
};
// The most memory a process had (and, after reset, has had since then), MB.
export const peak_mb = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
// Processor time of all its threads so far, ms; in steps of 10.
export const cpu_ms = (pid) => {
  const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(f[11]) + Number(f[12])) * 10;
};
const reset_peak = (pid) => writeFileSync(`/proc/${pid}/clear_refs`, "5");

export class Peer {
  static async start(kind, folder) {
    const p = new Peer();
    p.kind = kind;
    mkdirSync(folder, { recursive: true });
    p.child = kept(fork(join(import.meta.dirname, "peer.mjs"), [kind, folder]));
    p.child.on("exit", (code) => p.lost?.(new Error(`${kind} ended with ${code}`)));
    await p.reply();
    return p;
  }
  reply() {
    return new Promise((good, bad) => {
      this.lost = bad;
      this.child.once("message", good);
    });
  }
  // { ms, rows, rss_mb }; rows: null unless wanted.
  async run(sql, rows = false) {
    const answer = this.reply();
    this.child.send({ sql, rows });
    const r = await answer;
    if (r.error) throw new Error(`${this.kind}: ${r.error}\n${sql}`);
    return r;
  }
  stop() {
    const ended = new Promise((done) => this.child.on("exit", done));
    this.lost = undefined;
    this.child.kill();
    return ended;
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
// Time from the first byte sent to the last byte of the answer: what a client waits.
function call(port, method, path, headers, body) {
  return new Promise((good, bad) => {
    const start = performance.now();
    const rq = http.request({ host: "127.0.0.1", port, method, path, agent, headers: { "Content-Type": "application/json", ...headers,
      ...(body ? { "Content-Length": Buffer.byteLength(body) } : {}) } }, (rs) => {
      const parts = [];
      rs.on("data", (d) => parts.push(d));
      rs.on("end", () => good({ code: rs.statusCode, kept: rs.headers["x-kept"] === "true", text: Buffer.concat(parts).toString(), ms: performance.now() - start }));
      rs.on("error", bad);
    });
    rq.on("error", bad);
    rq.end(body);
  });
}

export class Liuke {
  constructor(folder) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }
  wipe() {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
  }
  get data() {
    return join(this.folder, "data");
  }
  command(...words) {
    return spawnSync(join(BIN, "liuke"), [...words, "--data", this.data, "--zone", "UTC", "--lang", "en"], {
      encoding: "utf8", cwd: this.folder, env: { ...process.env, LC_ALL: "C.UTF-8" } });
  }
  // { seconds, rss_mb, out } of `liuke import` on the folder itself.
  import(file, map) {
    return new Promise((good) => {
      const start = performance.now();
      const child = kept(spawn(join(BIN, "liuke"), ["import", file, "--map", map, "--source", "history", "--data", this.data, "--zone", "UTC",
        "--lang", "en"], { cwd: this.folder }));
      let out = "", rss_mb = 0;
      const look = setInterval(() => {
        try {
          rss_mb = Math.max(rss_mb, peak_mb(child.pid));
        } catch {} // it has just ended
      }, 20);
      child.stdout.on("data", (d) => (out += d));
      child.stderr.on("data", (d) => (out += d));
      child.on("exit", (code) => {
        clearInterval(look);
        good({ code, out, rss_mb, seconds: (performance.now() - start) / 1000 });
      });
    });
  }
  async start() {
    this.child = kept(spawn(join(BIN, "liuke"), ["serve", "--port", "0", "--data", this.data, "--zone", "UTC", "--lang", "en"], { cwd: this.folder }));
    let out = "", log = "";
    this.child.stderr.on("data", (d) => (log = (log + d).slice(-4000)));
    this.ended = new Promise((done) => this.child.on("exit", done));
    await new Promise((good, bad) => {
      this.ended.then(() => bad(new Error("liuke did not start: " + out + log)));
      this.child.stdout.on("data", (d) => {
        out += d;
        if (/console {3}\S+:\d+\//.test(out)) setTimeout(good, 50);
      });
    });
    this.port = Number(/127\.0\.0\.1:(\d+)/.exec(out)[1]);
    const token = /admin token (\S+)/.exec(out)?.[1]; // told at the first start only
    if (token) writeFileSync(join(this.folder, "token"), token);
    this.token = readFileSync(join(this.folder, "token"), "utf8");
    this.pid = this.child.pid;
  }
  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    await this.ended;
  }
  async restart() {
    await this.stop();
    await this.start();
  }
  try(method, path, body) {
    return call(this.port, method, path, { Authorization: `Bearer ${this.token}` }, body && JSON.stringify(body));
  }
  async api(method, path, body) {
    const r = await this.try(method, path, body);
    if (r.code >= 300) throw new Error(`${method} ${path}: ${r.code} ${r.text.slice(0, 300)}`);
    return JSON.parse(r.text);
  }
  stats() {
    return this.api("GET", "/api/1/stats");
  }
  // { ms: the client's, inside: the server's, answer } or { refused }. Never an answer that was kept.
  async ask(question) {
    const r = await this.try("POST", "/api/1/ask?fresh=true", question);
    if (r.code === 400 || r.code === 404 || r.code === 422) return { refused: `${r.code} ${r.text.slice(0, 160)}` };
    if (r.code !== 200) throw new Error(`ask: ${r.code} ${r.text.slice(0, 300)}\n${JSON.stringify(question)}`);
    const answer = JSON.parse(r.text);
    if (r.kept || answer.ms > 2 * r.ms + 5) throw new Error("a kept answer came in place of a fresh one");
    return { ms: r.ms, inside: answer.ms, answer };
  }
  source(name) {
    const r = this.command("source", "add", name, "--consent", "assumed", "--reason", "bench");
    const key = (kind) => new RegExp(`${kind} key (\\S+)`).exec(r.stdout)?.[1];
    if (!key("public")) throw new Error("no source: " + r.stdout + r.stderr);
    return { public: key("public"), secret: key("secret") };
  }
  async send(key, batch) {
    for (let i = 0; i < batch.length; i += 1000) {
      const r = await call(this.port, "POST", "/v1/batch", { Authorization: "Basic " + Buffer.from(key + ":").toString("base64") },
        JSON.stringify({ batch: batch.slice(i, i + 1000) }));
      if (r.code !== 200 || JSON.parse(r.text).rejected) throw new Error(`batch: ${r.code} ${r.text.slice(0, 300)}`);
    }
  }
  // The rows of a file as calls of the tracking API; seconds.
  async send_file(key, file, event) {
    const start = performance.now();
    let batch = [], head = true;
    for await (const line of createInterface({ input: createReadStream(file) })) {
      if (!head) batch.push(event(line.split(",")));
      head = false;
      if (batch.length === 1000) await this.send(key, batch.splice(0));
    }
    await this.send(key, batch);
    return (performance.now() - start) / 1000;
  }
  // The joins as a page's identify calls bring them, with a public key.
  join(file) {
    return this.send_file(this.source("web").public, file, ([messageId, timestamp, anonymousId, userId]) => ({ type: "identify",
      messageId, timestamp, anonymousId, userId }));
  }
  track(key, file) {
    return this.send_file(key, file, ([messageId, timestamp, event, userId, anonymousId, url, price, channel, country, device]) => ({
      type: "track", messageId, timestamp, event, userId: userId || undefined, anonymousId: anonymousId || undefined,
      properties: { url, channel, device, price: price ? Number(price) : undefined, country: country || undefined } }));
  }
  // Stopped: the tail flushed and merges done, as some idle minutes would.
  settle() {
    return parts("settle", join(this.data, "events"));
  }
  peak_reset() {
    reset_peak(this.pid);
  }
  peak() {
    return peak_mb(this.pid);
  }
}
export function parts(...words) {
  const r = spawnSync(join(BIN, "bench/engine_parts"), words, { encoding: "utf8" });
  if (r.status !== 0) throw new Error(`engine_parts ${words.join(" ")}: ${r.stderr}`);
  return JSON.parse(r.stdout);
}
export function generate(out, words) {
  const start = performance.now();
  const r = spawnSync(join(BIN, "bench/generate"), ["--out", out, ...words.map(String)], { encoding: "utf8" });
  if (r.status !== 0) throw new Error(`generate: ${r.stderr}`);
  return { ...JSON.parse(readFileSync(out + ".json", "utf8")), seconds: (performance.now() - start) / 1000 };
}
