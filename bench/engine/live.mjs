// The events that come in while questions are asked (soak.mjs), as a process of its own so that nothing else delays them: so many
// a second over four connections, batches of 20. One connection's batches are what the answers are checked by: they follow one
// another, so what is stored of them is always their beginning. The other three bring events of times no question looks at.
//     node live.mjs PORT KEY START DAYS SEED EVENTS_PER_SECOND
import http from "node:http";
import { live_batch, noise_batch } from "./live_events.mjs";

const [port, key, start, days, seed, rate] = process.argv.slice(2).map((v, i) => (i === 1 ? v : Number(v)));
const CONNECTIONS = 4;
const PER_BATCH = 20;
const SECOND = 1000;
const now = () => performance.timeOrigin + performance.now();
const headers = { Authorization: "Basic " + Buffer.from(key + ":").toString("base64"), "Content-Type": "application/json" };
let over = false;
let log = []; // [sent, answered, checked] of each request

function post(agent, body) {
  return new Promise((good, bad) => {
    const rq = http.request({ host: "127.0.0.1", port, method: "POST", path: "/v1/batch", agent, headers: { ...headers,
      "Content-Length": Buffer.byteLength(body) } }, (rs) => {
      let text = "";
      rs.on("data", (d) => (text += d));
      rs.on("end", () => (rs.statusCode === 200 && !text.includes("rejected") ? good() : bad(new Error(`${rs.statusCode} ${text.slice(0, 200)}`))));
    });
    rq.on("error", bad);
    rq.end(body);
  });
}
// Requests start by the clock; when one is late the next follows at once, and its delay counts.
async function connection(c) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const every = (SECOND * PER_BATCH * CONNECTIONS) / rate;
  const begin = now();
  for (let i = 0; !over; i++) {
    const due = begin + (i + c / CONNECTIONS) * every;
    if (due > now()) await new Promise((go) => setTimeout(go, due - now()));
    const batch = c === 0 ? live_batch(seed, i, PER_BATCH, start, days) : noise_batch(seed, c, i, PER_BATCH, start, days);
    const body = JSON.stringify({ batch });
    const sent = now();
    if (c === 0) process.send({ sent });
    await post(agent, body);
    log.push([Math.min(sent, due + 2), now(), c === 0]);
  }
}
setInterval(() => process.send({ log: log.splice(0) }), 100);
process.on("message", () => (over = true));
await Promise.all(Array.from({ length: CONNECTIONS }, (_, c) => connection(c)));
process.send({ log: log.splice(0), over: true });
process.exit(0);
