// How the peers load: from the same CSV into a table of their own, sorted by person, each message once, an anonymous past
// joined to its user. What an engine cannot know (the words of a column) it is given for nothing.
// A form is a list of statements. repeats: the file has some, to be dropped by their message ids.
const q = (s) => `'${s.replaceAll("'", "''")}'`;
const VISITORS = 10000000; // number of the first visitor who never signed up

// The settings of a load, then the statements whose time counts, then what makes questions faster and is not counted.
export function clickhouse(file, meta, repeats) {
  const table = (name, engine, more = "") =>
    `CREATE TABLE ${name} (${more}person UInt32, ts DateTime64(3, 'UTC'), seq UInt32, event LowCardinality(String),
      url LowCardinality(String), price Float64, channel LowCardinality(String), country LowCardinality(String),
      device LowCardinality(String)) ENGINE = ${engine}`;
  const csv = `file(${q(file + ".csv")}, 'CSVWithNames', 'message UUID, time DateTime64(3, ''UTC''), event LowCardinality(String),
      user String, anon UUID, url LowCardinality(String), price Float64, channel LowCardinality(String),
      country LowCardinality(String), device LowCardinality(String), seq UInt32')`;
  const joins = `file(${q(file + "-joins.csv")}, 'CSVWithNames', 'message UUID, time DateTime64(3, ''UTC''), anon UUID,
      user String, seq UInt32')`;
  const settings = `SETTINGS date_time_input_format = 'best_effort', max_insert_threads = 2, max_threads = 2`;
  const user = "toUInt32(substring(user, 6))";
  const anon = `toUInt32(${VISITORS} + reinterpretAsUInt32(reverse(unhex(substring(toString(anon), 29)))))`;
  const person = `if(user != '', toUInt32OrZero(substring(user, 6)), if(joinGet('joined', 'who', anon) != 0,
      joinGet('joined', 'who', anon), ${anon}))`;
  const rest = "event, url, price, channel, country, device";
  const known = [
    `CREATE TABLE joined (anon UUID, who UInt32) ENGINE = Join(ANY, LEFT, anon)`,
    `INSERT INTO joined SELECT anon, ${user} FROM ${joins} ${settings}`,
  ];
  const identified = `INSERT INTO e SELECT ${user}, time, seq, '$identify', '', 0, '', '', '' FROM ${joins} ${settings}`;
  const start = ["DROP TABLE IF EXISTS e", "DROP TABLE IF EXISTS joined", "DROP TABLE IF EXISTS stage"];
  const e = table("e", "MergeTree ORDER BY (person, ts)");
  const once = `SELECT ${person}, time, seq, ${rest} FROM ${csv}`;
  const as_they_are = {
    "joinGet": [e, ...known, `INSERT INTO e ${once} ${settings}`, identified],
    join: [e, `INSERT INTO e SELECT if(user != '', toUInt32OrZero(substring(user, 6)), if(j.who != 0, j.who, ${anon})), time, seq,
        ${rest} FROM ${csv} AS a LEFT JOIN (SELECT anon, ${user} AS who FROM ${joins}) AS j ON a.anon = j.anon ${settings}`, identified],
    "sorted before": [e, ...known, `INSERT INTO e SELECT ${person} AS p, time, seq, ${rest} FROM ${csv} ORDER BY p, time ${settings}`, identified],
  };
  return {
    start,
    forms: !repeats ? as_they_are : {
      "limit 1 by": [e, ...known, `INSERT INTO e ${once} LIMIT 1 BY message ${settings}`, identified],
      "group by message": [
        e,
        ...known,
        `INSERT INTO e SELECT any(p), any(time), any(seq), any(event), any(url), any(price), any(channel), any(country),
           any(device) FROM (SELECT message, ${person} AS p, time, seq, ${rest} FROM ${csv}) GROUP BY message ${settings}`,
        identified,
      ],
      replacing: [
        e,
        ...known,
        table("stage", "ReplacingMergeTree ORDER BY (person, ts, message)", "message UUID, "),
        `INSERT INTO stage SELECT message, ${person}, time, seq, ${rest} FROM ${csv} ${settings}`,
        `INSERT INTO e SELECT person, ts, seq, ${rest} FROM stage FINAL ${settings}`,
        "DROP TABLE stage",
        identified,
      ],
    },
    settle: ["OPTIMIZE TABLE e FINAL"],
    bytes: "SELECT sum(data_compressed_bytes) FROM system.columns WHERE database = currentDatabase() AND table = 'e' AND name != 'seq'",
  };
}

export function duckdb(file, meta, repeats) {
  const words = { event: ["", "$identify", ...meta.names], url: ["", ...meta.urls], channel: ["", ...meta.channels],
    country: meta.countries, device: ["", ...meta.devices] };
  const types = Object.entries(words).map(([k, v]) => `CREATE TYPE ${k}_t AS ENUM (${[...new Set(v)].map(q).join(",")})`);
  const csv = `read_csv(${q(file + ".csv")}, header = true, auto_detect = false, delim = ',', quote = '"', nullstr = '',
      columns = {message: 'UUID', time: 'TIMESTAMPTZ',
      event: 'VARCHAR', user: 'VARCHAR', anon: 'UUID', url: 'VARCHAR', price: 'DOUBLE', channel: 'VARCHAR', country: 'VARCHAR',
      device: 'VARCHAR', seq: 'UINTEGER'})`;
  const joins = `read_csv(${q(file + "-joins.csv")}, header = true, auto_detect = false, delim = ',', columns = {message: 'UUID',
      time: 'TIMESTAMPTZ', anon: 'UUID', user: 'VARCHAR', seq: 'UINTEGER'})`;
  const user = "substr(user, 6)::UINTEGER";
  const anon = `(${VISITORS} + ('0x' || substr(a.anon::VARCHAR, 29))::UINTEGER)::UINTEGER`;
  const cast = (t) => Object.keys(words).map((k) => `coalesce(${t}${k}, '')::${k}_t AS ${k}`).join(", ");
  const row = `CASE WHEN a.user IS NOT NULL THEN substr(a.user, 6)::UINTEGER ELSE coalesce(j.who, ${anon}) END AS person,
      a.time::TIMESTAMP AS ts, a.seq, coalesce(a.price, 0) AS price, ${cast("a.")}`;
  const known = `CREATE TEMP TABLE joined AS SELECT anon, ${user} AS who FROM ${joins}`;
  const identified = `SELECT ${user} AS person, time::TIMESTAMP AS ts, seq, 0::DOUBLE AS price, '$identify'::event_t AS event,
      ''::url_t AS url, ''::channel_t AS channel, ''::country_t AS country, ''::device_t AS device FROM ${joins}`;
  const columns = "person, ts, seq, price, event, url, channel, country, device";
  const all = (from) => `CREATE TABLE e AS SELECT ${columns} FROM (${from} UNION ALL ${identified}) ORDER BY person, ts, seq`;
  const joined = `${csv} a LEFT JOIN joined j ON a.anon = j.anon`;
  const as_they_are = {
    join: [known, all(`SELECT ${columns} FROM (SELECT ${row} FROM ${joined})`)],
    "join of the nameless": [known, all(`SELECT ${columns} FROM (SELECT ${row} FROM ${csv} a LEFT JOIN joined j ON
       (CASE WHEN a.user IS NULL THEN a.anon END) = j.anon)`)],
    "through a stage": [known, `CREATE TABLE stage AS SELECT ${row} FROM ${joined}`, all(`SELECT ${columns} FROM stage`), "DROP TABLE stage"],
  };
  const stage = `CREATE TABLE stage AS SELECT a.message, ${row} FROM ${csv} a LEFT JOIN joined j ON a.anon = j.anon`;
  return {
    start: ["DROP TABLE IF EXISTS e", "DROP TABLE IF EXISTS stage", "DROP TABLE IF EXISTS joined",
      ...Object.keys(words).map((k) => `DROP TYPE IF EXISTS ${k}_t`), ...types],
    forms: !repeats ? as_they_are : {
      "distinct on": [known, all(`SELECT ${columns} FROM (SELECT DISTINCT ON (message) a.message, ${row} FROM ${csv} a
         LEFT JOIN joined j ON a.anon = j.anon)`)],
      "group by message": [known, all(`SELECT ${columns} FROM (SELECT message, any_value(person) AS person, any_value(ts) AS ts,
         any_value(seq) AS seq, any_value(price) AS price, any_value(event) AS event, any_value(url) AS url,
         any_value(channel) AS channel, any_value(country) AS country, any_value(device) AS device FROM
         (SELECT a.message, ${row} FROM ${csv} a LEFT JOIN joined j ON a.anon = j.anon) GROUP BY message)`)],
      "repeats removed": [known, stage,
        // an anti-join with the few that came twice; rowid tells the first
        `CREATE TEMP TABLE twice AS SELECT message, min(rowid) AS keep FROM stage GROUP BY message HAVING count(*) > 1`,
        all(`SELECT ${columns} FROM stage s WHERE NOT EXISTS (SELECT 1 FROM twice t WHERE t.message = s.message AND s.rowid <> t.keep)`),
        "DROP TABLE stage", "DROP TABLE twice"],
    },
    settle: ["CHECKPOINT"],
    bytes: null,
  };
}
