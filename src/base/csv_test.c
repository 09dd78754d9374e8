#include "tests/test.h"
#include "base/csv.h"
#include "base/limits.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Everything a stream gives, as text: "line@at-end [cell|cell]" or "line@at-end !why {raw}", a row a line. */
static void show(Buf *b, const CsvRow *r)
{
    char head[64];
    snprintf(head, sizeof head, "%lld@%lld-%lld ", (long long)r->line, (long long)r->at, (long long)r->end);
    buf_addz(b, head);
    if (r->bad) {
        buf_addc(b, '!');
        buf_addz(b, msg_code(r->why));
        buf_addz(b, " {");
        buf_add(b, r->raw);
        buf_addz(b, "}\n");
        return;
    }
    buf_addc(b, '[');
    for (size_t i = 0; i < r->n; i++) {
        if (i) buf_addc(b, '|');
        buf_add(b, r->cells[i]);
    }
    buf_addz(b, "]\n");
}
typedef struct Feed { Str all; size_t piece; int64_t from, line; char separator; } Feed;
/* Read it all in pieces, from a buffer that is moved each time, so that a row held too long would show. */
static Str read_all(Cx *cx, Feed f)
{
    Buf b = buf_new(cx->arena, 8 << 20);
    Csv *c = csv_new(cx->arena, f.separator ? f.separator : ',');
    size_t start = (size_t)f.from, end = start, used = 0;
    bool last;
    assert_non_null(c);
    if (f.line) csv_resume(c, f.line);
    do {
        end = f.all.n - end < f.piece ? f.all.n : end + f.piece;
        last = end == f.all.n;
        char *copy = malloc(end - start + 1);
        size_t at = 0;
        CsvRow row;
        Status st;
        assert_non_null(copy);
        if (end > start) memcpy(copy, f.all.p + start, end - start);
        for (;; at += used) {
            st = csv_next(cx, c, (Str){ copy + at, end - start - at }, (int64_t)(start + at), last, &used, &row);
            if (st != ST_OK) break;
            assert_int_equal(row.end, start + at + used);
            show(&b, &row);
        }
        assert_int_equal(st, ST_NOT_FOUND);
        start += at + used;
        free(copy);
    } while (!last);
    assert_false(b.bad);
    return buf_str(&b);
}
static void reads(Cx *cx, const char *text, const char *want)
{
    static const size_t pieces[] = { 1, 2, 3, 7, 1000 };
    for (size_t i = 0; i < COUNT(pieces); i++) {
        Str got = read_all(cx, (Feed){ .all = str_z(text), .piece = pieces[i] });
        if (!str_eq(got, str_z(want))) print_error("pieces of %zu of %s\n", pieces[i], text);
        assert_str(got, want);
    }
}
TEST(csv_rows_are_the_same_in_pieces_of_any_size)
{
    reads(cx, "", "");
    reads(cx, "a", "1@0-1 [a]\n");
    reads(cx, "a,b\nc,d\n", "1@0-4 [a|b]\n2@4-8 [c|d]\n");
    reads(cx, "a,b\r\nc,d\r\n", "1@0-5 [a|b]\n2@5-10 [c|d]\n");
    reads(cx, "a,b\r\nc,d\r", "1@0-5 [a|b]\n2@5-9 [c|d]\n");
    reads(cx, "a,\n,\n\n,b", "1@0-3 [a|]\n2@3-5 [|]\n3@5-6 []\n4@6-8 [|b]\n");
    reads(cx, "\xef\xbb\xbf" "a\nb", "1@3-5 [a]\n2@5-6 [b]\n");
    reads(cx, "\xef\xbb\xbf", "");
    reads(cx, "a\n\xef\xbb\xbf" "b", "1@0-2 [a]\n2@2-6 [\xef\xbb\xbf" "b]\n");
    reads(cx, "\"a\"\n\"b\"\r\n\"c\"", "1@0-4 [a]\n2@4-9 [b]\n3@9-12 [c]\n");
    reads(cx, "\"\",\"\"\n\"\"", "1@0-6 [|]\n2@6-8 []\n");
    reads(cx, "\"a,\"\"b\"\"\",c\n\"\"\"\"", "1@0-12 [a,\"b\"|c]\n2@12-16 [\"]\n");
    reads(cx, "\"x\ny\r\nz\",1\nq", "1@0-11 [x\ny\r\nz|1]\n4@11-12 [q]\n");
    reads(cx, "留,客\n\"好,\",😀", "1@0-8 [留|客]\n2@8-19 [好,|😀]\n");
    reads(cx, "a\rb\n", "1@0-4 [a\rb]\n");
    reads(cx, " a , b\n", "1@0-7 [ a | b]\n");
    reads(cx, "\"a\"\r", "1@0-4 [a]\n");
}
TEST(csv_a_bad_row_is_named_and_the_rest_is_read)
{
    reads(cx, "a\"b,c\nd\n", "1@0-6 !csv_quote {a\"b,c}\n2@6-8 [d]\n");
    reads(cx, "\"a\"b,c\nd", "1@0-7 !csv_quote {\"a\"b,c}\n2@7-8 [d]\n");
    reads(cx, "\"a\n\"b,c\r\nd", "1@0-9 !csv_quote {\"a\n\"b,c}\n3@9-10 [d]\n");
    reads(cx, "\"a\"\rb\nd", "1@0-6 !csv_quote {\"a\"\rb}\n2@6-7 [d]\n");
    reads(cx, "x\n\"never closed\nc,d\n", "1@0-2 [x]\n2@2-16 !csv_quote {\"never closed}\n3@16-20 [c|d]\n");
    reads(cx, "\"never closed", "1@0-13 !csv_quote {\"never closed}\n");
    reads(cx, "a,\"\xff\"\nb\n\xe4\xbd\n",
          "1@0-6 !bad_encoding_row {a,\"\xff\"}\n2@6-8 [b]\n3@8-11 !bad_encoding_row {\xe4\xbd}\n");
}
TEST(csv_takes_other_separators)
{
    assert_str(read_all(cx, (Feed){ .all = S("a;b,c\t\n\"x;\";y"), .piece = 2, .separator = ';' }),
               "1@0-7 [a|b,c\t]\n2@7-13 [x;|y]\n");
    assert_str(read_all(cx, (Feed){ .all = S("a\tb"), .piece = 9, .separator = '\t' }), "1@0-3 [a|b]\n");
}
TEST(csv_reading_resumes_at_a_rows_end_with_its_line)
{
    Str all = S("a,1\n\"b\nb\",2\nc,3\n");
    assert_str(read_all(cx, (Feed){ .all = all, .piece = 3, .from = 12, .line = 4 }), "4@12-16 [c|3]\n");
    assert_str(read_all(cx, (Feed){ .all = all, .piece = 3, .from = 4, .line = 2 }),
        "2@4-12 [b\nb|2]\n4@12-16 [c|3]\n");
    assert_str(read_all(cx, (Feed){ .all = all, .piece = 3, .from = (int64_t)all.n, .line = 5 }), "");
}
static Str filled(Cx *cx, const char *head, size_t n, char c, const char *tail)
{
    Buf b = buf_new(cx->arena, 4 << 20);
    buf_addz(&b, head);
    char *p = buf_room(&b, n);
    assert_non_null(p);
    memset(p, c, n);
    buf_addz(&b, tail);
    assert_false(b.bad);
    return buf_str(&b);
}
static void first_row(Cx *cx, Str all, size_t piece, CsvRow *ret, Csv **ret_csv)
{
    size_t n = 0, used;
    Status st;
    *ret_csv = csv_new(cx->arena, ',');
    int64_t at = 0;
    do {
        n = all.n - n < piece ? all.n : n + piece;
        st = csv_next(cx, *ret_csv, (Str){ all.p + at, n - (size_t)at }, at, n == all.n, &used, ret);
        at += (int64_t)used;
    } while (st == ST_NOT_FOUND && n < all.n);
    assert_int_equal(st, ST_OK);
}
TEST(csv_a_row_of_the_largest_size_passes_and_one_byte_more_does_not)
{
    for (size_t piece = 65536; piece <= 16 << 20; piece *= 256)
        for (size_t more = 0; more < 3; more++) {
            Csv *c;
            CsvRow r;
            const char *end = more == 2 ? "" : "\nnext,row";
            Str all = filled(cx, "", IMPORT_ROW_BYTES_MAX + (more ? 1 : 0), 'x', end);
            first_row(cx, all, piece, &r, &c);
            assert_int_equal(r.bad, more > 0);
            assert_int_equal(r.end, all.n - (more == 2 ? 0 : 8));
            if (more) assert_int_equal(r.why, MSG_csv_row_long);
            if (more) assert_int_equal(r.max, IMPORT_ROW_BYTES_MAX);
            if (!more) assert_int_equal(r.cells[0].n, IMPORT_ROW_BYTES_MAX);
            arena_reset(cx->arena);
        }
}
TEST(csv_a_quote_that_never_closes_costs_one_line)
{
    for (size_t piece = 65536; piece <= 16 << 20; piece *= 256) {
        Csv *c;
        CsvRow r;
        first_row(cx, filled(cx, "\"a,b\nc", 3 << 20, '\n', "d"), piece, &r, &c);
        assert_true(r.bad && r.why == MSG_csv_quote && r.end == 5);
        assert_str(r.raw, "\"a,b");
        first_row(cx, filled(cx, "\"", 3 << 20, 'x', "\nd"), piece, &r, &c);
        assert_true(r.bad && r.why == MSG_csv_row_long && r.end == (3 << 20) + 2);
        arena_reset(cx->arena);
    }
}
TEST(csv_too_many_columns_are_named)
{
    Csv *c;
    CsvRow r;
    first_row(cx, filled(cx, "", IMPORT_COLUMNS_MAX - 1, ',', "\n"), 1 << 20, &r, &c);
    assert_true(!r.bad && r.n == IMPORT_COLUMNS_MAX);
    first_row(cx, filled(cx, "", IMPORT_COLUMNS_MAX, ',', "x\r\ny"), 1 << 20, &r, &c);
    assert_true(r.bad && r.why == MSG_csv_cells && r.max == IMPORT_COLUMNS_MAX && r.end == IMPORT_COLUMNS_MAX + 3);
}
TEST(csv_doubled_quotes_need_memory_once_and_say_when_there_is_none)
{
    Csv *c = csv_new(cx->arena, ',');
    Str all = S("\"a\"\"b\",\"\"\"\"\n");
    size_t used, before;
    CsvRow r;
    for (int i = 0; i < 1000; i++) {
        ok(csv_next(cx, c, all, 0, false, &used, &r));
        assert_str(r.cells[0], "a\"b");
        assert_str(r.cells[1], "\"");
        if (i == 0) before = arena_used(cx->arena);
    }
    assert_int_equal(arena_used(cx->arena), before);
#ifdef LIUKE_FAULT
    c = csv_new(cx->arena, ',');
    fault_arm(FAULT_ALLOC, 0);
    assert_int_equal(csv_next(cx, c, all, 0, false, &used, &r), ST_NO_MEM);
    assert_int_equal(used, 0);
    ok(csv_next(cx, c, all, 0, false, &used, &r));          /* and can be asked again */
    assert_str(r.cells[0], "a\"b");
    fault_arm(FAULT_ALLOC, 0);
    assert_null(csv_new(cx->arena, ','));
    fault_arm(FAULT_ALLOC, -1);
#endif
}
TEST(csv_cells_are_written_so_that_they_read_back_and_run_nothing)
{
    static const struct { const char *cell, *plain, *guarded; } cases[] = {
        { "", "", "" }, { "a", "a", "a" }, { "a,b", "\"a,b\"", "\"a,b\"" }, { "\"", "\"\"\"\"", "\"\"\"\"" },
        { "x\ny", "\"x\ny\"", "\"x\ny\"" }, { "x\r", "\"x\r\"", "\"x\r\"" }, { " x", "\" x\"", "\" x\"" },
        { "=1+1", "=1+1", "'=1+1" }, { "-2", "-2", "'-2" }, { "+1,2", "\"+1,2\"", "\"'+1,2\"" }, { "@x", "@x", "'@x" },
        { "\tx", "\tx", "'\tx" }, { "a=b", "a=b", "a=b" }, { "好\"", "\"好\"\"\"", "\"好\"\"\"" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Buf b = buf_new(cx->arena, 100);
        csv_cell(&b, str_z(cases[i].cell), true, false);
        assert_str(buf_str(&b), cases[i].plain);
        size_t n = b.n;
        csv_cell(&b, str_z(cases[i].cell), false, true);
        assert_int_equal(b.p[n], ',');
        assert_str(((Str){ b.p + n + 1, b.n - n - 1 }), cases[i].guarded);
    }
}

/* ---- real files with the traps their README lists */

typedef struct Stats { int64_t rows, bad, cells, least, most, end; } Stats;
typedef void EachRow(const CsvRow *, void *arg);
static Stats read_file(Cx *cx, const char *path, EachRow *each, void *arg)
{
    enum { BUF = 1 << 17 };
    gzFile f = gzopen(test_shared(path), "rb");
    char *buf = malloc(BUF);
    Csv *c = csv_new(cx->arena, ',');
    Stats s = { .least = 1000000 };
    size_t n = 0, start, used;
    int64_t base = 0;
    bool last = false;
    assert_true(f && buf && c);
    while (!last) {
        int got = gzread(f, buf + n, (unsigned)(BUF - n));
        CsvRow r;
        assert_true(got >= 0);
        last = got == 0;
        n += (size_t)got;
        for (start = 0;; start += used) {
            Status st = csv_next(cx, c, (Str){ buf + start, n - start }, base + (int64_t)start, last, &used, &r);
            if (st != ST_OK) break;
            s.rows++;
            s.bad += r.bad;
            s.cells += (int64_t)r.n;
            if ((int64_t)r.n < s.least) s.least = (int64_t)r.n;
            if ((int64_t)r.n > s.most) s.most = (int64_t)r.n;
            s.end = r.end;
            if (each) each(&r, arg);
        }
        start += used;
        memmove(buf, buf + start, n - start);
        n -= start;
        base += (int64_t)start;
    }
    assert_int_equal(n, 0);
    gzclose(f);
    free(buf);
    return s;
}
static void whole(Cx *cx, const char *path, int64_t rows, int64_t columns)
{
    Stats s = read_file(cx, path, NULL, NULL);
    if (s.rows != rows || s.bad || s.least != columns || s.most != columns)
        print_error("%s: %lld rows, %lld bad, %lld to %lld columns\n", path, (long long)s.rows, (long long)s.bad,
                    (long long)s.least, (long long)s.most);
    assert_int_equal(s.rows, rows);
    assert_int_equal(s.bad, 0);
    assert_int_equal(s.least, columns);
    assert_int_equal(s.most, columns);
}
static void count_segment(const CsvRow *r, void *arg)
{
    if (memchr(r->cells[1].p, ',', r->cells[1].n)) ++*(int64_t *)arg;
    for (size_t i = 0; i < r->n; i++) assert_false(r->cells[i].n && r->cells[i].p[r->cells[i].n - 1] == '\r');
}
static void count_agents(const CsvRow *r, void *arg)
{
    int64_t *n = arg;
    n[0] += r->cells[5].n == 0;
    n[1] += memchr(r->cells[5].n ? r->cells[5].p : "", ',', r->cells[5].n) != NULL;
    n[2] += r->cells[6].n == 0;
}
static void count_marks(const CsvRow *r, void *arg)
{
    for (size_t i = 0; i < r->n; i++) {
        Str s = r->cells[i];
        if (s.n && memmem(s.p, s.n, "\xef\xbb\xbf", 3)) ++((int64_t *)arg)[0];
        if (s.n == 0) ++((int64_t *)arg)[1];
    }
}
/* The expected figures are those of Python's csv module over the same files. */
TEST(csv_reads_the_public_files_with_their_traps)
{
    int64_t thousand = 0, agents[3] = { 0 }, marks[2] = { 0 };
    whole(cx, "data/ab/cookie_cats.csv.gz", 90189 + 1, 5);
    whole(cx, "data/churn/telco_customer_churn.csv.gz", 7043 + 1, 21);
    Stats s = read_file(cx, "data/campaign/hillstrom.csv.gz", count_segment, &thousand);
    assert_true(s.rows == 64001 && s.bad == 0 && s.least == 12 && s.most == 12);
    assert_int_equal(thousand, 3167);                       /* the only quoted values: "$1,000" */
    s = read_file(cx, "data/events/deskdrop_users_interactions.csv.gz", count_agents, agents);
    assert_true(s.rows == 72313 && s.bad == 0 && s.least == 8 && s.most == 8);
    assert_int_equal(agents[0], 15394);
    assert_int_equal(agents[1], 48957);
    s = read_file(cx, "data/text_zh/online_shopping_10_cats.part1.csv.gz", count_marks, marks);
    assert_true(s.rows == 31387 + 1 && s.bad == 0);
    assert_true(marks[0] == 14 && marks[1] == 0);           /* a byte-order mark inside a text is text */
}
