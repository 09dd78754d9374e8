#include "store/events/tail.h"
#include <string.h>

Tail *tail_new(int64_t start)
{
    Tail *t = mem_get(sizeof *t);
    if (!t) return NULL;
    t->refs = 1;
    t->start = t->end = start;
    return t;
}
Tail *tail_ref(Tail *t)
{
    t->refs++;
    return t;
}
void tail_chunk_free(Chunk *c)
{
    mem_free(c->bytes);
    mem_free(c);
}
void tail_done(Tail *t)
{
    if (!t || --t->refs > 0) return;
    for (Chunk *c = t->chunks, *next; c; c = next) {
        next = c->next;
        tail_chunk_free(c);
    }
    for (TailPage *p = t->first, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    joins_view_done(t->people);
    buf_done(&t->map);
    mem_free(t);
}
Status tail_add(Cx *cx, Tail *t, const TailRow *r)
{
    if (t->n % TAIL_PAGE == 0) {
        TailPage *p = mem_get(sizeof *p);
        if (!p) return fail(cx, ST_NO_MEM, "tail: a page");
        if (t->last) t->last->next = p;
        else t->first = p;
        t->last = p;
        t->bytes += sizeof *p;
    }
    t->last->rows[t->n % TAIL_PAGE] = *r;
    t->n++;
    return ST_OK;
}

enum { DIGIT = 11, BINS = 1 << DIGIT, FEW = 16 };
static uint64_t by_time(const Row *r) { return (uint64_t)r->time ^ UINT64_C(1) << 63; }
static uint64_t by_key(const Row *r) { return r->key; }
static uint64_t by_month(const Row *r) { return (uint32_t)r->month ^ 1U << 31; }
/* Counting sort by each digit that differs; says in which of the two arrays the rows are. */
static Row *sort_by(Row *a, size_t n, Row *b, uint64_t (*of)(const Row *))
{
    uint64_t any = 0, all = UINT64_MAX, last = 0;
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = of(&a[i]);
        any |= v, all &= v;
        sorted &= v >= last;
        last = v;
    }
    for (unsigned shift = 0; !sorted && shift < 64; shift += DIGIT) {
        size_t at[BINS] = { 0 }, sum = 0;
        if (((any ^ all) >> shift & (BINS - 1)) == 0) continue;
        for (size_t i = 0; i < n; i++) at[of(&a[i]) >> shift & (BINS - 1)]++;
        for (size_t i = 0; i < BINS; i++) {
            size_t count = at[i];
            at[i] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++) b[at[of(&a[i]) >> shift & (BINS - 1)]++] = a[i];
        Row *swap = a;
        a = b;
        b = swap;
    }
    return a;
}
static bool is_before(const Row *a, const Row *b)
{
    if (a->month != b->month) return a->month < b->month;
    return a->key != b->key ? a->key < b->key : a->time < b->time;
}
static size_t run_end(const Row *rows, size_t from, size_t n)
{
    size_t i = from < n ? from + 1 : n;
    while (i < n && !is_before(&rows[i], &rows[i - 1])) i++;
    return i;
}
static void merge_two(const Row *a, const Row *a_end, const Row *b, const Row *b_end, Row *to)
{
    while (a < a_end && b < b_end) *to++ = is_before(b, a) ? *b++ : *a++;
    memcpy(to, a, (size_t)(a_end - a) * sizeof *to);
    memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof *to);
}
/* Rows that come as a few sorted stretches, as one person's do out of several files: neighbours are merged until one is
 * left. Says in which of the two arrays they are. */
static Row *merge_runs(Row *a, size_t n, Row *b)
{
    for (size_t first = run_end(a, 0, n); first < n; first = run_end(a, 0, n)) {
        for (size_t i = 0, mid, end; i < n; i = end) {
            mid = run_end(a, i, n);
            end = run_end(a, mid, n);
            merge_two(a + i, a + mid, a + mid, a + end, b + i);
        }
        Row *swap = a;
        a = b;
        b = swap;
    }
    return a;
}
static bool is_few(const Row *rows, size_t n)
{
    size_t runs = 1;
    for (size_t i = 1; i < n && runs <= FEW; i++) runs += is_before(&rows[i], &rows[i - 1]);
    return runs <= FEW;
}
void tail_sort(Row *rows, size_t n, Row *room)
{
    Row *a = rows;
    uint64_t (*const keys[])(const Row *) = { by_time, by_key, by_month };
    if (is_few(rows, n)) a = merge_runs(a, n, room);
    else for (size_t k = 0; k < COUNT(keys); k++) a = sort_by(a, n, a == rows ? room : rows, keys[k]);
    if (a != rows) memcpy(rows, a, n * sizeof *rows);
}
