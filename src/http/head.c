#include "http/turn.h"
#include <string.h>
#include "base/limits.h"

/* The library's 0.9 line takes two line ends, NULs and folded lines for what they are not, and says nothing about
 * it. But
 * it parses in place: method, address, version, names and values all still stand where they came, and only the
 * separators became NUL. So where everything lies says what the separators were. From 1.0 on the library itself
 * refuses these when asked to be strict (turn.c), and tells nothing about places. */
#define LAYOUT_KNOWN (MHD_VERSION < 0x01000000)

typedef struct Head {
    Turn *t;
    Header list[HTTP_HEADERS_MAX];
    size_t n, bytes;
    bool bad, many;
    const char *at;                           /* where the next name must stand */
    Str host, length, coding, forwarded;
    int hosts, lengths, codings, forwardeds;
} Head;

static bool token(Str s)
{
    static const char other[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!fine && (c == 0 || !strchr(other, c))) return false;
    }
    return s.n > 0;
}
static bool text(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}
/* Name, colon, blanks, value, CR and LF: each as a NUL, in this order and nothing between. */
static bool in_place(Head *h, Str name, Str value)
{
    if (!LAYOUT_KNOWN || !h->at) return true;
    if (name.p != h->at || value.p <= name.p + name.n) return false;
    for (const char *p = name.p + name.n + 1; p < value.p; p++)
        if (*p != ' ' && *p != '\t') return false;
    h->at = value.p + value.n + 2;
    return h->at[-2] == 0 && h->at[-1] == 0;
}
static void note(Head *h, Str name, Str value)
{
    switch (name.n) {
    case 4:
        if (req_same(name, "host")) { h->host = value; h->hosts++; }
        break;
    case 14:
        if (req_same(name, "content-length")) { h->length = value; h->lengths++; }
        break;
    case 15:
        if (req_same(name, "x-forwarded-for")) { h->forwarded = value; h->forwardeds++; }
        break;
    case 16:
        if (req_same(name, "content-encoding")) h->t->encoding = value;
        break;
    case 17:
        if (req_same(name, "transfer-encoding")) { h->coding = value; h->codings++; }
        else if (req_same(name, "x-forwarded-proto") && h->t->conn->trusted) h->t->rq.tls = req_same(value, "https");
        break;
    default:
        break;
    }
}
static enum MHD_Result each(void *arg, enum MHD_ValueKind kind, const char *k, size_t kn, const char *v, size_t vn)
{
    Head *h = arg;
    Str name = { k, kn }, value = { v ? v : "", v ? vn : 0 };
    (void)kind;
    h->bytes += kn + vn;
    h->many = h->n == HTTP_HEADERS_MAX || h->bytes > HTTP_HEADER_BYTES_MAX;
    h->bad = !token(name) || !text(value) || !v || !in_place(h, name, value);
    if (h->bad || h->many) return MHD_NO;
    value = str_trim(value);
    h->list[h->n++] = (Header){ name, value };
    note(h, name, value);
    return MHD_YES;
}
static Status bad(Turn *t, const char *what)
{
    return refuse(&t->cx, ST_INVALID, str_z(what), MSG_bad_request, NO_PARAMS);
}
static bool first_line_in_place(Head *h, const char *method, const char *version)
{
    Turn *t = h->t;
    if (!LAYOUT_KNOWN) return true;
    h->at = version + 10;
    return t->uri_at == method + strlen(method) + 1 && version == t->uri_at + t->uri.n + 1 && version[8] == 0 &&
           version[9] == 0;
}
/* After the last header stand CR, LF, CR, LF, and there the head ends. */
static bool end_in_place(const Head *h, const char *method)
{
    if (!LAYOUT_KNOWN) return true;
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(h->t->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return i && method + i->header_size == h->at + 2 && h->at[0] == 0 && h->at[1] == 0;
}
static bool digits(Str s)
{
    for (size_t i = 0; i < s.n; i++) if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}
static bool host_fine(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/\\@?#,;<>\"'{}|^`", c)) return false;
    }
    return true;
}
/* Every way of saying twice, or in two ways, where a request ends or for whom it is. */
static Status framing(Turn *t, const Head *h, const char *version)
{
    bool old = strcmp(version, "HTTP/1.0") == 0;
    if (h->hosts > 1 || (h->hosts == 0 && !old) || !host_fine(h->host)) return bad(t, "host");
    if (h->lengths > 1 || (h->lengths && !digits(h->length))) return bad(t, "content-length");
    if (h->codings == 0) return ST_OK;
    if (h->codings > 1 || !req_same(h->coding, "chunked") || old) return bad(t, "transfer-encoding");
    if (h->lengths) return bad(t, "content-length");
    t->close = t->close || LAYOUT_KNOWN;      /* chunk lines are not checked as strictly: nothing may follow them */
    return ST_OK;
}
/* "/path?query", or the same after "http://" and the very host that Host names. */
static Status target(Turn *t, const Head *h)
{
    Str rest = t->uri;
    static const Str schemes[] = { S_INIT("http://"), S_INIT("https://") };
    TRY(req_check_uri(&t->cx, rest));
    for (size_t i = 0; i < COUNT(schemes); i++) {
        if (!str_starts(rest, schemes[i])) continue;
        rest = (Str){ rest.p + schemes[i].n, rest.n - schemes[i].n };
        if (rest.n < h->host.n || h->host.n == 0 || !str_eq((Str){ rest.p, h->host.n }, h->host)) return bad(t, "url");
        rest = (Str){ rest.p + h->host.n, rest.n - h->host.n };
        if (rest.n == 0) rest = S("/");
        break;
    }
    if (rest.n == 0 || *rest.p != '/') return bad(t, "url");
    t->rq.path = str_cut(&rest, '?');
    t->rq.query = rest;
    return ST_OK;
}
static Status client(Turn *t, const Head *h)
{
    Conn *c = t->conn;
    t->rq.addr = (Str){ c->addr, c->addr_n };
    if (!c->trusted || h->forwardeds != 1) return ST_OK;
    char *to = arena_raw(t->cx.arena, IP_TEXT_MAX);
    if (!to) return fail(&t->cx, ST_NO_MEM, "an address");
    Ip ip = proxy_client(&t->loop->http->proxies, c->ip, h->forwarded);
    t->rq.addr = (Str){ to, proxy_text(ip, to) };
    return ST_OK;
}
Status head_read(Turn *t, const char *method, const char *version)
{
    Head h = { .t = t };
    Cx *cx = &t->cx;
    t->rq.method = str_z(method);
    if (t->uri.n > HTTP_URL_MAX)
        return refuse(cx, ST_INVALID, S("url"), MSG_url_too_long, PARAMS({ .name = "max", .value = HTTP_URL_MAX }));
    if (!token(t->rq.method) || !first_line_in_place(&h, method, version)) return bad(t, "");
    MHD_get_connection_values_n(t->mhd, MHD_HEADER_KIND, each, &h);
    if (h.many) return refuse(cx, ST_INVALID, S("headers"), MSG_headers_too_large, NO_PARAMS);
    if (h.bad || !end_in_place(&h, method)) return bad(t, "headers");
    TRY(framing(t, &h, version));
    TRY(target(t, &h));
    Header *list = ARENA_MANY(cx->arena, Header, h.n + 1);
    if (!list) return fail(cx, ST_NO_MEM, "headers");
    memcpy(list, h.list, h.n * sizeof *list);
    t->rq.headers = list;
    t->rq.n_headers = h.n;
    t->length = h.length;
    t->chunked = h.codings > 0;
    return client(t, &h);
}
