/* Of any bytes as a body: undoing gzip gives what zlib gives, or the right refusal, never more than the maximum;
 * as a query, as a
 * path, as a list of proxies and as a language list: decoding stays inside the text. */
#include <string.h>
#include <zlib.h>
#include "base/limits.h"
#include "http/turn.h"
#include "tests/fuzz/fuzz.h"

enum { MAX = 300000, PLAIN = 64 << 10 };
FUZZ_SEEDS(
    S_INIT("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00"),
    S_INIT("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    S_INIT("\x1f\x8b\x08\x08\x00\x00\x00\x00\x02\x03name\x00\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00"),
    S_INIT("\x1f\x8b\x08\x1e\x00\x00\x00\x00\x02\x03\x04\x00xxxx"),
    S_INIT("a=1&b=%E4%BD%A0+c&lang=zh&&=&a"), S_INIT("/people/a%20b/events/%zz"), S_INIT("%"), S_INIT("%2"),
    S_INIT("%00"), S_INIT("192.0.2.7, 10.0.0.1:80, [2001:db8::1]:443, ::1,"), S_INIT("zh-CN,zh;q=0.9,en;q=0.8,;q=,*"),
    S_INIT(""));

/* The whole stream in one go, into a place that is large enough for what may be taken. */
static bool plainly(Str packed, char *to, size_t *ret)
{
    z_stream z = { 0 };
    FUZZ_CHECK(inflateInit2(&z, 31) == Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)packed.p;
    z.avail_in = (unsigned)packed.n;
    z.next_out = (unsigned char *)to;
    z.avail_out = MAX + 1;
    int rc = inflate(&z, Z_FINISH);
    *ret = MAX + 1 - z.avail_out;
    bool good = rc == Z_STREAM_END && z.avail_in == 0;
    inflateEnd(&z);
    return good;
}
static void as_gzip(Cx *cx, Str packed)
{
    static char plain[MAX + 1];
    size_t n;
    Str out = { 0 };
    bool good = plainly(packed, plain, &n);
    Status st = body_decode(cx, S("gzip"), packed, MAX, &out);
    bool bomb = n > PLAIN && n > packed.n * HTTP_GZIP_RATIO_MAX;
    if (st == ST_OK) {
        FUZZ_CHECK(good && out.n == n && n <= MAX && !bomb && memcmp(out.p, plain, n) == 0);
        return;
    }
    FUZZ_CHECK(st == ST_INVALID && (!good || n > MAX || bomb));
    FUZZ_CHECK(cx->why.msg == MSG_bad_encoding || cx->why.msg == MSG_too_large);
    if (good && !bomb && n <= MAX) FUZZ_CHECK(cx->why.msg != MSG_too_large);
}
/* What the address check lets through can be decoded, and never contains a NUL. */
static void as_address(Cx *cx, Str s)
{
    Str out = { 0 };
    bool fine = req_check_uri(cx, s) == ST_OK, decoded = req_decode(cx, s, false, &out);
    if (fine) FUZZ_CHECK(decoded && out.n <= s.n && !memchr(out.p, 0, out.n));
    if (decoded) FUZZ_CHECK(out.n <= s.n);
    Req rq = { .query = s, .body = s };
    for (size_t i = 0; i < 3; i++) {
        Str v = req_query(cx, &rq, i == 0 ? "a" : i == 1 ? "lang" : "");
        FUZZ_CHECK(v.n <= s.n);
        v = req_form(cx, &rq, "b");
        FUZZ_CHECK(v.n <= s.n);
    }
}
static void as_header(Cx *cx, Str s)
{
    static const char *const trusted[] = { "10.0.0.0/8", "2001:db8::/32", "127.0.0.1" };
    static const uint8_t local[4] = { 10, 0, 0, 9 };
    Header h[2] = { { S("Accept-Language"), s }, { S("Cookie"), s } };
    Req rq = { .headers = h, .n_headers = 2 };
    ProxySet set;
    Ip ip = { { 0 } };
    Lang lang = req_lang(cx, &rq, LANG_EN);
    FUZZ_CHECK(lang == LANG_EN || lang == LANG_ZH);
    FUZZ_CHECK(req_cookie(&rq, "a").n <= s.n);
    FUZZ_CHECK(proxy_open(cx, trusted, COUNT(trusted), &set) == ST_OK);
    ip.b[10] = ip.b[11] = 0xff;
    memcpy(ip.b + 12, local, 4);
    char text[IP_TEXT_MAX];
    Ip found = proxy_client(&set, ip, s), again;
    size_t n = proxy_text(found, text);
    FUZZ_CHECK(proxy_parse((Str){ text, n }, &again) && memcmp(&found, &again, sizeof again) == 0);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Cx cx = fuzz_cx();
    Str s = { (const char *)data, size };
    as_gzip(&cx, s);
    as_address(&cx, s);
    as_header(&cx, s);
    return 0;
}
