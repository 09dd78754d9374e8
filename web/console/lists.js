// Live events, people with their timelines, sources with their refusals, the test outbox.
import {
  api,
  cell,
  clock,
  copyButton,
  day,
  field,
  h,
  heading,
  known,
  moment,
  number,
  show,
  state,
  t,
  table,
  when,
  why,
} from "./base.js";

const props = (p) =>
  Object.entries(p)
    .map(([k, v]) => `${k}: ${Array.isArray(v) ? v.join(", ") : v}`)
    .join(" · ");
const short = (id) => (id.startsWith("vis_") ? id.slice(0, 12) : id);
const personLink = (id) => h("a", { href: "#/person/" + encodeURIComponent(id) }, short(id));
const tail = (e) => h("span", { class: "props" }, h("span", { class: "tag" }, e.source), " ", props(e.props));

// Live: the newest on top, a pause that keeps what comes, and what to do while nothing comes.
const sample = (key) => `curl ${location.origin}/v1/track -u ${key || "pk_…"}: \\
  -d '{"event":"Signed Up","anonymousId":"a1","properties":{"plan":"free"}}'`;
const liveRow = (e) =>
  h(
    "li",
    { class: "new" },
    h("time", { datetime: e.time, title: moment(e.time) }, clock(e.time)),
    h("b", {}, e.name),
    personLink(e.person),
    tail(e),
  );
async function numbers(box) {
  const s = await api("GET", "/api/1/stats");
  const one = (label, value) => h("div", {}, h("span", {}, t(label)), h("b", {}, value));
  box.replaceChildren(
    one("n_events", number(s.events)),
    one("n_people", number(s.people)),
    one("n_actors", number(s.actors)),
    one("newest", s.newest ? moment(s.newest).slice(5) : "–"),
    ...(s.quarantined ? [one("quarantined", number(s.quarantined))] : []),
  );
  return s;
}
export async function live(_, current) {
  const box = h("div", { class: "numbers" }),
    list = h("ul", { class: "events" }),
    note = h("p", { class: "error", role: "status" });
  const code = h("pre", { tabindex: "0" }, sample()),
    empty = h("div", { class: "empty" });
  let paused = false,
    held = [];
  const add = (e) => {
    empty.remove();
    list.prepend(liveRow(e));
    while (list.children.length > 200) list.lastChild.remove();
  };
  const pause = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        paused = !paused;
        pause.textContent = t(paused ? "go_on" : "pause");
        if (!paused) held.splice(0).forEach(add);
      },
    },
    t("pause"),
  );
  const [s, sources] = await Promise.all([numbers(box), api("GET", "/api/1/sources")]);
  if (!current()) return;
  const web = sources.items.find((x) => !x.archived && x.kind !== "liuke" && x.kind !== "import");
  if (web) code.textContent = sample(web.public_key);
  empty.append(h("p", {}, t(s.events ? "live_quiet" : "live_empty")), ...(s.events ? [] : [code]));
  show(
    heading(t("live"), t("live_hint")),
    box,
    h("div", { class: "card" }, h("div", { class: "bar-row" }, h("h2", {}, t("stream")), pause), note, empty, list),
  );
  const stream = new EventSource("/api/1/live");
  stream.onmessage = (m) => {
    const e = JSON.parse(m.data);
    if (!paused) return add(e);
    held.push(e);
    held = held.slice(-200);
    pause.textContent = `${t("go_on")} (${held.length})`;
  };
  stream.onerror = () => {
    note.textContent = t("offline");
  };
  stream.onopen = () => {
    note.textContent = "";
  };
  const timer = setInterval(() => numbers(box).catch(() => {}), 5000);
  state.leave = () => {
    stream.close();
    clearInterval(timer);
  };
}

function findPerson() {
  const email = h("input", { type: "email", required: true, autocomplete: "off", class: "wide" }),
    error = h("p", { class: "error", role: "alert" });
  return h(
    "form",
    {
      class: "card",
      onsubmit: async (ev) => {
        ev.preventDefault();
        error.textContent = "";
        try {
          const r = await api("POST", "/api/1/people/find", { email: email.value });
          if (r.items.length) location.hash = "#/person/" + r.items[0].id;
          else error.textContent = t("not_found");
        } catch (e) {
          error.textContent = why(e);
        }
      },
    },
    h("div", { class: "row" }, field("find_email", email), h("button", { class: "primary" }, t("find"))),
    error,
  );
}
export async function people() {
  const body = h("tbody", {}),
    more = h("button", { type: "button", hidden: true }, t("older"));
  const page = async (after) => {
    const r = await api("GET", "/api/1/people?limit=50" + (after ? "&after=" + encodeURIComponent(after) : ""));
    body.append(
      ...r.items.map((p) =>
        h(
          "tr",
          {},
          cell("email", h("a", { href: "#/person/" + p.id }, p.email || p.id)),
          cell("joined", when(p.created)),
          cell("form", formName(p.form)),
          cell("id", h("code", {}, p.id)),
        ),
      ),
    );
    more.hidden = !r.next;
    more.onclick = () => page(r.next);
    return r.items.length;
  };
  const n = await page(),
    join = location.origin + "/join";
  show(
    heading(t("people"), t("people_hint")),
    findPerson(),
    n
      ? h(
          "div",
          { class: "card" },
          table(["email", "joined", "form", "id"], body, { label: t("people"), class: "cards" }),
          more,
        )
      : h(
          "div",
          { class: "card empty" },
          h("p", {}, t("people_empty")),
          h("p", {}, h("a", { href: "/join", target: "_blank", rel: "noopener" }, join)),
        ),
  );
}
const formName = (form) => (known("form_" + form) ? t("form_" + form) : form);
const purposeName = (p) => (known("purpose_" + p) ? t("purpose_" + p) : p);
function consentTable(consents) {
  if (!consents.length) return "";
  const rows = consents.map((c) =>
    h(
      "tr",
      {},
      cell("time", when(c.at)),
      cell("purpose", purposeName(c.purpose)),
      cell("decision", h("span", { class: c.granted ? "tag" : "tag no" }, t(c.granted ? "granted" : "refused"))),
      h("td", { class: "wide", "data-label": t("wording") }, c.wording),
    ),
  );
  return h(
    "div",
    { class: "card" },
    h("h2", {}, t("consents")),
    table(["time", "purpose", "decision", "wording"], h("tbody", {}, rows), { label: t("consents"), class: "cards" }),
  );
}
function timeline(id) {
  const list = h("ul", { class: "events own" }),
    more = h("button", { type: "button", hidden: true }, t("older"));
  let last = "";
  const row = (e) => {
    const head = day(e.time) !== last ? h("li", { class: "day" }, (last = day(e.time))) : null;
    return [head, h("li", {}, h("time", { datetime: e.time }, clock(e.time)), h("b", {}, e.name), tail(e))].filter(
      Boolean,
    );
  };
  const page = async (after) => {
    const r = await api(
      "GET",
      `/api/1/people/${encodeURIComponent(id)}/timeline?limit=50` +
        (after ? "&after=" + encodeURIComponent(after) : ""),
    );
    list.append(...r.items.flatMap(row));
    if (!list.children.length) list.append(h("li", { class: "day" }, t("no_events")));
    more.hidden = !r.next;
    more.onclick = () => page(r.next);
  };
  return { box: h("div", { class: "card" }, h("h2", {}, t("timeline")), list, more), page };
}
export async function person(id) {
  const p = await api("GET", "/api/1/people/" + encodeURIComponent(id));
  const line = timeline(id),
    email = p.fields.find((f) => f.kind === "email");
  const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
  const facts = p.known
    ? [
        fact(t("joined"), moment(p.created)),
        fact(t("form"), formName(p.form)),
        p.fields.map((f) =>
          fact(known(f.kind) ? t(f.kind) : f.kind, [
            f.masked,
            f.proven ? h("span", { class: "tag" }, t("proven")) : "",
          ]),
        ),
      ]
    : fact(t("state"), t("visitor"));
  show(
    h("p", { class: "back" }, h("a", { href: "#/people" }, "← " + t("people"))),
    heading(email?.masked ?? t("visitor_name", { id: short(p.id) }), ""),
    h("div", { class: "card" }, h("dl", {}, facts, fact(t("id"), h("code", {}, p.id)))),
    consentTable(p.consents),
    line.box,
  );
  await line.page();
}

const ownKey = (s) => s.kind !== "liuke" && s.kind !== "import";
function sourceRow(s) {
  return h(
    "tr",
    {},
    cell("name", h("b", {}, s.name)),
    cell("kind", t("kind_" + s.kind)),
    cell("consent", t("consent_" + s.consent)),
    cell("key", ownKey(s) ? [h("code", {}, s.public_key), " ", copyButton(() => s.public_key)] : "–"),
  );
}
function addSource(added) {
  const name = h("input", { required: true, maxlength: 200 }),
    reason = h("input", { maxlength: 500, class: "wide" });
  const error = h("p", { class: "error", role: "alert" }),
    secret = h("div", { "aria-live": "polite" });
  const kind = h(
    "select",
    {},
    ["web", "app", "server"].map((k) => h("option", { value: k }, t("kind_" + k))),
  );
  const consent = h(
    "select",
    {},
    ["ask", "assumed", "off"].map((k) => h("option", { value: k }, t("consent_" + k))),
  );
  const because = field("reason", reason);
  const need = () => {
    because.hidden = consent.value !== "assumed";
    reason.required = !because.hidden;
  };
  consent.onchange = need;
  need();
  return h(
    "form",
    {
      class: "card",
      onsubmit: async (ev) => {
        ev.preventDefault();
        error.textContent = "";
        try {
          const made = await api("POST", "/api/1/sources", {
            name: name.value,
            kind: kind.value,
            consent: consent.value,
            consent_reason: because.hidden ? "" : reason.value,
          });
          added(made);
          const key = h("pre", { tabindex: "0" }, made.secret_key);
          secret.replaceChildren(
            h(
              "div",
              { class: "once" },
              h("p", {}, t("secret_once")),
              key,
              copyButton(() => made.secret_key),
              h("p", {}, t("try_it")),
              h("pre", { tabindex: "0" }, sample(made.public_key)),
            ),
          );
          ev.target.reset();
          need();
        } catch (e) {
          error.textContent = why(e);
        }
      },
    },
    h("h2", {}, t("new_source")),
    h(
      "div",
      { class: "row" },
      field("name", name),
      field("kind", kind),
      field("consent", consent),
      because,
      h("button", { class: "primary" }, t("add_source")),
    ),
    error,
    secret,
  );
}
function refusals(r, all) {
  const from = (n) => all.find((s) => s.number === n)?.name ?? "";
  const rows = r.items.map((x) =>
    h(
      "tr",
      {},
      cell("time", when(x.at)),
      cell("source", from(x.source)),
      cell("event", x.event || "–"),
      cell("field", x.field ? h("code", {}, x.field) : "–"),
      h("td", { class: "wide", "data-label": t("reason_col") }, x.message),
    ),
  );
  const total = r.counts.reduce((sum, c) => sum + c.count, 0);
  return h(
    "div",
    { class: "card" },
    h("h2", {}, t("refusals")),
    r.items.length
      ? [
          h("p", { class: "hint" }, t("refusals_n", { n: number(total) })),
          table(["time", "source", "event", "field", "reason_col"], h("tbody", {}, rows), {
            label: t("refusals"),
            class: "cards",
          }),
        ]
      : h("p", { class: "soft" }, t("refusals_empty")),
  );
}
export async function sources() {
  const [s, r] = await Promise.all([api("GET", "/api/1/sources"), api("GET", "/api/1/refusals")]);
  const rows = h("tbody", {}, s.items.map(sourceRow));
  show(
    heading(t("sources"), t("sources_hint")),
    addSource((made) => rows.append(sourceRow(made))),
    h(
      "div",
      { class: "card" },
      table(["name", "kind", "consent", "key"], rows, { label: t("sources"), class: "cards" }),
    ),
    refusals(r, s.items),
  );
}
export async function mails() {
  const r = await api("GET", "/api/1/mails");
  const one = (m) =>
    h(
      "article",
      { class: "card" },
      h("h2", {}, m.subject),
      h("p", { class: "hint" }, `${t("mail_to")} ${m.to} · ${moment(m.created)}`),
      h("pre", { class: "mail", tabindex: "0" }, m.text),
    );
  show(
    heading(t("mails"), t("mails_hint")),
    r.items.length ? r.items.map(one) : h("div", { class: "card empty" }, h("p", {}, t("mails_empty"))),
  );
}
