// One peer in a process of its own: takes {sql, rows} messages, answers {ms, cpu, rows} or {error}. The time is that of the
// query and of fetching every value of its answer; cpu is what all threads used, ms.
//     node peer.mjs clickhouse|duckdb FOLDER
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [kind, folder] = process.argv.slice(2);
const need = createRequire(join(import.meta.dirname, "../peers/package.json"));

async function clickhouse() {
  const { Session } = need("chdb");
  const db = new Session(folder);
  for (const s of ["max_threads = 2", "max_insert_threads = 2", "max_memory_usage = 0", "use_query_cache = 0"])
    db.query(`SET ${s}`);
  return async (sql, rows) => {
    const start = performance.now();
    const text = db.query(sql, rows ? "JSONCompactEachRow" : "Null");
    const ms = performance.now() - start;
    return { ms, rows: rows ? text.trim().split("\n").filter(Boolean).map(JSON.parse) : null };
  };
}
const plain = (v) => (typeof v === "bigint" ? Number(v) : v);
async function duckdb() {
  const { DuckDBInstance } = need("@duckdb/node-api");
  const instance = await DuckDBInstance.create(join(folder, "peer.duckdb"), { threads: "2", memory_limit: "8GB" });
  const db = await instance.connect();
  await db.run("SET TimeZone = 'UTC'");
  return async (sql, rows) => {
    const start = performance.now();
    if (!rows) {
      await db.run(sql);
      return { ms: performance.now() - start, rows: null };
    }
    const all = (await db.runAndReadAll(sql)).getRows();
    const ms = performance.now() - start;
    return { ms, rows: all.map((r) => r.map(plain)) };
  };
}
const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;

const ask = await { clickhouse, duckdb }[kind]();
process.on("message", async ({ sql, rows }) => {
  try {
    const before = process.cpuUsage();
    const answer = await ask(sql, rows);
    const used = process.cpuUsage(before);
    process.send({ ...answer, cpu: (used.user + used.system) / 1000, rss_mb: memory() });
  } catch (e) {
    process.send({ error: String(e.message ?? e).slice(0, 2000) });
  }
});
process.send({ ready: true });
