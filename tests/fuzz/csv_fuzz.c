/* Of any bytes: the rows are the same whole and in pieces; they follow each other without gap to the end; and
 * a row's cells, written and read again, are the same cells. */
#include <string.h>
#include "base/csv.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

FUZZ_SEEDS(
    S_INIT("\3name,age,note\r\n\"Li, \"\"Lei\"\"\",3,\"two\nlines\"\r\n,,\r\n"), S_INIT("\1\xef\xbb\xbf" "a,b\n1,2"),
    S_INIT("\2a\"b,c\n\"x\"y\n\"open\nd,e\n"), S_INIT("\5\"a\"\r\n\"b\"\rc\n\n\r\n\"\"\"\"\n"),
    S_INIT("\7留,客\n\xff,\xe4\xbd\n"),
    S_INIT("\1\"\"\"a\"\"\",\"\"\n"));

static void note(Buf *b, const CsvRow *r)
{
    int64_t head[] = { r->line, r->at, r->end, r->bad ? (int64_t)r->why : -1, r->max, (int64_t)r->n };
    for (size_t i = 0; i < COUNT(head); i++) {
        buf_i64(b, head[i]);
        buf_addc(b, ' ');
    }
    for (size_t i = 0; i < r->n; i++) {
        buf_i64(b, (int64_t)r->cells[i].n);
        buf_addc(b, ' ');
        buf_add(b, r->cells[i]);
    }
    buf_add(b, r->raw);
}
static void read_back(Cx *cx, const CsvRow *r)
{
    Buf b = buf_new(cx->arena, 4 << 20);
    Csv *c = csv_new(cx->arena, ',');
    CsvRow back;
    size_t used;
    for (size_t i = 0; i < r->n; i++) csv_cell(&b, r->cells[i], i == 0, false);
    buf_addc(&b, '\n');
    FUZZ_CHECK(c && !b.bad);
    FUZZ_CHECK(csv_next(cx, c, buf_str(&b), 1, true, &used, &back) == ST_OK);      /* offset 1: no byte-order mark */
    FUZZ_CHECK(used == b.n && !back.bad && back.n == r->n);
    for (size_t i = 0; i < r->n; i++) FUZZ_CHECK(str_eq(back.cells[i], r->cells[i]));
}
static Str rows(Cx *cx, Str text, size_t piece, bool write)
{
    Buf b = buf_new(cx->arena, 4 << 20);
    Csv *c = csv_new(cx->arena, ',');
    size_t start = 0, end = 0, used;
    int64_t expect = 0;
    int left = 200;                                             /* rows written again, so that memory suffices */
    FUZZ_CHECK(c);
    for (bool last = false; !last; ) {
        CsvRow r;
        Status st;
        end = text.n - end < piece ? text.n : end + piece;
        last = end == text.n;
        while ((st = csv_next(cx, c, (Str){ text.p + start, end - start }, (int64_t)start, last, &used, &r)) == ST_OK) {
            start += used;
            FUZZ_CHECK(r.end == (int64_t)start && (r.at == expect || (r.at == 3 && expect == 0)) && r.end > r.at);
            expect = r.end;
            note(&b, &r);
            if (write && !r.bad && left-- > 0) read_back(cx, &r);
        }
        FUZZ_CHECK(st == ST_NOT_FOUND);
        start += used;
    }
    FUZZ_CHECK(start == text.n && !b.bad);
    return buf_str(&b);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Cx cx = fuzz_cx();
    if (size == 0 || size > 4096) return 0;
    Str text = { (const char *)data + 1, size - 1 };
    Str whole = rows(&cx, text, text.n + 1, true);
    FUZZ_CHECK(str_eq(whole, rows(&cx, text, 1 + data[0] % 32, false)));
    return 0;
}
