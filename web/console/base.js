// What the console's pages share: words, elements, the API, dates in the product's zone. No library.
import { TEXT } from "./text.js";

export const main = document.getElementById("main");
export const state = {
  lang: localStorage.getItem("lang") || (navigator.language.startsWith("zh") ? "zh" : "en"),
  zone: undefined, // the product's: every date on every page is of it
  leave: null, // what the page shown must stop when it goes
  shown: 0, // how often a page was put in place
  asked: {}, // the last question of each page, for coming back to it
};
export const t = (key, params = {}) => (TEXT[state.lang][key] ?? key).replace(/\{(\w+)\}/g, (_, p) => params[p] ?? "");
export const known = (key) => key in TEXT[state.lang];

// Elements from words and children only: nothing that came over the wire is ever parsed as HTML. Styles are set
// one property at a time, since the page's policy forbids style attributes.
const SVG = new Set(["svg", "rect", "text", "line", "title", "g"]);
export function h(tag, attrs, ...children) {
  const e = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k === "style") for (const [name, value] of Object.entries(v)) e.style.setProperty(name, value);
    else if (v === true) e.setAttribute(k, "");
    else if (v !== false && v != null) e.setAttribute(k, v);
  }
  e.append(...children.flat(3).filter((c) => c != null && c !== false && c !== ""));
  return e;
}
export function show(...children) {
  state.shown++;
  main.replaceChildren(...children.flat(3).filter(Boolean));
}

export class Refused extends Error {
  constructor(status, error) {
    super(error?.message || String(status));
    this.status = status;
    this.error = error || {};
  }
}
export async function api(method, path, body) {
  const headers = { Accept: "application/json", "Accept-Language": state.lang };
  if (body) headers["Content-Type"] = "application/json";
  let r;
  try {
    r = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(t("offline"));
  }
  const data = await r.json().catch(() => null);
  if (!r.ok) throw new Refused(r.status, data?.error);
  return data;
}
export const why = (e) =>
  (e.error?.field ? `${known("f_" + e.error.field) ? t("f_" + e.error.field) : e.error.field}: ` : "") + e.message;
export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.classList.add("on");
  setTimeout(() => box.classList.remove("on"), 2000);
}
export function copyButton(text) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      toast(t("copied"));
    } catch {
      toast(t("copy_failed"));
    } // a page over plain http has no clipboard
  };
  return h("button", { type: "button", class: "small", onclick: copy }, t("copy"));
}

// Dates: 2026-11-22 14:05 in tables, in the product's zone.
const iso = (when, options) => new Date(when).toLocaleString("sv-SE", { timeZone: state.zone, ...options });
const DAY = { year: "numeric", month: "2-digit", day: "2-digit" };
const TIME = { hour: "2-digit", minute: "2-digit" };
export const day = (when) => iso(when, DAY);
export const moment = (when) => iso(when, { ...DAY, ...TIME });
export const clock = (when) => iso(when, { ...TIME, second: "2-digit" });
export const today = () => day(Date.now());
export const shiftDays = (date, n) => new Date(Date.parse(date) + n * 864e5).toISOString().slice(0, 10);
export function shiftMonths(date, n) {
  const d = new Date(date.slice(0, 7) + "-01");
  d.setUTCMonth(d.getUTCMonth() + n);
  return d.toISOString().slice(0, 10);
}
export function periodName(start, period) {
  if (period === "month") return iso(start, { year: "numeric", month: "2-digit" });
  return period === "hour" ? moment(start) : day(start);
}
export const number = (n) => Number(n).toLocaleString(state.lang === "zh" ? "zh-CN" : "en");

export const heading = (title, hint) => [
  h("h1", { class: !hint && "alone" }, title),
  hint && h("p", { class: "hint" }, hint),
];
export const when = (iso) => h("time", { datetime: iso }, moment(iso));
export const field = (label, control, attrs) => h("label", attrs, h("span", {}, t(label)), control);
export const option = (value, chosen, label) => h("option", { value, selected: value === chosen }, label ?? t(value));
export const skeleton = () => h("div", { class: "skeleton", role: "status", "aria-label": t("loading") });
export function table(heads, rows, attrs) {
  const head = heads.map((k) => h("th", { scope: "col" }, t(k)));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": attrs.label },
    h("table", { class: attrs.class }, h("thead", {}, h("tr", {}, head)), rows),
  );
}
export const cell = (label, ...children) => h("td", { "data-label": t(label) }, ...children);
export function save(name, rows) {
  const text = (v) => {
    const s = String(v ?? "");
    const guarded = typeof v === "string" && /^[=+\-@\t]/.test(s) ? "'" + s : s; // no formula for a spreadsheet
    return /[",\n]/.test(guarded) ? `"${guarded.replace(/"/g, '""')}"` : guarded;
  };
  const blob = new Blob(["\ufeff" + rows.map((r) => r.map(text).join(",")).join("\r\n")], { type: "text/csv" });
  const a = h("a", { href: URL.createObjectURL(blob), download: name });
  a.click();
  URL.revokeObjectURL(a.href);
}
