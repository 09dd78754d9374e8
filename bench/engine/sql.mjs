// What the questions' SQL shares.
export const DAY = 86400000;
export const q = (s) => `'${s.replaceAll("'", "''")}'`;
export const iso = (ms) => new Date(ms).toISOString();

// An event's period as an integer from 0. o.zone: whose days; o.from: where period 0 begins (UTC); o.step: days a period.
export const dayOf = {
  clickhouse(m, o) {
    const from = (o.from ?? m.start) / DAY;
    const d = `toInt32(toDate(ts${o.zone ? `, ${q(o.zone)}` : ""})) - ${from}`;
    return o.step ? `toInt32(floor((${d}) / ${o.step}))` : `(${d})`;
  },
  duckdb(m, o) {
    const from = (o.from ?? m.start) / DAY;
    const ts = o.zone ? `(ts AT TIME ZONE 'UTC' AT TIME ZONE ${q(o.zone)})` : "ts";
    const d = `((${ts}::DATE - DATE '1970-01-01')::INTEGER - ${from})`;
    return o.step ? `floor(${d} / ${o.step})::INTEGER` : d;
  },
};
