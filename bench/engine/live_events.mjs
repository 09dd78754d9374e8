// What comes in while questions are asked, and what it adds to each answer. Everybody in it is new and signs up nowhere, so that an
// answer is the one before plus what these people give, and a path is never theirs.
import { DAY, iso } from "./sql.mjs";

const NAMES = ["$pageview", "$pageview", "view_item", "view_item", "add_to_cart", "checkout_started", "purchase", "Item opened"];
const CHANNELS = ["direct", "search", "email"];
const COUNTRIES = ["CN", "US", "IN"];
const EVENTS_A_PERSON = 40;
const AT_ONCE = 50; // people whose events come mixed

function dice(seed) {
  let s = (seed * 2654435761 + 12345) >>> 0;
  return (n) => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
// Times at whole, different seconds: no two of a person are equal.
export function live_batch(seed, i, n, start, days) {
  const r = dice(seed + i * 7919);
  return Array.from({ length: n }, (_, k) => {
    const at = i * n + k;
    const group = Math.floor(at / (AT_ONCE * EVENTS_A_PERSON));
    const who = group * AT_ONCE + (at % AT_ONCE);
    const nth = Math.floor((at % (AT_ONCE * EVENTS_A_PERSON)) / AT_ONCE);
    const first = 12 + (who % 20);
    const time = start + first * DAY + ((who * 7 + Math.floor(nth / 5) * (1 + (who % 3))) % (days - 24 - 20)) * DAY + r(DAY / 40000) * 40000 + nth * 1000;
    const event = NAMES[r(NAMES.length)];
    const priced = event === "view_item" || event === "purchase";
    return { type: "track", messageId: `live-${seed}-${at}`, userId: `live-${who}`, event, timestamp: iso(time),
      properties: { url: "https://shop.example/live", channel: CHANNELS[r(3)], country: COUNTRIES[who % 3], device: "Mac",
        ...(priced ? { price: r(40000) / 100 + 0.01 } : {}) } };
  });
}
export function noise_batch(seed, c, i, n, start, days) {
  const r = dice(seed + c * 104729 + i * 7919);
  return Array.from({ length: n }, (_, k) => ({ type: "track", messageId: `noise-${seed}-${c}-${i}-${k}`, userId: `noise-${r(100000)}`,
    event: NAMES[r(NAMES.length)], timestamp: iso(start + (days + 20) * DAY + r(DAY)),
    properties: { url: `https://shop.example/noise/${r(500)}`, channel: CHANNELS[r(3)], country: COUNTRIES[r(3)], device: "Mac" } }));
}

// ---- what one person's events give to each question: a map from key to number ----

const utc = (t) => Math.floor(t / DAY);
const SPRING = Date.UTC(2025, 2, 9, 7); // New York's clocks go forward
const new_york = (t) => Math.floor((t - (t < SPRING ? 5 : 4) * 3600000) / DAY);
const set = (list) => [...new Set(list)];

function retention(events, where, day, by) {
  const out = new Map();
  for (const g of by ? set(events.map(by)) : [null]) {
    const days = set(events.filter((e) => e.event === "$pageview" && where(e) && (!by || by(e) === g)).map((e) => day(e.t)));
    for (const c of days) for (const r of days) if (r >= c) out.set(JSON.stringify(g === null ? [c, r - c] : [g, c, r - c]) + "#0", 1);
  }
  return out;
}
function funnel(events, from, to, last) {
  const out = new Map();
  const held = [0, 0, 0, 0];
  for (const e of events) {
    const s = ["view_item", "add_to_cart", "checkout_started", "purchase"].indexOf(e.event);
    if (s === 0 && e.t >= from && e.t <= to) held[0] = e.t;
    if (s > 0 && held[s - 1] && e.t <= held[s - 1] + DAY && (s < 3 || last(e))) held[s] = held[s - 1];
    held.forEach((h, i) => h && out.set(`[]#${i}`, 1));
  }
  return out;
}
function add_up(events, key, value = () => 1) {
  const out = new Map();
  for (const e of events) if (key(e)) out.set(key(e) + "#0", (out.get(key(e) + "#0") ?? 0) + value(e));
  return out;
}
const once = (map) => new Map([...map].map(([k]) => [k, 1]));
function lifecycle(events, day, skip, days) {
  const out = new Map();
  const seen = set(events.map((e) => day(e.t))).sort((a, b) => a - b);
  const put = (d, i, v) => d >= skip && d < days && out.set(`[${d - skip}]#${i}`, v);
  seen.forEach((d, i) => {
    put(d, i === 0 ? 0 : seen[i - 1] === d - 1 ? 1 : 2, 1);
    if (seen[i + 1] !== d + 1) put(d + 1, 3, -1);
  });
  return out;
}
// By the question's name; undefined: it is not checked while events come in.
export function effect(name, m, skip) {
  const day0 = m.start / DAY;
  const day = (t) => utc(t) - day0;
  const local = (t) => new_york(t) - day0;
  const from = m.start + 10 * DAY;
  const to = m.start + (m.days - 10) * DAY;
  const any = () => true;
  const country = m.countries[1];
  return {
    retention_plain: (e) => retention(e, any, day),
    retention_zone: (e) => retention(e, any, local),
    retention_breakdown: (e) => retention(e, any, day, (x) => x.country),
    retention_filter_person: (e) => retention(e, (x) => x.country === country, day),
    retention_filter_event: (e) => retention(e, (x) => x.url === m.urls[4], day),
    funnel: (e) => funnel(e, from, to, any),
    funnel_filter: (e) => funnel(e, from, to, (x) => x.price > 100),
    dau_breakdown: (e) => once(add_up(e, (x) => JSON.stringify([day(x.t), x.country]))),
    dau_breakdown_event: (e) => once(add_up(e, (x) => JSON.stringify([day(x.t), x.channel]))),
    count_event_day: (e) => add_up(e, (x) => JSON.stringify([day(x.t), x.event])),
    count_filter: (e) => add_up(e, (x) => x.event === "purchase" && x.country === country && x.price > 100 && `[${day(x.t)}]`),
    sum_price: (e) => add_up(e, (x) => x.event === "purchase" && `[${day(x.t)}]`, (x) => x.price),
    paths: () => new Map(),
    lifecycle: (e) => lifecycle(e, day, skip, m.days),
  }[name];
}
