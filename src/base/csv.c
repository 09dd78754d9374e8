#include "base/csv.h"
#include "base/limits.h"
#include "base/utf8.h"
#include <assert.h>
#include <string.h>
#ifdef __x86_64__
#include <emmintrin.h>
#endif

/* What the bytes of the row so far have led to. CR: after a closing quote. */
typedef enum State { CELL_START, PLAIN, QUOTED, QUOTE, QUOTE_CR, SPOILT, DONE } State;
typedef struct Cell { uint32_t at, end; bool doubled; } Cell;       /* offsets in the row */
struct Csv {
    Arena  *arena;
    char    separator;
    bool    ends_plain[256];                  /* bytes that end an unquoted stretch */
    int64_t line;                             /* of the row */
    int64_t at;                               /* its stream offset; -1: none begun */
    bool    skipping;                         /* it is too long */
    State   state;
    size_t  scanned;                          /* bytes of it */
    bool    quoted, doubled;                  /* some cell is; the cell being read has "" */
    bool    undo;                             /* some cell has "" */
    bool    bad;
    bool    ascii;                            /* known to be nothing else */
    Msg     why;
    int64_t max;
    size_t  n;
    char   *scratch;                          /* where "" becomes " */
    size_t  room;
    Cell    cell[IMPORT_COLUMNS_MAX];
    Str     str[IMPORT_COLUMNS_MAX];
};

Csv *csv_new(Arena *a, char separator)
{
    Csv *c = ARENA_NEW(a, Csv);
    assert(separator != '"' && separator != '\n' && separator != '\r');
    if (!c) return NULL;
    c->arena = a;
    c->separator = separator;
    c->ends_plain[(unsigned char)separator] = c->ends_plain['"'] = c->ends_plain['\n'] = true;
    c->line = 1;
    c->at = -1;
    return c;
}
void csv_resume(Csv *c, int64_t line)
{
    c->line = line;
    c->at = -1;
    c->skipping = false;
}
static void begin(Csv *c, int64_t at)
{
    c->at = at;
    c->state = CELL_START;
    c->scanned = c->n = 0;
    c->quoted = c->doubled = c->undo = c->bad = c->ascii = false;
    c->cell[0] = (Cell){ 0 };
}
static void spoil(Csv *c, Msg why, int64_t max)
{
    if (c->bad) return;                       /* the first reason stays */
    c->bad = true;
    c->why = why;
    c->max = max;
}
static void end_cell(Csv *c, size_t end)
{
    if (c->n == IMPORT_COLUMNS_MAX) {
        spoil(c, MSG_csv_cells, IMPORT_COLUMNS_MAX);
        return;
    }
    c->cell[c->n].end = (uint32_t)end;
    c->cell[c->n++].doubled = c->doubled;
    c->doubled = false;
}
static void start_cell(Csv *c, size_t at)
{
    if (c->n < IMPORT_COLUMNS_MAX) c->cell[c->n].at = (uint32_t)at;
}
/* A separator or a line end at i, outside quotes; the cell ended at end. */
static void at_end(Csv *c, char byte, size_t i, size_t end)
{
    end_cell(c, end);
    c->state = byte == '\n' ? DONE : CELL_START;
    start_cell(c, i + 1);
}
static void stray(Csv *c)
{
    spoil(c, MSG_csv_quote, 0);
    c->state = SPOILT;
}
static size_t find(const char *p, size_t i, size_t n, char byte)
{
    const char *at = i < n ? memchr(p + i, byte, n - i) : NULL;
    return at ? (size_t)(at - p) : n;
}
/* Where a plain cell ends, at a line end: the CR before it is no part of it. */
static size_t plain_end(const Csv *c, const char *p, size_t i)
{
    size_t start = c->n < IMPORT_COLUMNS_MAX ? c->cell[c->n].at : i;
    return p[i] == '\n' && i > start && p[i - 1] == '\r' ? i - 1 : i;
}
/* One step: at least one byte of p from i on, and all that need no thought. The new i. */
static size_t step(Csv *c, const char *p, size_t i, size_t n)
{
    char byte = p[i];
    switch (c->state) {
    case CELL_START:
        if (byte == '"') {
            c->quoted = true;
            c->state = QUOTED;
            start_cell(c, i + 1);
            return i + 1;
        }
        c->state = PLAIN;
        return i;
    case PLAIN:
        while (i < n && !c->ends_plain[(unsigned char)p[i]]) i++;
        if (i == n) return i;
        if (p[i] == '"') stray(c);
        else at_end(c, p[i], i, plain_end(c, p, i));
        return i + 1;
    case QUOTED:
        i = find(p, i, n, '"');
        if (i == n) return i;
        c->state = QUOTE;
        return i + 1;
    case QUOTE:
        if (byte == '"') {
            c->doubled = c->undo = true;
            c->state = QUOTED;
        } else if (byte == c->separator || byte == '\n') at_end(c, byte, i, i - 1);
        else if (byte == '\r') c->state = QUOTE_CR;
        else stray(c);
        return c->state == SPOILT ? i : i + 1;
    case QUOTE_CR:
        if (byte == '\n') at_end(c, byte, i, i - 2);
        else stray(c);
        return c->state == SPOILT ? i : i + 1;
    case SPOILT:
        i = find(p, i, n, '\n');
        if (i == n) return i;
        c->state = DONE;
        return i + 1;
    case DONE: break;
    }
    return i;
}
#ifdef __x86_64__
/* Of the last cell, which a line end closes: the CR before it is no part of it. */
static size_t plain_end_of(const Csv *c, const char *p)
{
    Cell last = c->cell[c->n - 1];
    return last.end > last.at && p[last.end - 1] == '\r' ? last.end - 1 : last.end;
}
/* 64 bytes at once: which of them end a cell, which are quotes, which are no ASCII. */
typedef struct Marks { uint64_t ends, lines, quotes, high; } Marks;
static Marks marks_of(const char *p, char separator)
{
    const __m128i sep = _mm_set1_epi8(separator), line = _mm_set1_epi8('\n'), quote = _mm_set1_epi8('"');
    Marks m = { 0 };
    for (int k = 0; k < 4; k++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k)), l = _mm_cmpeq_epi8(v, line);
        m.lines |= (uint64_t)(uint32_t)_mm_movemask_epi8(l) << (16 * k);
        m.ends |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(l, _mm_cmpeq_epi8(v, sep))) << (16 * k);
        m.quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote)) << (16 * k);
        m.high |= (uint64_t)(uint32_t)_mm_movemask_epi8(v) << (16 * k);
    }
    return m;
}
/* A whole row without a quote, as nearly all are: found without a step a byte. False: nothing is changed that begin()
 * does not set. */
static bool quick(Csv *c, const char *p, size_t n)
{
    uint64_t high = 0;
    for (size_t i = 0; i + 64 <= n; i += 64) {
        Marks m = marks_of(p + i, c->separator);
        uint64_t in_row = m.lines ? m.lines ^ (m.lines - 1) : UINT64_MAX;
        if (m.quotes & in_row) return false;
        high |= m.high & in_row;
        for (uint64_t ends = m.ends & in_row; ends; ends &= ends - 1) {
            size_t at = i + (size_t)__builtin_ctzll(ends);
            if (c->n == IMPORT_COLUMNS_MAX) return false;
            c->cell[c->n].end = (uint32_t)at;
            c->cell[c->n++].doubled = false;
            start_cell(c, at + 1);
        }
        if (!m.lines) continue;
        c->scanned = c->cell[c->n - 1].end + 1;
        c->cell[c->n - 1].end = (uint32_t)plain_end_of(c, p);
        c->state = DONE;
        c->ascii = high == 0;
        return true;
    }
    return false;
}
#else
static bool quick(Csv *c, const char *p, size_t n)
{
    (void)c, (void)p, (void)n;
    return false;
}
#endif
/* The stream ends after n bytes of the row. */
static void finish(Csv *c, const char *p, size_t n)
{
    if (c->state == CELL_START || c->state == PLAIN) {
        size_t start = c->n < IMPORT_COLUMNS_MAX ? c->cell[c->n].at : n;
        end_cell(c, n > start && p[n - 1] == '\r' ? n - 1 : n);
    } else if (c->state == QUOTE) end_cell(c, n - 1);
    else if (c->state == QUOTE_CR) end_cell(c, n - 2);
    if (c->state != QUOTED) c->state = DONE;
}

static char *undouble(char *to, Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        *to++ = s.p[i];
        if (s.p[i] == '"') i++;
    }
    return to;
}
static bool make_room(Csv *c, size_t need)
{
    if (need <= c->room) return true;
    size_t room = need < 2048 ? 4096 : need * 2;
    if (room > IMPORT_ROW_BYTES_MAX) room = IMPORT_ROW_BYTES_MAX;
    char *p = arena_raw(c->arena, room);
    if (!p) return false;
    c->scratch = p;
    c->room = room;
    return true;
}
static void cut_cells(Csv *c, const char *row)
{
    char *to = c->scratch;
    for (size_t i = 0; i < c->n; i++) {
        Cell cell = c->cell[i];
        c->str[i] = (Str){ row + cell.at, cell.end - cell.at };
        if (!cell.doubled) continue;
        char *end = undouble(to, c->str[i]);
        c->str[i] = (Str){ to, (size_t)(end - to) };
        to = end;
    }
}
/* row: with its line end, if it has one; end: of what is done with, in the stream. */
static Status give(Cx *cx, Csv *c, Str row, int64_t end, CsvRow *ret)
{
    int64_t lines = 1;
    Str raw = row;
    if (raw.n && raw.p[raw.n - 1] == '\n') raw.n--;
    if (c->quoted) for (size_t i = 0; (i = find(raw.p, i, raw.n, '\n')) < raw.n; i++) lines++;
    if (raw.n && raw.p[raw.n - 1] == '\r') raw.n--;
    if (!c->bad && !c->ascii && utf8_good(raw) < raw.n) spoil(c, MSG_bad_encoding_row, 0);
    if (!c->bad && c->undo && !make_room(c, raw.n))
        return fail(cx, ST_NO_MEM, "csv: no memory for a row of %zu bytes", raw.n);
    if (!c->bad) cut_cells(c, row.p);
    *ret = (CsvRow){ .cells = c->str, .n = c->bad ? 0 : c->n, .line = c->line, .at = c->at, .end = end,
                     .undone = c->undo, .bad = c->bad, .raw = raw };
    if (c->bad) {
        ret->why = c->why;
        ret->max = c->max;
    }
    c->line += lines;
    c->at = -1;
    c->skipping = false;
    return ST_OK;
}
/* In a row that is too long: pass over the rest of its line. */
static Status skip(Cx *cx, Csv *c, Str data, int64_t at, bool last, size_t *ret_used, CsvRow *ret)
{
    size_t i = find(data.p, 0, data.n, '\n');
    bool ends = i < data.n;
    *ret_used += ends ? i + 1 : data.n;
    if (!ends && !last) return ST_NOT_FOUND;
    c->quoted = false;
    return give(cx, c, (Str){ 0 }, at + (int64_t)(ends ? i + 1 : data.n), ret);
}
/* n bytes are scanned and no row has come of it, nor can one. */
static Status give_up(Cx *cx, Csv *c, Str data, size_t n, bool last, size_t *ret_used, CsvRow *ret)
{
    size_t line = find(data.p, 0, n, '\n');
    if (c->state == QUOTED && (line < n || n <= IMPORT_ROW_BYTES_MAX)) {
        if (line < n) line++;
        spoil(c, MSG_csv_quote, 0);
        c->quoted = false;
        TRY(give(cx, c, (Str){ data.p, line }, c->at + (int64_t)line, ret));
        *ret_used += line;
        return ST_OK;
    }
    c->bad = false;
    spoil(c, MSG_csv_row_long, IMPORT_ROW_BYTES_MAX);
    c->skipping = true;
    *ret_used += n;
    return skip(cx, c, (Str){ data.p + n, data.n - n }, c->at + (int64_t)n, last, ret_used, ret);
}
static Status next(Cx *cx, Csv *c, Str data, int64_t at, bool last, size_t *ret_used, CsvRow *ret)
{
    size_t n = data.n <= IMPORT_ROW_BYTES_MAX ? data.n : IMPORT_ROW_BYTES_MAX + 1;
    if (c->at != at) {
        begin(c, at);
        if (!quick(c, data.p, n)) begin(c, at);
    }
    while (c->state != DONE && c->scanned < n) c->scanned = step(c, data.p, c->scanned, n);
    if (c->state != DONE && n <= IMPORT_ROW_BYTES_MAX) {
        if (!last) return ST_NOT_FOUND;
        finish(c, data.p, n);
    }
    if (c->state != DONE) return give_up(cx, c, data, n, last, ret_used, ret);
    TRY(give(cx, c, (Str){ data.p, c->scanned }, at + (int64_t)c->scanned, ret));
    *ret_used += c->scanned;
    return ST_OK;
}
Status csv_next(Cx *cx, Csv *c, Str data, int64_t at, bool last, size_t *ret_used, CsvRow *ret)
{
    static const char mark[] = "\xef\xbb\xbf";
    *ret_used = 0;
    if (c->skipping) return skip(cx, c, data, at, last, ret_used, ret);
    if (at == 0 && c->at < 0 && data.n) {
        size_t n = data.n < 3 ? data.n : 3;
        bool same = memcmp(data.p, mark, n) == 0;
        if (same && n < 3 && !last) return ST_NOT_FOUND;
        if (same && n == 3) {
            *ret_used = 3;
            data = (Str){ data.p + 3, data.n - 3 };
            at = 3;
        }
    }
    return data.n ? next(cx, c, data, at, last, ret_used, ret) : ST_NOT_FOUND;
}

static bool is_formula(Str s) { return s.n && memchr("=+-@\t\r", *s.p, 6); }
void csv_cell(Buf *b, Str s, bool first, bool guard)
{
    bool quote = s.n && (*s.p == ' ' || s.p[s.n - 1] == ' ');
    for (size_t i = 0; i < s.n && !quote; i++)
        quote = s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (!first) buf_addc(b, ',');
    if (quote) buf_addc(b, '"');
    if (guard && is_formula(s)) buf_addc(b, '\'');
    for (size_t i; quote && (i = find(s.p, 0, s.n, '"')) < s.n; ) {
        buf_add(b, (Str){ s.p, i + 1 });
        buf_addc(b, '"');
        s = (Str){ s.p + i + 1, s.n - i - 1 };
    }
    buf_add(b, s);
    if (quote) buf_addc(b, '"');
}
