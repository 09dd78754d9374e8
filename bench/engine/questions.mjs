// The questions, each as liuke is asked and in at least three forms of each peer's SQL (the fastest counts). Table e: person,
// ts, seq, event, url, price, channel, country, device. Every form of a question gives the same rows, in any order; `read`
// makes the same rows of liuke's answer; the first `keys` columns say what the others are numbers of. Rows hold whole numbers and texts; columns from `doubles` on are compared to 1e-9.
import { lifecycle, paths } from "./questions_long.mjs";
import { DAY, dayOf, iso, q } from "./sql.mjs";

const IN_ORDER = " SETTINGS optimize_aggregation_in_order = 1";
const and = (...parts) => parts.filter(Boolean).join(" AND ") || "true";

// ---- retention: rows [group…, cohort, column, people], zeros left out ----
// where: of the events; by: "" or a column; day: of an event, an integer from 0; n: periods
function retention_clickhouse({ where, by, day, n }) {
  const g = by ? `${by}, ` : "";
  const seen = `SELECT ${g}person, ${day} AS d FROM e WHERE ${and(where, `${day} >= 0`, `${day} < ${n}`)}`;
  const lists = (more) => `SELECT ${g}person, groupUniqArray(toUInt16(d)) AS ds FROM (${seen}) GROUP BY ${g}person${more}`;
  const maps = `SELECT ${g}d, groupBitmapState(person) AS b FROM (${seen}) GROUP BY ${g}d`;
  const pairs = (more) => `SELECT ${g}intDiv(x, 256) AS c, x % 256 AS k, count() FROM (SELECT ${g}arrayJoin(arrayFlatten(
      arrayMap(c -> arrayMap(r -> toUInt16(c * 256 + r - c), arrayFilter(r -> r >= c, ds)), ds))) AS x FROM (${lists(more)}))
      GROUP BY ${g}x`;
  return {
    lists: pairs(""),
    "lists in order": pairs(by ? "" : IN_ORDER),
    "bitmaps by day": `WITH m AS (SELECT ${by ? `${by} AS g` : "0 AS g"}, d, b FROM (${maps}))
      SELECT ${by ? "a.g, " : ""}a.d, r.d - a.d, bitmapAndCardinality(a.b, r.b) AS n FROM m a CROSS JOIN m r
      WHERE r.d >= a.d AND a.g = r.g AND n > 0`,
    "array join": `SELECT ${g}c, r - c, count() FROM (SELECT ${g}c, arrayJoin(arrayFilter(x -> x >= c, ds)) AS r FROM
      (SELECT ${g}ds, arrayJoin(ds) AS c FROM (${lists("")}))) GROUP BY ${g}c, r`,
    "self join": `WITH p AS (SELECT DISTINCT ${by ? `${by} AS g` : "0 AS g"}, person, d FROM (${seen}))
      SELECT ${by ? "a.g, " : ""}a.d, r.d - a.d, count() FROM p a JOIN p r ON a.person = r.person AND a.g = r.g
      WHERE r.d >= a.d GROUP BY ${by ? "a.g, " : ""}a.d, r.d`,
  };
}
function retention_duckdb({ where, by, day, n }) {
  const g = by ? `${by}, ` : "";
  const ag = by ? `a.${by}, ` : "";
  const seen = `SELECT ${g}person, ${day} AS d FROM e WHERE ${and(where, `${day} >= 0`, `${day} < ${n}`)}`;
  const distinct = `SELECT DISTINCT ${g}person, d FROM (${seen})`;
  const masks = `SELECT ${g}person, bit_or(1::HUGEINT << d::INTEGER) AS m FROM (${seen}) GROUP BY ${g}person`;
  const text = by ? by : "";
  const out = text ? `${text}::VARCHAR, ` : "";
  return {
    "self join": `WITH p AS (${distinct}) SELECT ${by ? `a.${by}::VARCHAR, ` : ""}a.d, r.d - a.d, count(*) FROM p a JOIN p r ON
      a.person = r.person ${by ? `AND a.${by} = r.${by}` : ""} AND r.d >= a.d GROUP BY ${ag}a.d, r.d`,
    lists: `WITH l AS (SELECT ${g}person, list(DISTINCT d) AS ds FROM (${seen}) GROUP BY ${g}person), c AS (SELECT ${g}ds,
      unnest(ds) AS c FROM l), r AS (SELECT ${g}c, unnest(list_filter(ds, lambda x : x >= c)) AS r FROM c)
      SELECT ${out}c, r - c, count(*) FROM r GROUP BY ${g}c, r`,
    masks: `WITH m AS (${masks}), ds AS (SELECT unnest(range(${n}))::INTEGER AS d),
      p AS (SELECT ${g}c.d AS c, m >> c.d AS m FROM m, ds c WHERE (m >> c.d) & 1 = 1)
      SELECT ${out}c, k.d, count(*) FROM p, ds k WHERE (m >> k.d) & 1 = 1 GROUP BY ${g}c, k.d`,
  };
}
const grouped = (tables) => tables.flatMap((t) => triangle(t.rows).map((r) => [...t.group, ...r]));
const triangle = (rows) =>
  rows.flatMap((row, i) => row.values.map((v, k) => [i, k, v])).filter((r) => r[2] !== 0);

function retention(name, o, m) {
  const n = o.n ?? m.days;
  const d = { n, by: o.by ?? "" };
  return {
    name,
    keys: o.by ? 3 : 2,
    ask: { kind: "retention", period: o.period ?? "day", first_interval: o.first ?? iso(m.start).slice(0, 10), intervals: n,
      mode: "recurring", start_event: { name: "$pageview" }, return_event: { name: "$pageview" },
      timezone: o.zone ?? "UTC", ...o.ask },
    read: (a) => (o.by ? grouped(a.tables) : triangle(a.rows)),
    clickhouse: retention_clickhouse({ ...d, where: and("event = '$pageview'", o.where), day: dayOf.clickhouse(m, o) }),
    duckdb: retention_duckdb({ ...d, where: and("event = '$pageview'", o.where), day: dayOf.duckdb(m, o) }),
  };
}

// ---- funnel: one row of counts ----
const STEPS = ["view_item", "add_to_cart", "checkout_started", "purchase"];
function funnel(name, last, m) {
  const from = m.start + 10 * DAY;
  const to = m.start + (m.days - 10) * DAY;
  const steps = STEPS.map((s) => ({ name: s }));
  if (last) steps[3] = { ...steps[3], where: { prop: "price", op: "gt", value: 100 } };
  return {
    name,
    keys: 0,
    ask: { kind: "funnel", steps, window: [1, "day"], order: "ordered", from: iso(from), to: iso(to) },
    read: (a) => [a.rows[0].steps.map((s) => s.people)],
    clickhouse: funnel_clickhouse(from, to, last && "price > 100"),
    duckdb: funnel_duckdb(from, to, last && "price > 100"),
  };
}
function funnel_clickhouse(from, to, last) {
  const ts = (t) => `fromUnixTimestamp64Milli(toInt64(${t}), 'UTC')`;
  const range = `ts >= ${ts(from)} AND ts <= ${ts(to + DAY)}`;
  const steps = STEPS.map((s, i) => and(`event = ${q(s)}`, i === 0 && `ts <= ${ts(to)}`, i === 3 && last)).join(", ");
  const named = `event IN (${STEPS.map(q).join(",")})`;
  const levels = (where, more) => `SELECT countIf(l >= 1), countIf(l >= 2), countIf(l >= 3), countIf(l >= 4) FROM (SELECT
      windowFunnel(${DAY})(toUInt64(toUnixTimestamp64Milli(ts)), ${steps}) AS l FROM e WHERE ${where} GROUP BY person${more})`;
  const state = `arrayFold((s, x) -> (if(x.2 = 1, x.1, s.1), if(x.2 = 2 AND s.1 >= x.1 - ${DAY}, s.1, s.2),
      if(x.2 = 3 AND s.2 >= x.1 - ${DAY}, s.2, s.3), if(x.2 = 4 AND s.3 >= x.1 - ${DAY}, s.3, s.4)),
      arraySort(x -> (x.1, x.3), groupArray((toUnixTimestamp64Milli(ts), multiIf(${STEPS.slice(0, 3).map((s, i) =>
        `${and(`event = ${q(s)}`, i === 0 && `ts <= ${ts(to)}`)}, ${i + 1}`).join(", ")}, ${and("event = 'purchase'", last)}, 4, 0), seq))),
      (toInt64(0), toInt64(0), toInt64(0), toInt64(0)))`;
  return {
    "the four events": levels(and(range, named), ""),
    "the four events, in order": levels(and(range, named), IN_ORDER),
    "all events": levels(range, ""),
    fold: `SELECT countIf(s.1 > 0), countIf(s.2 > 0), countIf(s.3 > 0), countIf(s.4 > 0) FROM (SELECT ${state} AS s FROM e
      WHERE ${and(range, named)} GROUP BY person)`,
  };
}
function funnel_duckdb(from, to, last) {
  const ts = (t) => `make_timestamp_ms(${t})`;
  const range = `ts >= ${ts(from)} AND ts <= ${ts(to + DAY)}`;
  const day = "INTERVAL 1 DAY";
  const where = STEPS.map((s, i) => and(`event = ${q(s)}`, i === 0 && `ts <= ${ts(to)}`, i === 3 && last));
  const base = `SELECT person, ts, seq, ${where.map((w, i) => `(${w}) AS s${i + 1}`).join(", ")} FROM e WHERE ${range} AND event IN
      (${STEPS.map(q).join(",")})`;
  const w = "OVER (PARTITION BY person ORDER BY ts, seq ROWS UNBOUNDED PRECEDING)";
  const keep = "person, ts, seq, s2, s3, s4";
  const step = (i) => `SELECT ${keep}, ${[1, 2, 3].filter((k) => k < i).map((k) => `a${k}, `).join("")}max(CASE WHEN s${i} AND a${i - 1} >=
      ts - ${day} THEN a${i - 1} END) ${w} AS a${i} FROM p${i - 1}`;
  const asof = (i) => `SELECT x.person, x.ts, y.a FROM (SELECT person, ts FROM b WHERE s${i}) x ASOF JOIN r${i - 1} y ON x.person =
      y.person AND x.ts >= y.ts WHERE y.a >= x.ts - ${day}`;
  return {
    windows: `WITH b AS (${base}), p1 AS (SELECT ${keep}, max(CASE WHEN s1 THEN ts END) ${w} AS a1 FROM b), p2 AS (${step(2)}),
      p3 AS (${step(3)}), p4 AS (SELECT person, max(a1) AS a1, max(a2) AS a2, max(a3) AS a3, max(CASE WHEN s4 AND a3 >= ts - ${day}
      THEN a3 END) AS a4 FROM p3 GROUP BY person) SELECT count(a1), count(a2), count(a3), count(a4) FROM p4`,
    asof: `WITH b AS (${base}), r1 AS (SELECT person, ts, ts AS a FROM b WHERE s1), r2 AS (${asof(2)}), r3 AS (${asof(3)}),
      r4 AS (${asof(4)}) SELECT ${[1, 2, 3, 4].map((i) => `(SELECT count(DISTINCT person) FROM r${i})`).join(", ")}`,
    fold: `WITH b AS (${base}), l AS (SELECT list({t: epoch_ms(ts), s: CASE WHEN s1 THEN 1 WHEN s2 THEN 2 WHEN s3 THEN 3 WHEN s4
      THEN 4 ELSE 0 END, a: 0::BIGINT, b: 0::BIGINT, c: 0::BIGINT, d: 0::BIGINT} ORDER BY ts, seq) AS l FROM b GROUP BY person),
      r AS (SELECT list_reduce(l, lambda z, x : {t: x.t, s: x.s, a: CASE WHEN x.s = 1 THEN x.t ELSE z.a END,
      b: CASE WHEN x.s = 2 AND z.a >= x.t - ${DAY} THEN z.a ELSE z.b END, c: CASE WHEN x.s = 3 AND z.b >= x.t - ${DAY} THEN z.b
      ELSE z.c END, d: CASE WHEN x.s = 4 AND z.c >= x.t - ${DAY} THEN z.c ELSE z.d END}, {t: 0::BIGINT, s: 0, a: 0::BIGINT,
      b: 0::BIGINT, c: 0::BIGINT, d: 0::BIGINT}) AS z FROM l)
      SELECT count(*) FILTER (z.a > 0), count(*) FILTER (z.b > 0), count(*) FILTER (z.c > 0), count(*) FILTER (z.d > 0) FROM r`,
  };
}

// ---- trends ----
const days_of = (m) => ({ period: "day", from: iso(m.start).slice(0, 10), to: iso(m.start + m.days * DAY).slice(0, 10), timezone: "UTC" });
// rows [period, value] of a trend without a breakdown; zeros left out
const series = (a) => a.values.map((v, i) => [i, v]).filter((r) => r[1] !== 0 && r[1] !== null);
// rows [period, group, value]
const grouped_series = (a) =>
  a.lines.flatMap((l) => l.values.map((v, i) => [i, l.group[0], v])).filter((r) => r[2] !== 0);

function people_by(name, by, constant, m) {
  const d = dayOf.clickhouse(m, {});
  const dd = dayOf.duckdb(m, {});
  const clickhouse = {
    uniqExact: `SELECT ${d} AS d, ${by}, uniqExact(person) FROM e GROUP BY d, ${by}`,
    distinct: `SELECT d, ${by}, count() FROM (SELECT DISTINCT person, ${d} AS d, ${by} FROM e) GROUP BY d, ${by}`,
    bitmaps: `SELECT ${d} AS d, ${by}, groupBitmap(person) FROM e GROUP BY d, ${by}`,
    lists: `SELECT d, ${by}, count() FROM (SELECT ${by}, arrayJoin(groupUniqArray(toUInt16(${d}))) AS d FROM e GROUP BY person, ${by})
      GROUP BY d, ${by}`,
  };
  if (constant) // $identify has no country: a person is in two groups on that day
    clickhouse["lists in order"] = `SELECT d, c, count() FROM (SELECT arrayJoin(groupUniqArray((toUInt16(${d}), ${by}))) AS x, x.1 AS d,
      x.2 AS c FROM e GROUP BY person${IN_ORDER}) GROUP BY d, c`;
  return {
    name,
    keys: 2,
    ask: { kind: "trend", event: {}, measure: "people", ...days_of(m), breakdown: [{ prop: by }] },
    read: grouped_series,
    clickhouse,
    duckdb: {
      "count distinct": `SELECT ${dd} AS d, ${by}::VARCHAR, count(DISTINCT person) FROM e GROUP BY d, ${by}`,
      distinct: `SELECT d, ${by}::VARCHAR, count(*) FROM (SELECT DISTINCT person, ${dd} AS d, ${by} FROM e) GROUP BY d, ${by}`,
      lists: `SELECT d, b::VARCHAR, count(*) FROM (SELECT b, unnest(ds) AS d FROM (SELECT ${by} AS b, list(DISTINCT ${dd}) AS ds FROM e
        GROUP BY person, b)) GROUP BY d, b`,
      masks: `SELECT d, b::VARCHAR, count(*) FROM (SELECT ${by} AS b, bit_or(1::HUGEINT << ${dd}) AS m FROM e GROUP BY person, b),
        range(${m.days}) r(d) WHERE (m >> d::INTEGER) & 1 = 1 GROUP BY d, b`,
    },
  };
}
function count_event_day(m) {
  const d = dayOf.clickhouse(m, {});
  const dd = dayOf.duckdb(m, {});
  return {
    name: "count_event_day",
    keys: 2,
    ask: { kind: "trend", event: {}, measure: "count", ...days_of(m), breakdown: [{ type: "name" }], breakdown_limit: 100 },
    read: grouped_series,
    clickhouse: {
      date: `SELECT ${d} AS d, event, count() FROM e GROUP BY d, event`,
      division: `SELECT toInt32(intDiv(toUnixTimestamp64Milli(ts), ${DAY})) - ${m.start / DAY} AS d, event, count() FROM e GROUP BY d, event`,
      "event first": `SELECT d, event, n FROM (SELECT event, sumMap([${d}], [toUInt64(1)]) AS s FROM e GROUP BY event) ARRAY JOIN s.1 AS d,
        s.2 AS n`,
      "start of day": `SELECT toInt32(toDate(d)) - ${m.start / DAY}, event, n FROM (SELECT toStartOfDay(ts) AS d, event, count() AS n FROM e
        GROUP BY d, event)`,
    },
    duckdb: {
      date: `SELECT ${dd} AS d, event::VARCHAR, count(*) FROM e GROUP BY d, event`,
      division: `SELECT (epoch_ms(ts) // ${DAY})::INTEGER - ${m.start / DAY} AS d, event::VARCHAR, count(*) FROM e GROUP BY d, event`,
      "start of day": `SELECT d::DATE - DATE '1970-01-01' - ${m.start / DAY}, event::VARCHAR, n FROM (SELECT date_trunc('day', ts) AS d,
        event, count(*) AS n FROM e GROUP BY d, event)`,
    },
  };
}
function by_day(name, ask, value, where, doubles, m) {
  const d = dayOf.clickhouse(m, {});
  const dd = dayOf.duckdb(m, {});
  const cond = where.join(" AND ");
  const { clickhouse: cv, clickhouse_if: ci, duckdb: dv } = value;
  return {
    name,
    keys: 1,
    doubles,
    ask: { kind: "trend", ...days_of(m), ...ask },
    read: series,
    clickhouse: {
      where: `SELECT ${d} AS d, ${cv} FROM e WHERE ${cond} GROUP BY d`,
      prewhere: `SELECT ${d} AS d, ${cv} FROM e PREWHERE ${where[0]} WHERE ${where.slice(1).join(" AND ") || "true"} GROUP BY d`,
      "all prewhere": `SELECT ${d} AS d, ${cv} FROM e PREWHERE ${cond} GROUP BY d`,
      if: `SELECT ${d} AS d, ${ci(cond)} AS n FROM e GROUP BY d HAVING n != 0`,
    },
    duckdb: {
      where: `SELECT ${dd} AS d, ${dv} FROM e WHERE ${cond} GROUP BY d`,
      division: `SELECT (epoch_ms(ts) // ${DAY})::INTEGER - ${m.start / DAY} AS d, ${dv} FROM e WHERE ${cond} GROUP BY d`,
      filter: `SELECT * FROM (SELECT ${dd} AS d, ${dv} FILTER (${cond}) AS n FROM e GROUP BY d) WHERE n <> 0`,
    },
  };
}

export function questions(m) {
  const country = m.countries[1];
  const url = m.urls[4];
  const is = (prop, value) => ({ filter: [{ prop, op: "is", value }] });
  return [
    retention("retention_plain", {}, m),
    retention("retention_zone", { zone: "America/New_York" }, m),
    retention("retention_breakdown", { by: "country", ask: { breakdown: [{ prop: "country" }] } }, m),
    retention("retention_filter_person", { where: `country = ${q(country)}`, ask: is("country", country) }, m),
    retention("retention_filter_event", { where: `url = ${q(url)}`, ask: is("url", url) }, m),
    funnel("funnel", false, m),
    funnel("funnel_filter", true, m),
    people_by("dau_breakdown", "country", true, m),
    people_by("dau_breakdown_event", "channel", false, m),
    count_event_day(m),
    by_day("count_filter", { event: { name: "purchase" }, measure: "count", filter: [{ prop: "country", op: "is", value: country },
      { prop: "price", op: "gt", value: 100 }] }, { clickhouse: "count()", clickhouse_if: (c) => `countIf(${c})`, duckdb: "count(*)" },
      ["event = 'purchase'", `country = ${q(country)}`, "price > 100"], undefined, m),
    by_day("sum_price", { event: { name: "purchase" }, measure: "sum", prop: "price" }, { clickhouse: "sum(price)",
      clickhouse_if: (c) => `sumIf(price, ${c})`, duckdb: "sum(price)" }, ["event = 'purchase'"], 1, m),
    paths(m),
    lifecycle(m),
  ];
}
// Over the log of two years: its last 7 days, and the whole of it by weeks.
export function years(m) {
  const last = m.start + (m.days - 7) * DAY;
  const monday = m.start + ((8 - new Date(m.start).getUTCDay()) % 7) * DAY;
  const weeks = Math.floor((m.start + m.days * DAY - monday) / (7 * DAY));
  const day = (t) => iso(t).slice(0, 10);
  return [
    retention("last7", { first: day(last), from: last, n: 7 }, m),
    retention("whole", { first: day(monday), from: monday, n: weeks, period: "week", step: 7 }, m),
  ];
}
