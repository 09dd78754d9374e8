#include "store/events/scan_in.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include <pthread.h>
#include <string.h>
#include <xxhash.h>

/* Pages double and never move, so that a text is read without the lock that adding one takes. */
enum { PAGE_FIRST = 1024, PAGES = 22, BYTES_FIRST = 16384, SLOTS_FIRST = 4096 };
typedef struct TextBytes { struct TextBytes *next; size_t used, size; char p[]; } TextBytes;
struct ScanTexts {
    pthread_mutex_t lock;
    Str       *pages[PAGES];
    uint32_t   n;
    uint32_t  *slots;
    size_t     n_slots;
    TextBytes *bytes;
};

Status scan_texts_new(Cx *cx, ScanTexts **ret)
{
    ScanTexts *t = mem_get(sizeof *t);
    if (!t) return fail(cx, ST_NO_MEM, "texts");
    pthread_mutex_init(&t->lock, NULL);
    *ret = t;
    return ST_OK;
}
void scan_texts_done(ScanTexts *t)
{
    if (!t) return;
    for (size_t i = 0; i < PAGES; i++) mem_free(t->pages[i]);
    for (TextBytes *b = t->bytes, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    mem_free(t->slots);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}
static Str *place(const ScanTexts *t, uint64_t code, unsigned *ret_page)
{
    unsigned page = 63 - (unsigned)__builtin_clzll(code / PAGE_FIRST + 1);
    *ret_page = page;
    return t->pages[page] ? t->pages[page] + (code - ((UINT64_C(1) << page) - 1) * PAGE_FIRST) : NULL;
}
Str scan_text(ScanTexts *t, uint64_t code)
{
    unsigned page;
    return *place(t, code, &page);
}
static uint32_t *slot_of(ScanTexts *t, Str s)
{
    size_t i = (size_t)XXH3_64bits(s.p, s.n) & (t->n_slots - 1);
    while (t->slots[i] && !str_eq(scan_text(t, t->slots[i] - 1), s)) i = (i + 1) & (t->n_slots - 1);
    return t->slots + i;
}
static Status grow(Cx *cx, ScanTexts *t)
{
    if (t->n < t->n_slots / 2) return ST_OK;
    size_t n = t->n_slots ? t->n_slots * 2 : SLOTS_FIRST;
    uint32_t *slots = mem_get(n * sizeof *slots);
    if (!slots) return fail(cx, ST_NO_MEM, "texts: %zu slots", n);
    mem_free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    for (uint32_t i = 0; i < t->n; i++) *slot_of(t, scan_text(t, i)) = i + 1;
    return ST_OK;
}
static char *room(ScanTexts *t, size_t n)
{
    TextBytes *b = t->bytes;
    if (!b || b->size - b->used < n) {
        size_t size = n > BYTES_FIRST ? n : BYTES_FIRST;
        b = mem_get(sizeof *b + size);
        if (!b) return NULL;
        b->size = size;
        b->next = t->bytes;
        t->bytes = b;
    }
    b->used += n;
    return b->p + b->used - n;
}
static Status add(Cx *cx, ScanTexts *t, ScanRun *run, Str s, uint64_t *ret)
{
    unsigned page;
    TRY(grow(cx, t));
    uint32_t *slot = slot_of(t, s);
    *ret = *slot - 1;
    if (*slot) return ST_OK;
    Str *to = place(t, t->n, &page);
    if (page >= PAGES) return fail(cx, ST_LIMITED, "texts: %u", t->n);
    if (!to) t->pages[page] = mem_get(((size_t)PAGE_FIRST << page) * sizeof *to);
    if (!t->pages[page]) return fail(cx, ST_NO_MEM, "texts: a page");
    TRY(scan_bytes(cx, run, (ptrdiff_t)(s.n + sizeof *to + 2 * sizeof *slot)));
    char *p = room(t, s.n);
    if (!p) return fail(cx, ST_NO_MEM, "texts: %zu bytes", s.n);
    if (s.n) memcpy(p, s.p, s.n);
    *place(t, t->n, &page) = (Str){ p, s.n };
    *ret = t->n++;
    *slot = t->n;
    return ST_OK;
}
Status scan_text_take(Cx *cx, ScanTexts *t, ScanRun *run, Str s, uint64_t *ret)
{
    if (!t) return fail(cx, ST_BUG, "scan: a text, and nowhere to keep it");
    pthread_mutex_lock(&t->lock);
    Status st = add(cx, t, run, s, ret);
    pthread_mutex_unlock(&t->lock);
    return st;
}
Status scan_text_code(Cx *cx, ScanTexts *t, Str s, uint64_t *ret) { return scan_text_take(cx, t, NULL, s, ret); }

/* ---- the watch over a question ---- */

Status scan_bytes(Cx *cx, ScanRun *run, ptrdiff_t bytes)
{
    if (!run) return ST_OK;
    size_t max = run->bytes_max ? run->bytes_max : ASK_BYTES_MAX;
    size_t now = atomic_fetch_add(&run->bytes, (size_t)bytes) + (size_t)bytes;
    if (bytes <= 0 || now <= max) return ST_OK;
    atomic_fetch_sub(&run->bytes, (size_t)bytes);
    return cx ? refuse(cx, ST_LIMITED, S("memory"), MSG_question_memory, NO_PARAMS) : ST_LIMITED;
}
Status scan_watch(Cx *cx, ScanRun *run, int64_t events)
{
    if (!run) return ST_OK;
    atomic_fetch_add_explicit(&run->done, events, memory_order_relaxed);
    if (run->stop) return refuse(cx, ST_LIMITED, S(""), MSG_question_stopped, NO_PARAMS);
    if (run->deadline && clock_mono() >= run->deadline)
        return refuse(cx, ST_LIMITED, S("time"), MSG_question_time, NO_PARAMS);
    return ST_OK;
}
