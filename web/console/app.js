// The console's first page: live events, a trend, retention, people with their timelines, sources. Plain script,
// no library: what the pages of a later console replace must not stand in their way.
"use strict";

const main = document.getElementById("main");
const state = { lang: localStorage.getItem("lang") || (navigator.language.startsWith("zh") ? "zh" : "en"), leave: null };
const t = (key, params = {}) => (TEXT[state.lang][key] || key).replace(/\{(\w+)\}/g, (_, p) => params[p] ?? "");

// Elements from words and children only: nothing that came over the wire is ever parsed as HTML.
function h(tag, attrs, ...children) {
  const svg = ["svg", "rect", "text", "line", "title", "g"].includes(tag);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (v === true) e.setAttribute(k, "");
    else if (v !== false && v != null) e.setAttribute(k, v);
  }
  e.append(...children.flat().filter((c) => c != null && c !== false));
  return e;
}
const show = (...children) => main.replaceChildren(...children.flat());

class Refused extends Error {
  constructor(status, error) { super(error?.message || String(status)); this.status = status; this.error = error || {}; }
}
async function api(method, path, body) {
  const r = await fetch(path, { method, headers: { Accept: "application/json", "Accept-Language": state.lang, ...(body ? { "Content-Type": "application/json" } : {}) },
                                body: body && JSON.stringify(body) });
  const data = await r.json().catch(() => null);
  if (!r.ok) throw new Refused(r.status, data?.error);
  return data;
}
function complain(e, again) {
  if (e instanceof Refused && e.status === 401) return signIn();
  const field = e.error?.field ? e.error.field + ": " : "";
  return h("div", { class: "card empty" }, h("p", { class: "error", role: "alert" }, t("failed", { why: field + e.message })),
           again && h("button", { type: "button", onclick: again }, t("retry")));
}
function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.classList.add("on");
  setTimeout(() => box.classList.remove("on"), 2000);
}
const heading = (title, hint) => [h("h1", {}, title), h("p", { class: "hint" }, hint)];
const number = (n) => Number(n).toLocaleString(state.lang === "zh" ? "zh-CN" : "en");
const moment = (iso, zone) => new Date(iso).toLocaleString(state.lang === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: zone || undefined });
const clock = (iso) => new Date(iso).toLocaleTimeString(state.lang === "zh" ? "zh-CN" : "en-GB");
const option = (value, chosen) => h("option", { value, selected: value === chosen }, t(value));
const field = (label, control) => h("label", {}, t(label), control);
const today = (shift = 0) => new Date(Date.now() + shift * 864e5).toISOString().slice(0, 10);

// Sign-in: the admin token becomes a cookie that scripts cannot read.
function signIn() {
  const token = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true, autofocus: true });
  const error = h("p", { class: "error", role: "alert" });
  show(h("form", { class: "card signin", onsubmit: async (ev) => {
    ev.preventDefault();
    error.textContent = "";
    try { await api("POST", "/api/1/session", { token: token.value }); route(); }
    catch (e) { error.textContent = e.message; token.select(); }
  } }, h("h1", {}, t("sign_in")), h("p", { class: "hint" }, t("token_hint")), h("label", { class: "field", for: "token" }, t("token"), token), error,
     h("button", { class: "primary" }, t("enter"))));
  token.focus();
}

// Live: the newest on top, a pause that keeps counting, and what to do while nothing comes.
const sample = (key) => `curl ${location.origin}/v1/track -u ${key || "pk_…"}: -d '{"event":"Signed Up","anonymousId":"a1"}'`;
function props(p) { return Object.entries(p).map(([k, v]) => `${k}: ${Array.isArray(v) ? v.join(", ") : v}`).join(" · "); }
function liveRow(e, fresh) {
  return h("li", { class: fresh && "new" }, h("time", { datetime: e.time }, clock(e.time)),
           h("span", {}, h("b", {}, e.name), " ", h("a", { href: "#/person/" + e.person }, e.person.slice(0, 12))),
           h("span", { class: "props" }, h("span", { class: "tag" }, e.source), " ", props(e.props)));
}
async function numbers(box) {
  const s = await api("GET", "/api/1/stats");
  const one = (label, value) => h("div", {}, h("b", {}, value), h("span", {}, t(label)));
  box.replaceChildren(one("n_events", number(s.events)), one("n_people", number(s.people)), one("n_actors", number(s.actors)), one("n_segments", number(s.segments)),
                      s.newest ? one("newest", moment(s.newest, s.zone)) : "", s.quarantined ? one("quarantined", number(s.quarantined)) : "");
}
async function live() {
  const box = h("div", { class: "numbers" }), list = h("ul", { class: "live" }), note = h("p", { class: "error", role: "status" });
  const empty = h("div", { class: "empty" }, h("p", {}, t("live_empty")), h("pre", {}, sample()));
  let paused = false, held = [];
  const add = (e) => { empty.remove(); list.prepend(liveRow(e, true)); while (list.children.length > 200) list.lastChild.remove(); };
  const pause = h("button", { type: "button", onclick: () => {
    paused = !paused;
    pause.textContent = t(paused ? "go_on" : "pause");
    if (!paused) held.splice(0).forEach(add);
  } }, t("pause"));
  show(heading(t("live"), t("live_hint")), box, h("div", { class: "card" }, h("div", { class: "row" }, pause, note), empty, list));
  await numbers(box);
  api("GET", "/api/1/sources").then((s) => { const web = s.items.find((x) => !x.archived && x.kind !== "liuke"); if (web) empty.querySelector("pre").textContent = sample(web.public_key); });
  const stream = new EventSource("/api/1/live");
  stream.onmessage = (m) => { const e = JSON.parse(m.data); if (paused) { held.push(e); held.splice(0, held.length - 200); } else add(e); };
  stream.onerror = () => { note.textContent = t("offline"); };
  stream.onopen = () => { note.textContent = ""; };
  const timer = setInterval(() => numbers(box).catch(() => {}), 5000);
  state.leave = () => { stream.close(); clearInterval(timer); };
}

function save(name, rows) {
  const cell = (v) => { const s = String(v ?? ""); const guarded = /^[=+\-@\t]/.test(s) && typeof v === "string" ? "'" + s : s; return /[",\n]/.test(guarded) ? `"${guarded.replace(/"/g, '""')}"` : guarded; };
  const blob = new Blob(["\ufeff" + rows.map((r) => r.map(cell).join(",")).join("\r\n")], { type: "text/csv" });
  const a = h("a", { href: URL.createObjectURL(blob), download: name });
  a.click();
  URL.revokeObjectURL(a.href);
}
const label = (iso, period, zone) => {
  const d = new Date(iso), o = { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" };
  if (period === "month") delete o.day;
  const text = d.toLocaleDateString("sv-SE", o);
  return period === "hour" ? text + " " + d.toLocaleTimeString("sv-SE", { timeZone: zone, hour: "2-digit", minute: "2-digit" }) : text;
};
const definition = (a) => h("p", { class: "definition" }, a.definition);

function bars(a) {
  const w = 1100, hgt = 260, left = 60, n = a.values.length, top = Math.max(1, ...a.values), step = (w - left) / n;
  const svg = h("svg", { viewBox: `0 0 ${w} ${hgt + 20}`, role: "img", "aria-label": t("trend") });
  for (const part of [0, 0.5, 1]) {
    const y = 10 + (hgt - 20) * (1 - part);
    svg.append(h("line", { class: "grid", x1: left, x2: w, y1: y, y2: y }), h("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, number(Math.round(top * part))));
  }
  a.values.forEach((v, i) => {
    const tall = (hgt - 20) * v / top;
    const bar = h("rect", { class: "bar" + (a.partial_last && i === n - 1 ? " open" : ""), x: left + i * step + step * .12, width: Math.max(1, step * .76), y: hgt - 10 - tall, height: tall });
    bar.append(h("title", {}, `${label(a.starts[i], a.period, a.timezone)}: ${number(v)}`));
    svg.append(bar);
    if (i % Math.ceil(n / 10) === 0) svg.append(h("text", { x: left + i * step, y: hgt + 12 }, label(a.starts[i], a.period, a.timezone)));
  });
  return svg;
}
function trendOut(a) {
  if (!a.values.some((v) => v)) return h("div", { class: "card empty" }, t("no_data"), definition(a));
  const rows = a.values.map((v, i) => [label(a.starts[i], a.period, a.timezone), v]);
  return h("div", { class: "card" }, bars(a), definition(a),
    h("details", {}, h("summary", {}, t("as_table")), h("div", { class: "scroll" }, h("table", {}, rows.map((r) => h("tr", {}, h("td", {}, r[0]), h("td", { class: "num" }, number(r[1]))))))),
    h("button", { type: "button", onclick: () => save("trend.csv", [[t("period"), t("measure")], ...rows]) }, t("download")));
}
function form(controls, run) {
  const out = h("div", { "aria-live": "polite" });
  const go = async (ev) => {
    ev?.preventDefault();
    const late = setTimeout(() => out.replaceChildren(h("div", { class: "skeleton" })), 200);
    try { out.replaceChildren(await run()); } catch (e) { const c = complain(e, go); if (c) out.replaceChildren(c); }
    finally { clearTimeout(late); }
  };
  return { box: h("form", { class: "card row", onsubmit: go }, controls, h("button", { class: "primary" }, t("ask"))), out, go };
}
const eventInput = (value) => h("input", { value, placeholder: t("any_event"), maxlength: 200 });
const matcher = (input) => (input.value.trim() ? { name: input.value.trim() } : {});

async function trend() {
  const event = eventInput(""), measure = h("select", {}, h("option", { value: "count" }, t("count")), h("option", { value: "people" }, t("unique")));
  const period = h("select", {}, ["hour", "day", "week", "month"].map((p) => option(p, "day")));
  const from = h("input", { type: "date", value: today(-29), required: true }), to = h("input", { type: "date", value: today(1), required: true });
  const f = form([field("event", event), field("measure", measure), field("period", period), field("from", from), field("to", to)], async () =>
    trendOut(await api("POST", "/api/1/ask", { kind: "trend", event: matcher(event), measure: measure.value, period: period.value, from: from.value, to: to.value })));
  show(heading(t("trend"), t("trend_hint")), f.box, f.out);
  await f.go();
}

const percent = (v, of) => (of ? (100 * v / of).toFixed(1) + "%" : "–");
function heatCell(v, of, open) {
  const share = of ? v / of : 0;
  return h("td", { class: open && "open", title: `${number(v)} / ${number(of)}`, style: `background-color: rgb(var(--heat) / ${(share * .85).toFixed(3)})` }, percent(v, of));
}
function meanCell(m) {
  if (!m || m.share == null) return h("td", {}, "–");
  return h("td", { title: `${number(m.back)} / ${number(m.of)}`, style: `background-color: rgb(var(--heat) / ${(m.share * .85).toFixed(3)})` }, (100 * m.share).toFixed(1) + "%");
}
function retentionOut(a) {
  const rows = a.rows.map((r) => r.values);
  if (!rows.some((r) => r[0])) return h("div", { class: "card empty" }, t("no_data"), definition(a));
  const open = (i, k) => i + k >= a.finished;
  const head = h("tr", {}, h("th", {}, t("cohort")), h("th", { class: "num" }, t("size")), rows[0].slice(1).map((_, k) => h("th", {}, String(k + 1))));
  const mean = h("tr", { class: "mean" }, h("td", { class: "name" }, t("mean")), h("td", { class: "size" }, ""),
                 rows[0].slice(1).map((_, k) => meanCell(a.mean[k + 1])));
  const body = rows.map((r, i) => h("tr", {}, h("td", { class: "name" }, label(a.starts[i], a.period, a.timezone)), h("td", { class: "size" }, number(r[0])),
                                       r.slice(1).map((v, k) => heatCell(v, r[0], open(i, k + 1)))));
  const csv = () => save("retention.csv", [[t("cohort"), t("size"), ...rows[0].slice(1).map((_, k) => k + 1)], ...rows.map((r, i) => [label(a.starts[i], a.period, a.timezone), ...r])]);
  return h("div", { class: "card" }, h("div", { class: "scroll" }, h("table", { class: "heat" }, h("thead", {}, head), h("tbody", {}, mean, body))),
           definition(a), h("p", { class: "definition" }, t("unfinished")), h("button", { type: "button", onclick: csv }, t("download")));
}
async function retention() {
  const start = eventInput(""), back = eventInput(""), period = h("select", {}, ["day", "week", "month"].map((p) => option(p, "day")));
  const mode = h("select", {}, ["recurring", "first_time"].map((m) => option(m, "first_time")));
  const from = h("input", { type: "date", value: today(-13), required: true }), n = h("input", { type: "number", min: 1, max: 180, value: 14, required: true });
  const f = form([field("start_event", start), field("return_event", back), field("mode", mode), field("period", period), field("from", from), field("intervals", n)], async () =>
    retentionOut(await api("POST", "/api/1/ask", { kind: "retention", start_event: matcher(start), return_event: matcher(back), mode: mode.value, period: period.value,
                                                    first_interval: from.value, intervals: Number(n.value) })));
  show(heading(t("retention"), t("retention_hint")), f.box, f.out);
  await f.go();
}

async function people() {
  const email = h("input", { type: "email", required: true, autocomplete: "off" }), error = h("p", { class: "error", role: "alert" });
  const find = h("form", { class: "card", onsubmit: async (ev) => {
    ev.preventDefault();
    error.textContent = "";
    try {
      const r = await api("POST", "/api/1/people/find", { email: email.value });
      if (r.items.length) location.hash = "#/person/" + r.items[0].id;
      else error.textContent = t("not_found");
    } catch (e) { error.textContent = e.message; }
  } }, h("div", { class: "row" }, field("find_email", email), h("button", { class: "primary" }, t("find"))), error);
  const body = h("tbody", {}), more = h("button", { type: "button", hidden: true }, t("older"));
  const page = async (after) => {
    const r = await api("GET", "/api/1/people?limit=50" + (after ? "&after=" + encodeURIComponent(after) : ""));
    body.append(...r.items.map((p) => h("tr", {}, h("td", {}, h("a", { href: "#/person/" + p.id }, p.id)), h("td", {}, p.email || ""), h("td", {}, moment(p.created)), h("td", {}, p.form))));
    more.hidden = !r.next;
    more.onclick = () => page(r.next);
    return r.items.length;
  };
  const n = await page();
  show(heading(t("people"), t("people_hint")), find, n ? h("div", { class: "card scroll" },
    h("table", {}, h("thead", {}, h("tr", {}, ["person", "email", "joined", "form"].map((k) => h("th", {}, t(k))))), body), more)
    : h("div", { class: "card empty" }, h("p", {}, t("people_empty")), h("p", {}, h("a", { href: "/join", target: "_blank" }, location.origin + "/join"))));
}
async function person(id) {
  const p = await api("GET", "/api/1/people/" + encodeURIComponent(id));
  const list = h("ul", { class: "live" }), more = h("button", { type: "button", hidden: true }, t("older"));
  const page = async (after) => {
    const r = await api("GET", `/api/1/people/${encodeURIComponent(id)}/timeline?limit=50` + (after ? "&after=" + encodeURIComponent(after) : ""));
    list.append(...r.items.map((e) => h("li", {}, h("time", { datetime: e.time }, moment(e.time)), h("b", {}, e.name), h("span", { class: "props" }, h("span", { class: "tag" }, e.source), " ", props(e.props)))));
    more.hidden = !r.next;
    more.onclick = () => page(r.next);
  };
  const facts = p.known ? h("dl", {}, h("dt", {}, t("joined")), h("dd", {}, moment(p.created)), h("dt", {}, t("form")), h("dd", {}, p.form),
                            p.fields.map((f) => [h("dt", {}, t(f.kind)), h("dd", {}, f.masked)])) : h("p", {}, t("visitor"));
  const consents = p.consents?.length ? h("div", { class: "card" }, h("h2", {}, t("consents")), h("div", { class: "scroll" }, h("table", {}, p.consents.map((c) =>
    h("tr", {}, h("td", {}, moment(c.at)), h("td", {}, c.purpose), h("td", {}, t(c.granted ? "granted" : "refused")), h("td", { class: "wide" }, c.wording)))))) : "";
  show(h("p", {}, h("a", { href: "#/people" }, "← " + t("people"))), heading(p.id, ""), h("div", { class: "card" }, facts), consents,
       h("div", { class: "card" }, h("h2", {}, t("timeline")), list, more));
  await page();
}

async function sources() {
  const [s, r] = await Promise.all([api("GET", "/api/1/sources"), api("GET", "/api/1/refusals")]);
  const name = h("input", { required: true, maxlength: 200 }), reason = h("input", { maxlength: 500 }), error = h("p", { class: "error", role: "alert" }), secret = h("div", {});
  const kind = h("select", {}, ["web", "app", "server"].map((k) => h("option", { value: k }, t("kind_" + k))));
  const consent = h("select", {}, ["ask", "assumed", "off"].map((k) => h("option", { value: k }, t("consent_" + k))));
  const rows = h("tbody", {}, s.items.map(sourceRow));
  const add = h("form", { class: "card", onsubmit: async (ev) => {
    ev.preventDefault();
    error.textContent = "";
    try {
      const made = await api("POST", "/api/1/sources", { name: name.value, kind: kind.value, consent: consent.value, consent_reason: reason.value });
      rows.append(sourceRow(made));
      secret.replaceChildren(h("p", {}, t("secret_once")), h("pre", {}, made.secret_key));
      ev.target.reset();
    } catch (e) { error.textContent = (e.error?.field ? e.error.field + ": " : "") + e.message; }
  } }, h("div", { class: "row" }, field("name", name), field("kind", kind), field("consent", consent), field("reason", reason), h("button", { class: "primary" }, t("add_source"))), error, secret);
  const bad = r.items.length ? h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["time", "event", "field", "reason_col"].map((k) => h("th", {}, t(k))))),
    h("tbody", {}, r.items.map((x) => h("tr", {}, h("td", {}, moment(x.at)), h("td", {}, x.event), h("td", {}, x.field), h("td", { class: "wide" }, x.message)))))) : h("p", {}, t("refusals_empty"));
  show(heading(t("sources"), t("sources_hint")), s.items.length ? "" : h("p", {}, t("no_sources")), add,
       h("div", { class: "card scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["name", "kind", "consent", "key"].map((k) => h("th", {}, t(k))))), rows)),
       h("div", { class: "card" }, h("h2", {}, t("refusals")), bad));
}
function sourceRow(s) {
  const copy = h("button", { type: "button", onclick: () => navigator.clipboard.writeText(s.public_key).then(() => toast(t("copied"))) }, t("copy"));
  return h("tr", {}, h("td", {}, s.name), h("td", {}, t("kind_" + s.kind)), h("td", {}, t("consent_" + s.consent)), h("td", {}, h("code", {}, s.public_key), " ", copy));
}
async function mails() {
  const r = await api("GET", "/api/1/mails");
  const rows = r.items.map((m) => h("div", { class: "card" }, h("dl", {}, h("dt", {}, t("time")), h("dd", {}, moment(m.created)), h("dt", {}, t("mail_to")), h("dd", {}, m.to),
                                                                  h("dt", {}, t("subject")), h("dd", {}, m.subject)), h("pre", {}, m.text)));
  show(heading(t("mails"), t("mails_hint")), rows.length ? rows : h("div", { class: "card empty" }, t("mails_empty")));
}

const pages = { live, trend, retention, people, person, sources, mails };
async function route() {
  const [, name, arg] = location.hash.split("/");
  const page = pages[name] || live;
  state.leave?.();
  state.leave = null;
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
  for (const a of document.querySelectorAll("nav a")) a.toggleAttribute("aria-current", a.hash === "#/" + (pages[name] ? (name === "person" ? "people" : name) : "live"));
  document.getElementById("lang").textContent = t("other_lang");
  const late = setTimeout(() => show(h("div", { class: "skeleton", "aria-label": t("loading") })), 200);
  try { await page(arg && decodeURIComponent(arg)); document.getElementById("out").hidden = false; }
  catch (e) { const c = complain(e, route); if (c) show(c); }
  finally { clearTimeout(late); }
}
document.getElementById("lang").onclick = () => { state.lang = state.lang === "zh" ? "en" : "zh"; localStorage.setItem("lang", state.lang); route(); };
document.getElementById("out").onclick = async () => { await api("DELETE", "/api/1/session").catch(() => {}); document.getElementById("out").hidden = true; state.leave?.(); signIn(); };
addEventListener("hashchange", () => { route(); main.focus(); });
route();
