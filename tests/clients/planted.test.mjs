// Personal values planted wherever they can come in are found nowhere in plain: not in the folder with its databases and
// logs, not in a copy of it, not in what the server says, not in what comes out of it as events. And a value that is not
// personal, planted beside each of them, is found: the search can find.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, lstatSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { addSource, drop, exported, folder, form, run, serve, staff, until } from "./liuke.mjs";

// What is looked for, in every spelling that it came in by. Raw bytes: a value in UTF-8 too.
const planted = {
  "trait email": ["wang.xiaoming@qq-mail.example", "wang.xiaoming%40qq-mail.example"],
  "trait phone": ["13912345671", "139 1234 5671", "139-1234-5671"],
  "trait name in Chinese": ["欧阳春晓甲", "\\u6b27\\u9633\\u6625\\u6653\\u7532", "%E6%AC%A7%E9%98%B3%E6%98%A5%E6%99%93%E7%94%B2"],
  "trait address": ["翠微路甲八十七号"],
  "trait birthday": ["1987-06-05"],
  "user id that is an address": ["li.lei.id@corp.example"],
  "email in a URL": ["url.leak@shop.example", "url.leak%40shop.example"],
  "phone in a URL": ["13812345672"],
  "email in a referrer": ["referrer.leak@mail.example", "referrer.leak%40mail.example"],
  "search term": ["search.leak@mail.example"],
  "phone with spaces in a text": ["137 1234 5673", "13712345673"],
  "phone with a country in a text": ["+86 136-1234-5674", "13612345674", "136-1234-5674"],
  "foreign phone in a text": ["+4915112345675"],
  "phone property, a number": ["13312345678"],
  "email in a list": ["list.leak@mail.example"],
  "email deep in an object": ["deep.leak@mail.example"],
  "email in a title": ["title.leak@mail.example"],
  "email property": ["prop.leak@mail.example"],
  "client's address": ["198.51.100.77"],
  "email in an event that was refused": ["refused.leak@mail.example"],
  "import cell": ["import.leak@mail.example"],
  "import phone cell": ["13512345676"],
  "import personal column": ["李四光乙"],
  "access log query": ["access.leak%40mail.example", "access.leak@mail.example"],
  "access log address": ["203.0.113.188"],
  "sign-up address": ["sign.up.leak@mail.example", "sign.up.leak%40mail.example"],
  "address that was mistyped": ["mistyped.leak@nowhere"],
};
const controls = ["control-plan-7781", "control-url-7782", "control-import-7783", "control-referrer-7784", "control-log-7785", "控制词七七八六"];
let dir, server, keys, code;

const send = (path, key, body, headers = {}) => fetch(server.url + path, { method: "POST", body: Buffer.isBuffer(body) ? body : JSON.stringify(body),
  headers: { "Content-Type": "application/json", Authorization: "Basic " + Buffer.from(key + ":").toString("base64"), ...headers } });
async function taken(path, key, body, headers) {
  const r = await send(path, key, body, headers), text = await r.text();
  assert.equal(r.status, 200, text);
  return text;
}
async function track() {
  const who = { anonymousId: "anon-1" };
  await taken("/v1/identify", keys.sk, { userId: "u-1", ...who, messageId: "1", context: { ip: "198.51.100.77" }, traits: {
    email: "wang.xiaoming@qq-mail.example", phone: "139 1234 5671", name: "欧阳春晓甲", address: { street: "翠微路甲八十七号" },
    birthday: "1987-06-05", plan: "control-plan-7781" } });
  await taken("/v1/identify", keys.pk, { userId: "u-2", messageId: "2", traits: { email: "wang.xiaoming@qq-mail.example", Phone: "13912345671",
    firstName: "欧阳春晓甲", plan: "control-plan-7781" } });
  await taken("/v1/track", keys.sk, { userId: "li.lei.id@corp.example", messageId: "3", event: "Read", properties: { email: "prop.leak@mail.example",
    note: "打 137 1234 5673 或 +86 136-1234-5674, or +4915112345675", list: ["a", "list.leak@mail.example"], deep: { a: { b: { c: { d: "deep.leak@mail.example" } } } },
    mobile: 13312345678, q: "search.leak@mail.example", plan: "control-plan-7781", 控制: "控制词七七八六" } });
  await taken("/v1/page", keys.pk, gzipSync(JSON.stringify({ ...who, messageId: "4", properties: { title: "to title.leak@mail.example",
    url: "https://x.example/p?m=url.leak%40shop.example&tel=13812345672&c=control-url-7782", search: "?q=search.leak@mail.example" },
    context: { page: { referrer: "https://m.example/?to=referrer.leak%40mail.example&x=control-referrer-7784", url: "https://x.example/url.leak@shop.example" },
      campaign: { name: "url.leak@shop.example" } } })), { "Content-Encoding": "gzip" });
  const text = await taken("/v1/batch", keys.pk, { batch: [{ type: "track", userId: "refused.leak@mail.example", properties: { email: "refused.leak@mail.example" } },
    { type: "track", event: "x".repeat(300) + "refused.leak@mail.example", userId: "refused.leak@mail.example" },
    { type: "track", event: "Kept", userId: "u-1", messageId: "5", properties: { plan: "control-plan-7781" } }] });
  assert.match(text, /rejected/);
  const query = await fetch(server.url + "/v1/track?writeKey=pk_wrong&email=url.leak%40shop.example", { method: "POST", body: "{}" });
  assert.equal(query.status, 401);
}
// More than the tail holds, so that what was sent stands in segments too.
async function flushed() {
  const pad = "平凡的字 plain ".repeat(380);
  for (let i = 0; i < 170; i++)
    await taken("/v1/batch", keys.sk, { batch: Array.from({ length: 60 }, (_, k) => ({ type: "track", event: "Filler", userId: "f-" + k, properties: { pad: pad + i } })) });
  await until(async () => (await staff(server, "GET", "/api/1/stats")).segments > 0, 30000);
}
function imports() {
  writeFileSync(join(dir, "orders.csv"), "when,what,who,Email,联系,note,real_name\n" +
    "2024-01-02,Bought,c-1,import.leak@mail.example,13512345676,control-import-7783,李四光乙\n" +
    "2024-01-03,Bought,import.leak@mail.example,,135 1234 5676,call import.leak@mail.example,李四光乙\n" +
    "not a time,Bought,import.leak@mail.example,,,,\n");
  const csv = run(dir, "import", join(dir, "orders.csv"), "--map", "time=when,event=what,user=who", "--out", join(dir, "orders"));
  assert.equal(csv.code, 0, csv.err);
  writeFileSync(join(dir, "old.ndjson"), JSON.stringify({ at: "2024-01-05", what: "Called", who: "c-2", mobile: "13512345676", note: { a: "import.leak@mail.example" } }) + "\n");
  const nd = run(dir, "import", join(dir, "old.ndjson"), "--map", "time=at,event=what,user=who", "--out", join(dir, "old"));
  assert.equal(nd.code, 0, nd.err);
  writeFileSync(join(dir, "site.log"), '203.0.113.188 - - [17/May/2015:10:05:03 +0000] "GET /in?m=access.leak%40mail.example&c=control-log-7785 HTTP/1.1" 200 5 ' +
    '"https://m.example/?to=referrer.leak@mail.example" "Agent access.leak@mail.example"\n');
  const log = run(dir, "import", join(dir, "site.log"), "--out", join(dir, "site"));
  assert.equal(log.code, 0, log.err);
}
async function signUp() {
  const bad = await form(server, "/join", { email: "mistyped.leak@nowhere" });
  assert.equal(bad.code, 400);
  const page = await form(server, "/join", { email: "Sign.Up.Leak@mail.example", anonymous_id: "anon-1" });
  assert.equal(page.code, 200);
  const id = /value="(cod_[^"]+)"/.exec(page.text)[1];
  const mail = await until(async () => (await staff(server, "GET", "/api/1/mails")).items[0]);
  assert.equal(mail.to, "sign.up.leak@mail.example");
  code = /\b(\d{6})\b/.exec(mail.text)[1];
  const done = await form(server, "/join/code", { id, code, policy: "1", analytics: "1" });
  assert.equal(done.code, 200, done.text);
  // Found again by the whole address, and shown masked: it is there, but not in plain.
  const found = await staff(server, "POST", "/api/1/people/find", { email: "sign.up.leak@mail.example" });
  assert.equal(found.items.length, 1);
}
before(async () => {
  dir = folder();
  server = await serve(dir);
  const token = server.token;
  await server.stop();
  keys = addSource(dir);
  server = await serve(dir);
  server.token = token;
  await track();
  imports();
  await signUp();
  await until(async () => (await staff(server, "POST", "/api/1/people/find", { email: "wang.xiaoming@qq-mail.example" })).items.length === 1);
  await flushed();
});
after(async () => { await server?.stop(); drop(dir); });

// Every file below, whole; the key of the folder lies beside it and is no part of it.
function files(top) {
  return readdirSync(top, { recursive: true }).map((name) => join(top, name)).filter((path) => lstatSync(path).isFile());
}
// Where any of the words stands: case as it was planted, or lower.
function found(words, texts) {
  const hits = [];
  for (const [where, bytes] of texts)
    for (const word of words) if (bytes.includes(Buffer.from(word)) || bytes.includes(Buffer.from(word.toLowerCase()))) hits.push(`${word} in ${where}`);
  return hits;
}
function read(top) { return files(top).map((path) => [relative(dir, path), readFileSync(path)]); }
// What a database holds, undone from its pages: every text and blob of every table.
function rows(db) {
  const script = "import sqlite3, sys\nc = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True)\nout = sys.stdout.buffer\n" +
    "for (t,) in c.execute(\"SELECT name FROM sqlite_master WHERE type = 'table'\").fetchall():\n" +
    "    for row in c.execute('SELECT * FROM \"' + t + '\"'):\n" +
    "        for v in row:\n            out.write(v if isinstance(v, bytes) else str(v).encode()); out.write(b'\\n')\n";
  const r = spawnSync("python3", ["-c", script, db], { maxBuffer: 1 << 28 });
  assert.equal(r.status, 0, String(r.stderr));
  return r.stdout;
}
function search(texts) {
  return Object.entries(planted).flatMap(([what, words]) => found(words, texts).map((hit) => `${what}: ${hit}`));
}

test("nothing personal stands in plain in the folder of a running server, nor in a copy of it", () => {
  const copy = join(dir, "backup");
  cpSync(join(dir, "data"), copy, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  const texts = [...read(join(dir, "data")), ...read(copy), ["rows of records.db", rows(join(dir, "data", "records.db"))], ["the server's log", Buffer.from(server.log + server.greeting)]];
  assert.ok(texts.some(([where]) => where.includes("wal-")) && texts.some(([where]) => where.endsWith("records.db-wal")) &&
    texts.some(([where]) => where.includes("events/seg")), "the live files are among them");
  assert.deepEqual(search(texts), []);
  // The code of a sign-up, and what stood in its mail, are personal while they live.
  assert.deepEqual(found([`code is ${code}`, `验证码是 ${code}`, `：${code}`], texts), []);
  // The search finds what is not personal, beside what is.
  for (const word of ["control-plan-7781", "control-url-7782", "control-referrer-7784", "控制词七七八六"])
    assert.ok(found([word], texts.filter(([where]) => where.startsWith("data"))).length > 0, word);
});
test("nothing personal comes out of the store, and what is not personal does", async () => {
  await server.stop();
  const events = exported(dir), texts = [["the export", Buffer.from(JSON.stringify(events))], ...read(join(dir, "data")), ["the server's log", Buffer.from(server.log)]];
  const left = search(texts);
  server = await serve(dir);
  assert.deepEqual(left, []);
  for (const word of controls) assert.ok(found([word], [texts[0]]).length > 0, word);
  const text = JSON.stringify(events);
  assert.ok(text.includes("[email]") && text.includes("[phone]"), "what was taken out is marked");
});
test("the search itself finds a planted value when it is there", () => {
  for (const [what, words] of Object.entries(planted))
    for (const word of words) assert.deepEqual(found([word], [["here", Buffer.from(`x${word}y`)]]).length, 1, what);
});
