#include "main/table.h"
#include "base/arena.h"
#include "base/csv.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

enum { BYTES_MAX = 64 << 20, CELL_END = 0x1f, ROW_END = 0x1e, GAP = 2 };

Table table_new(Cx *cx, bool csv) { return (Table){ .cx = cx, .csv = csv, .cells = buf_new(cx->arena, BYTES_MAX) }; }
void table_text(Table *t, Str s)
{
    for (size_t i = 0; i < s.n; i++) buf_addc(&t->cells, (unsigned char)s.p[i] < 0x20 ? ' ' : s.p[i]);
    buf_addc(&t->cells, CELL_END);
    t->row_at++;
}
void table_int(Table *t, int64_t v)
{
    buf_i64(&t->cells, v);
    table_text(t, (Str){ 0 });
}
void table_number(Table *t, double v, int digits)
{
    char text[400];
    if (t->csv) buf_double(&t->cells, v);
    else buf_add(&t->cells, (Str){ text, (size_t)snprintf(text, sizeof text, "%.*f", digits, v) });
    table_text(t, (Str){ 0 });
}
void table_none(Table *t) { table_text(t, t->csv ? (Str){ 0 } : S("–")); }
void table_end_row(Table *t)
{
    if (t->n == 0) t->width = t->row_at;
    buf_addc(&t->cells, ROW_END);
    t->n++;
    t->row_at = 0;
}
/* Columns of a terminal: a character of the East takes two. */
static int columns(Str s)
{
    int n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c & 0xc0) == 0x80) continue;
        bool wide = c >= 0xf0 || (c >= 0xe3 && c <= 0xed) || (c == 0xef && i + 1 < s.n &&
            (unsigned char)s.p[i + 1] >= 0xbc);
        n += wide ? 2 : 1;
    }
    return n;
}
static Str next_cell(Str *row) { return str_cut(row, CELL_END); }
static void print_csv(Cx *cx, Str all)
{
    while (all.n) {
        Str row = str_cut(&all, ROW_END);
        Buf b = buf_new(cx->arena, row.n * 2 + 64);
        for (bool first = true; row.n; first = false) csv_cell(&b, next_cell(&row), first, true);
        printf("%.*s\n", (int)b.n, b.n ? b.p : "");
    }
}
static void print_row(Str row, const int *wide)
{
    for (size_t i = 0; row.n; i++) {
        Str cell = next_cell(&row);
        int pad = wide[i] - columns(cell);
        if (i) printf("%*s%.*s", pad + GAP, "", (int)cell.n, cell.p);
        else printf("%.*s%*s", (int)cell.n, cell.p, pad, "");
    }
    putchar('\n');
}
Status table_print(Table *t)
{
    int wide[TABLE_COLUMNS] = { 0 };
    Str all = buf_str(&t->cells);
    if (t->cells.bad) return fail(t->cx, ST_NO_MEM, "a table");
    if (t->csv) {
        print_csv(t->cx, all);
        return ST_OK;
    }
    for (Str rest = all; rest.n;) {
        Str row = str_cut(&rest, ROW_END);
        for (size_t i = 0; row.n && i < TABLE_COLUMNS; i++) {
            int n = columns(next_cell(&row));
            if (n > wide[i]) wide[i] = n;
        }
    }
    while (all.n) print_row(str_cut(&all, ROW_END), wide);
    return ST_OK;
}
