// Trend and retention: a question in a form, kept in the address so that it can be linked to, and its answer.
import {
  api,
  day,
  field,
  h,
  heading,
  moment,
  number,
  option,
  periodName,
  save,
  shiftDays,
  shiftMonths,
  show,
  skeleton,
  state,
  t,
  today,
  why,
} from "./base.js";

const OPS = ["is", "is_not", "contains", "gt", "ge", "lt", "le", "set", "not_set"];
const NO_VALUE = new Set(["set", "not_set"]);

// "42" is a number, "true" a truth value, anything else a text; quotes make a text of it: comparisons do not cross kinds.
function valueOf(text) {
  const s = text.trim();
  if (/^".*"$/.test(s)) return s.slice(1, -1);
  if (s === "true" || s === "false") return s === "true";
  return /^-?\d+(\.\d+)?$/.test(s) ? Number(s) : s;
}
function names(lists) {
  api("GET", "/api/1/names")
    .then((r) => {
      lists.events.replaceChildren(...r.events.map((x) => h("option", { value: x.name })));
      lists.props.replaceChildren(...r.props.map((x) => h("option", { value: x.name })));
    })
    .catch(() => {}); // an offer only: the form works without it
  return [lists.events, lists.props];
}
const eventInput = (value) =>
  h("input", { value: value ?? "", list: "events", placeholder: t("any_event"), maxlength: 200, class: "wide" });
const matcher = (input) => (input.value.trim() ? { name: input.value.trim() } : {});

// Rows of "property, comparison, value".
function filters(given) {
  const box = h("div", { class: "filters" });
  const add = ([p, o, v] = ["", "is", ""]) => {
    const prop = h("input", {
      value: p,
      list: "props",
      required: true,
      maxlength: 200,
      "aria-label": t("property"),
      placeholder: t("property"),
    });
    const op = h(
      "select",
      { "aria-label": t("comparison") },
      OPS.map((x) => option(x, o, t("op_" + x))),
    );
    const value = h("input", { value: v, maxlength: 500, "aria-label": t("value"), placeholder: t("value") });
    const need = () => {
      value.hidden = NO_VALUE.has(op.value);
      value.required = !value.hidden;
    };
    const row = h(
      "div",
      { class: "filter" },
      prop,
      op,
      value,
      h(
        "button",
        { type: "button", class: "small", "aria-label": t("remove_filter"), onclick: () => row.remove() },
        "✕",
      ),
    );
    op.onchange = need;
    need();
    row.read = () => [prop.value.trim(), op.value, NO_VALUE.has(op.value) ? "" : value.value];
    box.append(row);
    return prop;
  };
  given.forEach(add);
  const more = h("button", { type: "button", class: "small", onclick: () => add().focus() }, t("add_filter"));
  const read = () => [...box.children].map((row) => row.read());
  return {
    box: h("div", { class: "full" }, box, more),
    read,
    asked: () => read().map(([prop, op, v]) => (NO_VALUE.has(op) ? { prop, op } : { prop, op, value: valueOf(v) })),
  };
}
function readFilters(query) {
  return query
    .getAll("f")
    .map((f) => {
      try {
        return JSON.parse(f);
      } catch {
        return null;
      }
    })
    .filter((f) => Array.isArray(f) && f.length === 3 && OPS.includes(f[1]))
    .map((f) => f.map(String));
}

// A form that asks: run() gives the answer's element; words() what the address keeps.
function asking(page, controls, filter, words, run) {
  const out = h("div", { "aria-live": "polite" });
  let asked = 0;
  const go = async (ev) => {
    const mine = ++asked;
    ev?.preventDefault();
    const q = new URLSearchParams(Object.entries(words()).filter(([, v]) => v !== ""));
    for (const f of filter.read()) q.append("f", JSON.stringify(f));
    state.asked[page] = q.toString();
    if (location.hash.startsWith("#/" + page)) history.replaceState(null, "", `#/${page}?${q}`);
    const late = setTimeout(() => out.replaceChildren(skeleton()), 200);
    try {
      const answer = await run();
      if (mine === asked) out.replaceChildren(answer);
    } catch (e) {
      if (mine === asked)
        out.replaceChildren(
          h("div", { class: "card empty" }, h("p", { class: "error", role: "alert" }, t("failed", { why: why(e) }))),
        );
    } finally {
      clearTimeout(late);
    }
  };
  const form = h(
    "form",
    { class: "card row", onsubmit: go },
    controls,
    filter.box,
    h("button", { class: "primary" }, t("ask")),
  );
  return { form, out, go };
}
const question = (page, query) => (query.size || !state.asked[page] ? query : new URLSearchParams(state.asked[page]));
const lists = () => ({ events: h("datalist", { id: "events" }), props: h("datalist", { id: "props" }) });
const notes = (a, ...more) =>
  h(
    "div",
    { class: "definition" },
    h("p", {}, a.definition),
    more.filter(Boolean).map((m) => h("p", {}, m)),
    h("p", {}, t("zone_note", { zone: a.timezone })),
    a.missing?.length ? h("p", { class: "error" }, t("missing", { files: a.missing.join(", ") })) : "",
  );

// 0, 500, 1,000 …: at most five lines, whole numbers.
function ticks(top) {
  const rough = Math.max(1, top / 4),
    power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find((m) => m * power >= rough) * power);
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, i) => i * step);
}
const AXIS = {
  hour: [84, (s) => moment(s).slice(5)],
  day: [44, (s) => day(s).slice(5)],
  week: [44, (s) => day(s).slice(5)],
  month: [58, (s) => day(s).slice(0, 7)],
};
function bars(a, width) {
  const lines = ticks(Math.max(1, ...a.values)),
    top = lines.at(-1),
    n = a.values.length;
  const left = 14 + 8 * number(top).length,
    height = 280,
    floor = height - 28,
    step = (width - left) / n;
  const svg = h("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": t("chart_of", { n, most: number(Math.max(...a.values)) }),
  });
  const y = (v) => floor - ((floor - 12) * v) / top;
  for (const v of lines) {
    svg.append(
      h("line", { class: "grid", x1: left, x2: width, y1: y(v), y2: y(v) }),
      h("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v)),
    );
  }
  const [room, name] = AXIS[a.period],
    every = Math.max(1, Math.ceil(room / step));
  a.values.forEach((v, i) => {
    const wide = Math.max(1, Math.min(48, step * 0.76)),
      middle = left + (i + 0.5) * step;
    const open = a.partial_last && i === n - 1;
    svg.append(
      h("rect", {
        class: "bar" + (open ? " open" : ""),
        x: middle - wide / 2,
        width: wide,
        y: y(v),
        height: floor - y(v),
        rx: Math.min(3, wide / 4),
      }),
      h(
        "rect",
        { class: "reach", x: left + i * step, width: step, y: 0, height: floor },
        h("title", {}, `${periodName(a.starts[i], a.period)}: ${number(v)}`),
      ),
    );
    const fits = middle + room / 2 <= width + 4 && middle - room / 2 >= 0;
    if (i % every === 0 && fits)
      svg.append(h("text", { x: middle, y: floor + 20, "text-anchor": "middle" }, name(a.starts[i])));
  });
  return svg;
}
// Drawn for the width there is, so that its words keep their size on a phone.
function chart(a) {
  const box = h("div", { class: "chart" });
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.floor(box.clientWidth);
    if (width < 50 || width === drawn) return;
    drawn = width;
    box.replaceChildren(bars(a, width));
  }).observe(box);
  return box;
}
function sums(a, measure) {
  const most = Math.max(...a.values),
    at = periodName(a.starts[a.values.indexOf(most)], a.period);
  const total = a.values.reduce((x, y) => x + y, 0);
  const one = (label, value, hint) =>
    h("div", {}, h("span", {}, label), h("b", {}, value), hint && h("small", {}, hint));
  return h(
    "div",
    { class: "sums" },
    measure === "count" && one(t("total"), number(total)),
    one(t("per_" + a.period), number(Math.round((total / a.values.length) * 10) / 10)),
    one(t("most"), number(most), at),
  );
}
function trendOut(a, measure) {
  if (!a.values.some((v) => v)) return h("div", { class: "card empty" }, h("p", {}, t("no_data")));
  const label = t(measure === "count" ? "count" : "unique");
  const rows = a.values.map((v, i) => [periodName(a.starts[i], a.period), v]);
  const table = h(
    "table",
    { class: "plain" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("period")), h("th", { scope: "col", class: "num" }, label))),
    h(
      "tbody",
      {},
      rows.map((r) => h("tr", {}, h("td", {}, r[0]), h("td", { class: "num" }, number(r[1])))),
    ),
  );
  return h(
    "div",
    { class: "card" },
    sums(a, measure),
    chart(a),
    notes(a, a.partial_last && t("partial_last")),
    h(
      "div",
      { class: "actions" },
      h(
        "details",
        {},
        h("summary", {}, t("as_table")),
        h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": t("as_table") }, table),
      ),
      h(
        "button",
        { type: "button", class: "small", onclick: () => save("trend.csv", [[t("period"), label], ...rows]) },
        t("download"),
      ),
    ),
  );
}
const SPAN = {
  hour: (to) => shiftDays(to, -1),
  day: (to) => shiftDays(to, -29),
  week: (to) => shiftDays(to, -7 * 11),
  month: (to) => shiftMonths(to, -11),
};
export async function trend(query) {
  const q = question("trend", query);
  const event = eventInput(q.get("event")),
    measure = h("select", {}, option("count", q.get("measure")), option("people", q.get("measure"), t("unique")));
  const period = h(
    "select",
    {},
    Object.keys(SPAN).map((p) => option(p, q.get("period") ?? "day")),
  );
  const to = h("input", { type: "date", value: q.get("to") ?? today(), required: true });
  const from = h("input", { type: "date", value: q.get("from") ?? SPAN[period.value](to.value), required: true });
  const filter = filters(readFilters(q));
  period.onchange = () => {
    from.value = SPAN[period.value](to.value);
  };
  const f = asking(
    "trend",
    [field("event", event), field("measure", measure), field("period", period), field("from", from), field("to", to)],
    filter,
    () => ({ event: event.value.trim(), measure: measure.value, period: period.value, from: from.value, to: to.value }),
    async () =>
      trendOut(
        await api("POST", "/api/1/ask", {
          kind: "trend",
          event: matcher(event),
          measure: measure.value,
          period: period.value,
          from: from.value,
          to: shiftDays(to.value, 1),
          filter: filter.asked(),
        }),
        measure.value,
      ),
  );
  show(heading(t("trend"), t("trend_hint")), f.form, names(lists()), f.out);
  await f.go();
}

const percent = (v, of) => (of ? ((100 * v) / of).toFixed(1) + "%" : "–");
// Colour by the share of the darkest cell, so that low and high retention are both readable; never darker than the
// words on it allow (style.css).
function heatCell(v, of, most, open, counts) {
  const share = of ? v / of : 0;
  return h(
    "td",
    {
      class: open ? "heat open" : "heat",
      title: `${number(v)} / ${number(of)} · ${percent(v, of)}${open ? " · " + t("not_ended") : ""}`,
      style: { "--share": most ? (share / most).toFixed(3) : "0" },
    },
    counts ? number(v) : percent(v, of),
  );
}
function meanCell(m, most) {
  if (!m || m.share == null) return h("td", { class: "heat" }, "–");
  return h(
    "td",
    { class: "heat", title: `${number(m.back)} / ${number(m.of)}`, style: { "--share": (m.share / most).toFixed(3) } },
    (100 * m.share).toFixed(1) + "%",
  );
}
function retentionOut(a, counts) {
  const rows = a.rows.map((r) => r.values);
  if (!rows.some((r) => r[0])) return h("div", { class: "card empty" }, h("p", {}, t("no_data")));
  const open = (i, k) => i + k >= a.finished,
    columns = rows[0].slice(1);
  // Tiny cohorts at 100 % would make everything else pale: the scale is that of cells with enough people, where there are any.
  const shares = (least) => rows.flatMap((r) => (r[0] >= least ? r.slice(1).map((v) => v / r[0]) : []));
  const most = Math.max(...shares(10), 0) || Math.max(...shares(1), 0) || 1;
  const head = h(
    "tr",
    {},
    h("th", { scope: "col" }, t("cohort")),
    h("th", { scope: "col", class: "num" }, t("size")),
    columns.map((_, k) => h("th", { scope: "col" }, String(k + 1))),
  );
  const total = rows.reduce((sum, r) => sum + r[0], 0);
  const mean = h(
    "tr",
    { class: "mean" },
    h("th", { scope: "row" }, t("mean")),
    h("td", { class: "num" }, number(total)),
    columns.map((_, k) => meanCell(a.mean[k + 1], most)),
  );
  const body = rows.map((r, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", title: periodName(a.starts[i], a.period) }, AXIS[a.period][1](a.starts[i])),
      h("td", { class: "num" }, number(r[0])),
      r.slice(1).map((v, k) => heatCell(v, r[0], most, open(i, k + 1), counts)),
    ),
  );
  const csv = () =>
    save("retention.csv", [
      [t("cohort"), t("size"), ...columns.map((_, k) => k + 1)],
      ...rows.map((r, i) => [periodName(a.starts[i], a.period), ...r]),
    ]);
  return h(
    "div",
    { class: "card" },
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": t("retention") },
      h(
        "table",
        { class: "heatmap" },
        h("caption", { class: "unseen" }, t("retention_hint")),
        h("thead", {}, head),
        h("tbody", {}, mean, body),
      ),
    ),
    notes(a, a.finished < rows.length && t("unfinished")),
    h("div", { class: "actions" }, h("button", { type: "button", class: "small", onclick: csv }, t("download"))),
  );
}
const BACK = {
  day: [14, (to) => shiftDays(to, -13)],
  week: [8, (to) => shiftDays(to, -7 * 7)],
  month: [6, (to) => shiftMonths(to, -5)],
};
export async function retention(query) {
  const q = question("retention", query);
  const start = eventInput(q.get("start")),
    back = eventInput(q.get("return"));
  const period = h(
    "select",
    {},
    Object.keys(BACK).map((p) => option(p, q.get("period") ?? "day")),
  );
  const mode = h(
    "select",
    {},
    ["first_time", "recurring"].map((m) => option(m, q.get("mode"))),
  );
  const values = h(
    "select",
    {},
    ["percent", "counts"].map((m) => option(m, q.get("show"))),
  );
  const from = h("input", { type: "date", value: q.get("from") ?? BACK[period.value][1](today()), required: true });
  const n = h("input", {
    type: "number",
    min: 1,
    max: 180,
    value: q.get("n") ?? BACK[period.value][0],
    required: true,
    class: "short",
  });
  const filter = filters(readFilters(q));
  period.onchange = () => {
    const [many, first] = BACK[period.value];
    n.value = many;
    from.value = first(today());
  };
  const f = asking(
    "retention",
    [
      field("start_event", start),
      field("return_event", back),
      field("mode", mode),
      field("period", period),
      field("from", from),
      field("intervals", n),
      field("values", values),
    ],
    filter,
    () => ({
      start: start.value.trim(),
      return: back.value.trim(),
      mode: mode.value,
      period: period.value,
      from: from.value,
      n: n.value,
      show: values.value,
    }),
    async () =>
      retentionOut(
        await api("POST", "/api/1/ask", {
          kind: "retention",
          start_event: matcher(start),
          return_event: matcher(back),
          mode: mode.value,
          period: period.value,
          first_interval: from.value,
          intervals: Number(n.value),
          filter: filter.asked(),
        }),
        values.value === "counts",
      ),
  );
  show(heading(t("retention"), t("retention_hint")), f.form, names(lists()), f.out);
  await f.go();
}
