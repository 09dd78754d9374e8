#include "tests/test.h"
#include "base/html.h"

TEST(html_escapes_by_where_the_text_goes)
{
    Buf b = buf_new(cx->arena, 1000);
    Html h = { &b };
    HTML_RAW(&h, "<p title=\"");
    html_attr(&h, S("\"><script>'x'&amp;"));
    HTML_RAW(&h, "\">");
    html_text(&h, S("<b>留客 \"a\" & 'b'</b>\0😀"));
    HTML_RAW(&h, "<a href=\"?q=");
    html_url(&h, S("a b&c=d/e?留+%\"~-._\0"));
    HTML_RAW(&h, "\">");
    html_i64(&h, INT64_MIN);
    html_text(&h, (Str){ 0 });
    html_attr(&h, S(""));
    assert_str(buf_str(&b), "<p title=\"&quot;&gt;&lt;script&gt;&#39;x&#39;&amp;amp;\">"
               "&lt;b&gt;留客 \"a\" &amp; 'b'&lt;/b&gt;\xef\xbf\xbd😀"
               "<a href=\"?q=a%20b%26c%3Dd%2Fe%3F%E7%95%99%2B%25%22~-._%00\">-9223372036854775808");
    assert_false(b.bad);
}
