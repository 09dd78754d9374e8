// The sign-up code by real SMTP: the real binary against a real mail server (npm smtp-server), the hosted page as a
// browser without JavaScript sends it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { createInterface } from "node:readline";
import { drop, exported, folder, form, records, serve, staff, until } from "./liuke.mjs";

let dir, server, post, token;
const mails = [],
  refusals = [];
const QUEUED = 1,
  SENT = 2,
  FAILED = 3;

function mailServer() {
  const child = spawn(process.execPath, [new URL("smtp_server.mjs", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return new Promise((good) =>
    createInterface(child.stdout).on("line", (line) => {
      const said = JSON.parse(line);
      if (said.event === "listening") good({ child, port: said.port });
      if (said.event === "mail") mails.push(said);
      if (said.event === "refused") refusals.push(said);
    }),
  );
}
const start = async (...more) => {
  server = await serve(
    dir,
    "--smtp",
    "127.0.0.1:" + post.port,
    "--mail-from",
    "hello@liuke.example",
    "--allow-private",
    "127.0.0.1",
    "--product",
    "一页书",
    ...more,
  );
  server.token ||= token;
};
before(async () => {
  dir = folder();
  post = await mailServer();
  await start();
  token = server.token;
});
after(async () => {
  await server?.stop();
  post?.child.stdin.end();
  drop(dir);
});

// The text of a mail: its parts are base64, the subject an encoded word.
const plain = (raw) =>
  Buffer.from(/Content-Type: text\/plain[^]*?\r\n\r\n([A-Za-z0-9+/=\r\n]+)/i.exec(raw)[1], "base64").toString("utf8");
const subject = (raw) =>
  [.../=\?utf-8\?B\?([^?]+)\?=/gi[Symbol.matchAll](/Subject: ([^]*?)\r\n(?! )/i.exec(raw)[1])]
    .map((m) => Buffer.from(m[1], "base64").toString("utf8"))
    .join("");
const codeOf = (raw) => /\b(\d{3} ?\d{3})\b/.exec(plain(raw))[1].replace(" ", "");
const mailTo = (address) => until(() => mails.find((m) => m.to.includes(address)));
const ask = async (email, lang = "en", anon = "") => {
  const r = await form(server, "/join", { email, anonymous_id: anon }, lang);
  assert.equal(r.code, 200, r.text);
  return /name="id" value="(cod_\w+)"/.exec(r.text)[1];
};
const status = () =>
  records(dir, "SELECT state, tries, code, reason, answer, next_at - created FROM mail ORDER BY id DESC LIMIT 1")[0];

test("a code asked for on the page arrives by mail, and entering it makes the person", async () => {
  const id = await ask("li.lei@example.test", "zh", "anon-1");
  const mail = await mailTo("li.lei@example.test");
  assert.equal(mail.from, "hello@liuke.example");
  assert.equal(subject(mail.raw), "一页书 验证码");
  const code = codeOf(mail.raw);
  const wrong = await form(server, "/join/code", { id, code: code === "000000" ? "000001" : "000000", policy: "1" });
  assert.equal(wrong.code, 400);
  assert.match(wrong.text, /the code is wrong; 4 tries left/);
  const without = await form(server, "/join/code", { id, code });
  assert.match(without.text, /please agree to the privacy policy first/);
  const done = await form(server, "/join/code", { id, code, policy: "1", analytics: "1" });
  assert.equal(done.code, 200, done.text);
  const found = await staff(server, "POST", "/api/1/people/find", { email: "Li.Lei@example.test" });
  assert.equal(found.items.length, 1);
  assert.match(found.items[0].email, /^l\*+@example\.test$/);
  const person = await staff(server, "GET", "/api/1/people/" + found.items[0].id);
  assert.deepEqual(person.consents.map((c) => [c.purpose, c.granted]).sort(), [
    ["analytics", true],
    ["policy", true],
  ]);
  const line = await until(async () => {
    const t = await staff(server, "GET", `/api/1/people/${found.items[0].id}/timeline`);
    return t.items.length && t.items;
  });
  assert.deepEqual(
    line.map((e) => e.name),
    ["$signup"],
  );
  const again = await form(server, "/join/code", { id, code, policy: "1" });
  assert.match(again.text, /no longer valid/);
  assert.deepEqual(status().slice(0, 2), [SENT, 1]);
});

test("an address that the mail server refuses for good is marked, once, without the address", async () => {
  await ask("refuse@example.test");
  await until(() => refusals.some((r) => r.to === "refuse@example.test" && r.code === 550));
  const row = await until(() => status()[0] !== QUEUED && status());
  assert.deepEqual(row.slice(0, 4), [FAILED, 1, 550, "mail_no_such_box"]);
  assert.match(row[4], /^550 5\.1\.1 /);
  assert.equal(row[4].includes("refuse"), false, row[4]);
  await new Promise((done) => setTimeout(done, 1200));
  assert.equal(refusals.filter((r) => r.to === "refuse@example.test").length, 1);
});

test("a mail server that says later is asked again, and the code arrives", async () => {
  const id = await ask("grey@example.test");
  await until(() => refusals.some((r) => r.to === "grey@example.test"));
  const row = await until(() => status()[1] === 1 && status()[2] === 451 && status());
  assert.deepEqual([row[0], row[3]], [QUEUED, "mail_later"]);
  assert.ok(row[5] > 50000 && row[5] < 75000, "about a minute later, not " + row[5] + " ms");
  // The minute is not waited for: while the server is down the mail is made due.
  await server.stop();
  records(dir, "UPDATE mail SET next_at = 0 WHERE state = 1");
  await start();
  const mail = await mailTo("grey@example.test");
  assert.equal(await until(() => status()[0] === SENT), true);
  assert.equal(status()[1], 2);
  const done = await form(server, "/join/code", { id, code: codeOf(mail.raw), policy: "1" });
  assert.equal(done.code, 200, done.text);
});

test("a mail server that is gone delays the mail and nothing else", async () => {
  const port = post.port;
  post.child.stdin.end();
  await new Promise((done) => post.child.on("exit", done));
  const id = await ask("late@example.test");
  await until(() => status()[3] === "mail_unreachable");
  assert.equal((await fetch(server.url + "/healthz")).status, 200);
  post = await mailServer();
  assert.notEqual(post.port, port);
  await server.stop();
  records(dir, "UPDATE mail SET next_at = 0 WHERE state = 1");
  await start();
  const done = await form(server, "/join/code", {
    id,
    code: codeOf((await mailTo("late@example.test")).raw),
    policy: "1",
  });
  assert.equal(done.code, 200, done.text);
});

test("bad addresses, bad codes and too many codes are told on the page", async () => {
  for (const [email, lang, says] of [
    ["nobody", "en", "not an e-mail address"],
    ["", "zh", "必填"],
    ["无@域", "zh", "不是有效的邮箱地址"],
    ["a@b.test\r\nBcc: x@y.test", "en", "not an e-mail address"],
  ]) {
    const r = await form(server, "/join", { email }, lang);
    assert.equal(r.code, 400);
    assert.ok(r.text.includes(says), r.text);
  }
  const r = await form(server, "/join/code", { id: "cod_nonsense", code: "123456", policy: "1" });
  assert.equal(r.code, 400);
  const marked = await form(server, "/join", { email: '"><script>alert(1)</script>@x.test' });
  assert.equal(marked.text.includes("<script>"), false);
  for (let i = 0; i < 5; i++) await ask("many@example.test");
  const sixth = await form(server, "/join", { email: "many@example.test" });
  assert.equal(sixth.code, 429);
  assert.match(sixth.text, /too many codes/);
});

test("sign-ups without the analytics consent are kept for the record and hidden from analysis; no address in plain", async () => {
  const day = {
    kind: "trend",
    event: { name: "$signup" },
    measure: "count",
    period: "day",
    from: new Date(Date.now() - 864e5).toISOString(),
    to: new Date(Date.now() + 864e5).toISOString(),
  };
  const answer = await staff(server, "POST", "/api/1/ask", day);
  assert.equal(
    answer.values.reduce((a, b) => a + b),
    1,
  );
  await until(() => records(dir, "SELECT count(*) FROM outbox")[0][0] === 0); // what the records tell the log comes a moment later
  await server.stop();
  const events = exported(dir);
  assert.deepEqual(
    events
      .filter((e) => e.name === "$signup")
      .map((e) => e.service)
      .sort(),
    [false, true, true],
  );
  assert.equal(JSON.stringify(events).includes("example.test"), false);
  assert.equal(server.log.includes("example.test"), false);
  await start();
});
