// The two questions whose SQL is long: paths and lifecycle.
import { DAY, dayOf, iso, q } from "./sql.mjs";

// ---- paths: [source, target, people's paths], the 50 largest ----
// Own events (no leading $) of a person, cut where more than half an hour passes; equal neighbours once; each session from its
// first sign-up on, five items; one edge for each pair of neighbours.
const HALF_HOUR = 1800000;
const START = "signed_up";
export function paths(m) {
  return {
    name: "paths",
    keys: 2,
    ask: { kind: "paths", item: { kind: "event" }, start_point: START, from: iso(m.start), to: iso(m.start + m.days * DAY - 1) },
    read: (a) => (a.edges ?? a.rows).map((e) => (Array.isArray(e) ? e : [e.source, e.target, e.value])),
    clickhouse: paths_clickhouse(),
    duckdb: paths_duckdb(),
  };
}
const own = "NOT startsWith(event, '$')";
const starters = `person IN (SELECT person FROM e WHERE event = '${START}')`;
function paths_clickhouse() {
  const top = (edges) => `SELECT concat(toString(i), '_', a) AS source, concat(toString(i + 1), '_', b) AS target, count() AS n FROM
      (${edges}) GROUP BY source, target ORDER BY n DESC, source, target LIMIT 50`;
  // in: pairs (time, name) in order
  const of_lists = (lists) => top(`SELECT x.1 AS i, x.2 AS a, x.3 AS b FROM (SELECT arrayJoin(arrayMap(i -> (i, p[i], p[i + 1]),
      range(1, toUInt32(length(p))))) AS x FROM (SELECT arraySlice(c, indexOf(c, '${START}'), 5) AS p FROM (SELECT
      arrayCompact(arrayMap(x -> x.3, arrayJoin(arraySplit((x, gap) -> gap > ${HALF_HOUR}, l, arrayDifference(arrayMap(x -> x.1, l))))))
      AS c FROM (${lists})) WHERE has(c, '${START}')))`);
  const list = (where, more = "") => `SELECT arraySort(x -> (x.1, x.2), groupArray((toUnixTimestamp64Milli(ts), seq, toString(event)))) AS l FROM
      e WHERE ${own}${where} GROUP BY person${more}`;
  const in_order = " SETTINGS optimize_aggregation_in_order = 1";
  const since = `SELECT arrayFilter(x -> x.1 >= s, l) AS l FROM (SELECT arraySort(x -> (x.1, x.2), groupArray((toUnixTimestamp64Milli(ts),
      seq, toString(event)))) AS l, minIf(toUnixTimestamp64Milli(ts), event = '${START}') AS s FROM e WHERE ${own} AND ${starters}
      GROUP BY person${in_order})`;
  // only what may be on a path: from the person's first sign-up until half an hour for each item after the last
  const joined = `SELECT arraySort(x -> (x.1, x.2), groupArray((toUnixTimestamp64Milli(ts), seq, toString(event)))) AS l FROM e INNER JOIN
      (SELECT person, min(ts) AS since FROM e WHERE event = '${START}' GROUP BY person) AS f ON e.person = f.person
      WHERE ${own} AND ts >= since GROUP BY e.person`;
  const windows = `WITH s AS (SELECT person, ts, seq, event, sum(cut) OVER (PARTITION BY person ORDER BY ts, seq) AS session FROM
      (SELECT person, ts, seq, event, if(toUnixTimestamp64Milli(ts) - lagInFrame(toUnixTimestamp64Milli(ts), 1, toInt64(0)) OVER
      (PARTITION BY person ORDER BY ts, seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) > ${HALF_HOUR}, 1, 0) AS cut
      FROM e WHERE ${own} AND ${starters})),
      c AS (SELECT arrayCompact(arrayMap(x -> x.3, arraySort(x -> (x.1, x.2), groupArray((ts, seq, toString(event)))))) AS c FROM s GROUP BY
      person, session HAVING has(c, '${START}'))
      ${top(`SELECT x.1 AS i, x.2 AS a, x.3 AS b FROM (SELECT arrayJoin(arrayMap(i -> (i, p[i], p[i + 1]), range(1, toUInt32(length(p))))) AS x
      FROM (SELECT arraySlice(c, indexOf(c, '${START}'), 5) AS p FROM c))`)}`;
  return {
    lists: of_lists(list("")),
    "lists of those who signed up": of_lists(list(` AND ${starters}`)),
    "the same in order": of_lists(list(` AND ${starters}`, in_order)),
    "since the sign-up": of_lists(since),
    "joined with the sign-up": of_lists(joined),
    windows,
  };
}
function paths_duckdb() {
  const own_d = "event NOT IN ('$pageview', '$identify')";
  const top = (ctes, edges) => `WITH ${ctes} SELECT i || '_' || a AS source, (i + 1) || '_' || b AS target, count(*) AS n FROM (${edges})
      GROUP BY source, target ORDER BY n DESC, source, target LIMIT 50`;
  const cut = (where) => `g AS (SELECT person, ts, seq, event, coalesce(epoch_ms(ts) - lag(epoch_ms(ts)) OVER w > ${HALF_HOUR}, false) AS cut
      FROM e WHERE ${own_d}${where} WINDOW w AS (PARTITION BY person ORDER BY ts, seq)),
      s AS (SELECT *, sum(cut::INTEGER) OVER (PARTITION BY person ORDER BY ts, seq ROWS UNBOUNDED PRECEDING) AS session FROM g)`;
  const rest = `k AS (SELECT *, lag(event) OVER w IS NOT DISTINCT FROM event AS same FROM s WINDOW w AS (PARTITION BY person, session ORDER BY
      ts, seq)),
      n AS (SELECT *, max(event = '${START}') OVER (PARTITION BY person, session ORDER BY ts, seq ROWS UNBOUNDED PRECEDING) AS live FROM k
      WHERE NOT same),
      i AS (SELECT event, row_number() OVER w AS i, lead(event) OVER w AS next FROM n WHERE live WINDOW w AS (PARTITION BY person, session
      ORDER BY ts, seq))`;
  const edges = "SELECT i, event::VARCHAR AS a, next::VARCHAR AS b FROM i WHERE i < 5 AND next IS NOT NULL";
  const since = ` AND person IN (SELECT person FROM e WHERE event = '${START}')`;
  const lists = (where) => `${cut(where)},
      l AS (SELECT list(event ORDER BY ts, seq) AS l FROM s GROUP BY person, session HAVING bool_or(event = '${START}')),
      c AS (SELECT list_filter(l, lambda x, i : i = 1 OR x <> l[i - 1]) AS c FROM l),
      p AS (SELECT c[list_position(c, '${START}'::event_t) : list_position(c, '${START}'::event_t) + 4] AS p FROM c),
      x AS (SELECT p, unnest(range(1, len(p))) AS i FROM p)`;
  const of_lists = "SELECT i, p[i]::VARCHAR AS a, p[i + 1]::VARCHAR AS b FROM x";
  const joined = `f AS (SELECT person, min(ts) AS since FROM e WHERE event = '${START}' GROUP BY person),
      ${cut("").replace("FROM e WHERE", "FROM e JOIN f USING (person) WHERE ts >= since AND")}, ${rest}`;
  return {
    windows: top(`${cut("")}, ${rest}`, edges),
    "windows of those who signed up": top(`${cut(since)}, ${rest}`, edges),
    "joined with the sign-up": top(joined, edges),
    lists: top(lists(since), of_lists),
  };
}

// ---- lifecycle: [day, new, returning, resurrecting, dormant (negative)] ----
// The grid begins ten days into the log, so that "new" looks before it.
export const SKIP = 10;
export function lifecycle(m) {
  const n = m.days - SKIP;
  return {
    name: "lifecycle",
    keys: 1,
    ask: { kind: "lifecycle", period: "day", first_interval: iso(m.start + SKIP * DAY).slice(0, 10), intervals: n, event: {},
      timezone: "UTC" },
    read: ({ lines: [a] }) => a.new.map((v, i) => [i, v, a.returning[i], a.resurrecting[i], -a.dormant[i]]),
    clickhouse: lifecycle_clickhouse(dayOf.clickhouse(m, {}), m.days),
    duckdb: lifecycle_duckdb(dayOf.duckdb(m, {}), m.days),
  };
}
function lifecycle_clickhouse(d, days) {
  // s: 0 new, 1 returning, 2 resurrecting, 3 dormant
  const pivot = (rows) => `SELECT toInt32(t) - ${SKIP} AS i, countIf(s = 0), countIf(s = 1), countIf(s = 2), -toInt64(countIf(s = 3)) FROM (${rows})
      WHERE t >= ${SKIP} AND t < ${days} GROUP BY i`;
  const of_lists = (more) => pivot(`SELECT x.1 AS t, x.2 AS s FROM (SELECT arrayJoin(arrayConcat(
      arrayMap((v, i) -> (v, if(i = 1, 0, if(ds[i - 1] = v - 1, 1, 2))), ds, arrayEnumerate(ds)),
      arrayMap(v -> (toInt32(v + 1), 3), arrayFilter((v, i) -> i = length(ds) OR ds[i + 1] != v + 1, ds, arrayEnumerate(ds))))) AS x FROM
      (SELECT arraySort(groupUniqArray(toInt32(${d}))) AS ds FROM e GROUP BY person${more}))`);
  const seen = `SELECT DISTINCT person, ${d} AS d FROM e`;
  return {
    lists: of_lists(""),
    "lists in order": of_lists(" SETTINGS optimize_aggregation_in_order = 1"),
    windows: `WITH p AS (SELECT person, d, lagInFrame(d, 1, -1000) OVER w AS before, leadInFrame(d, 1, 1000) OVER w AS after FROM (${seen})
      WINDOW w AS (PARTITION BY person ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))
      ${pivot(`SELECT d AS t, multiIf(before = -1000, 0, before = d - 1, 1, 2) AS s FROM p UNION ALL SELECT d + 1, 3 FROM p WHERE after != d + 1`)}`,
    "bitmaps by day": `WITH m AS (SELECT d, groupBitmapState(person) AS b FROM (SELECT person, ${d} AS d FROM e) GROUP BY d),
      f AS (SELECT d, count() AS n FROM (SELECT min(${d}) AS d FROM e GROUP BY person) GROUP BY d)
      SELECT a.d - ${SKIP}, f.n, bitmapAndCardinality(a.b, y.b) AS r, bitmapCardinality(a.b) - r - f.n, toInt64(r) - toInt64(bitmapCardinality(y.b))
      FROM m a JOIN m y ON y.d = a.d - 1 LEFT JOIN f ON f.d = a.d WHERE a.d >= ${SKIP}`,
  };
}
function lifecycle_duckdb(d, days) {
  const pivot = (ctes, rows) => `WITH ${ctes} SELECT t - ${SKIP} AS i, count(*) FILTER (s = 0), count(*) FILTER (s = 1), count(*) FILTER (s = 2),
      -count(*) FILTER (s = 3) FROM (${rows}) WHERE t >= ${SKIP} AND t < ${days} GROUP BY i`;
  const both = `SELECT d AS t, CASE WHEN before IS NULL THEN 0 WHEN before = d - 1 THEN 1 ELSE 2 END AS s FROM p UNION ALL SELECT d + 1, 3 FROM p
      WHERE after IS DISTINCT FROM d + 1`;
  const w = "WINDOW w AS (PARTITION BY person ORDER BY d)";
  return {
    windows: pivot(`p AS (SELECT person, d, lag(d) OVER w AS before, lead(d) OVER w AS after FROM (SELECT DISTINCT person, ${d} AS d FROM e) ${w})`, both),
    "group by": pivot(`p AS (SELECT person, d, lag(d) OVER w AS before, lead(d) OVER w AS after FROM (SELECT person, ${d} AS d FROM e GROUP BY
      ALL) ${w})`, both),
    lists: pivot(`l AS (SELECT list_sort(list(DISTINCT ${d})) AS ds FROM e GROUP BY person), u AS (SELECT ds, unnest(range(1, len(ds) + 1)) AS i
      FROM l), p AS (SELECT ds[i] AS d, CASE WHEN i > 1 THEN ds[i - 1] END AS before, ds[i + 1] AS after FROM u)`, both),
    masks: `WITH l AS (SELECT person, bit_or(1::HUGEINT << ${d}) AS m, min(${d}) AS first FROM e GROUP BY person)
      SELECT t - ${SKIP}, count(*) FILTER (first = t), count(*) FILTER ((m >> t) & 1 = 1 AND (m >> (t - 1)) & 1 = 1),
      count(*) FILTER ((m >> t) & 1 = 1 AND (m >> (t - 1)) & 1 = 0 AND first <> t), -count(*) FILTER ((m >> t) & 1 = 0 AND (m >> (t - 1)) & 1 = 1)
      FROM l, (SELECT unnest(range(${SKIP}, ${days}))::INTEGER AS t) GROUP BY t`,
  };
}
