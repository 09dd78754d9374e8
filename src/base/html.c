#include "base/html.h"
#include <string.h>

void html_raw_(Html *h, Str s) { buf_add(h->b, s); }

/* Runs without anything to escape go in one piece. NUL has no place in HTML: U+FFFD, as a browser does. */
static void escaped(Buf *b, Str s, const char *special)
{
    size_t from = 0;
    if (s.n == 0) return;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c && !strchr(special, c)) continue;
        buf_add(b, (Str){ s.p + from, i - from });
        from = i + 1;
        switch (c) {
        case '&': buf_add(b, S("&amp;")); break;
        case '<': buf_add(b, S("&lt;")); break;
        case '>': buf_add(b, S("&gt;")); break;
        case '"': buf_add(b, S("&quot;")); break;
        case '\'': buf_add(b, S("&#39;")); break;
        default: buf_add(b, S("\xef\xbf\xbd")); break;
        }
    }
    buf_add(b, (Str){ s.p + from, s.n - from });
}
void html_text(Html *h, Str s) { escaped(h->b, s, "&<>"); }
void html_attr(Html *h, Str s) { escaped(h->b, s, "&<>\"'"); }
void html_url(Html *h, Str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain || (c && strchr("-._~", c))) buf_addc(h->b, s.p[i]);
        else buf_add(h->b, (Str){ (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3 });
    }
}
void html_i64(Html *h, int64_t v) { buf_i64(h->b, v); }
