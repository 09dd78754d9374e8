// The console's frame: signing in, which page, which language. What a later console replaces must not depend on it.
import { api, h, main, Refused, show, skeleton, state, t, why } from "./base.js";
import { retention, trend } from "./insight.js";
import { live, mails, people, person, sources } from "./lists.js";

const pages = { live, trend, retention, people, person, sources, mails };
const out = document.getElementById("out");

// The admin token becomes a cookie that scripts cannot read.
function signIn() {
  document.body.classList.add("outside");
  const token = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  const error = h("p", { class: "error", role: "alert" });
  const enter = async (ev) => {
    ev.preventDefault();
    error.textContent = "";
    try {
      await api("POST", "/api/1/session", { token: token.value });
      await route();
    } catch (e) {
      error.textContent = e.message;
      token.select();
    }
  };
  show(
    h(
      "form",
      { class: "card signin", onsubmit: enter },
      h("h1", {}, t("sign_in")),
      h("p", { class: "hint" }, t("token_hint")),
      h("label", { class: "field", for: "token" }, t("token"), token),
      error,
      h("button", { class: "primary" }, t("enter")),
    ),
  );
  token.focus();
}
function complain(e) {
  if (e instanceof Refused && e.status === 401) return signIn();
  show(
    h(
      "div",
      { class: "card empty" },
      h("p", { class: "error", role: "alert" }, t("failed", { why: why(e) })),
      h("button", { type: "button", onclick: route }, t("retry")),
    ),
  );
}
async function enterZone() {
  if (state.zone) return;
  const s = await api("GET", "/api/1/stats");
  state.zone = s.zone;
  document.getElementById("product").textContent = s.product === "liuke" ? "" : s.product;
}
function frame(name) {
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.title = `${t(name === "person" ? "people" : name)} · liuke 留客`;
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
  for (const a of document.querySelectorAll("nav a")) {
    const here = a.hash === "#/" + (name === "person" ? "people" : name);
    if (here) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
    if (here) a.scrollIntoView({ block: "nearest", inline: "center" });
  }
  document.getElementById("lang").textContent = t("other_lang");
}
let turn = 0;
async function route() {
  const mine = ++turn;
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [word, arg] = path.split("/");
  const name = pages[word] ? word : "live";
  state.leave?.();
  state.leave = null;
  frame(name);
  const before = state.shown;
  const late = setTimeout(() => {
    if (state.shown === before) show(skeleton());
  }, 200);
  try {
    if (!(await api("GET", "/api/1/session")).ok) return signIn();
    await enterZone();
    document.body.classList.remove("outside");
    await pages[name](arg ? decodeURIComponent(arg) : new URLSearchParams(query), () => mine === turn);
  } catch (e) {
    if (mine === turn) complain(e);
  } finally {
    clearTimeout(late);
  }
}
document.getElementById("lang").onclick = () => {
  state.lang = state.lang === "zh" ? "en" : "zh";
  localStorage.setItem("lang", state.lang);
  route();
};
out.onclick = async () => {
  await api("DELETE", "/api/1/session").catch(() => {});
  state.leave?.();
  state.zone = undefined;
  signIn();
};
addEventListener("hashchange", () => {
  route();
  main.focus();
});
route();
