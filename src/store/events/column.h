/* column: arrays of numbers and of texts as bytes, and back. Drawn in docs/storage.md.
 *
 * Numbers are kept as the cheapest of some forms: one value; bits above a base, packed in groups of 256
 * (column_pack.h);
 * runs; packed with the few that need many bits apart; or bytes with few bits for the most frequent of them. Texts
 * are lengths and bytes, squeezed by zstd where that
 * saves something. Reading takes from the front of *bytes and checks every length: false means damaged. */
#ifndef LIUKE_COLUMN_H
#define LIUKE_COLUMN_H
#include "base/buf.h"
#include "store/events/column_pack.h"

void column_put(Buf *, const uint64_t *, size_t n);
void column_put32(Buf *, const uint32_t *, size_t n);
void column_put8(Buf *, const uint8_t *, size_t n);                  /* n less than 65,536 */
bool column_get(Str *bytes, size_t n, uint64_t *ret) MUST_USE;
bool column_get32(Str *bytes, size_t n, uint32_t *ret) MUST_USE;     /* false also for a value past 32 bits */

/* A column opened: the lengths of its parts are checked, values are not. Slices of the bytes. */
/* stored */
typedef enum ColumnForm { COLUMN_ONE, COLUMN_PACKED, COLUMN_RUNS, COLUMN_APART, COLUMN_COMMON } ColumnForm;
typedef struct Packed { const char *at; size_t bytes, n; uint64_t base; unsigned w; } Packed;
typedef struct Column {
    ColumnForm form;
    size_t     n;
    Packed     value;   /* ONE: its base is the value. RUNS: of each run. APART: all, low bits. COMMON: codes */
    Packed     more;             /* RUNS: lengths. APART: what is missing above the low bits. COMMON: the others */
    Packed     place;            /* APART: of each of these */
    ColumnCommon common;
    const char *before;          /* COMMON: of each group, how many others stand before it: u16 */
} Column;
bool column_open(Str *bytes, size_t n, Column *ret) MUST_USE;
/* Values [from, to); from is a multiple of 256, to as well unless it is n; ret[0] is value from. Cost: as many, and a
 * look at each run or value apart before them. false: damaged, or a value that does not fit ret. */
bool column_read(const Column *, size_t from, size_t to, uint64_t *ret) MUST_USE;
bool column_read32(const Column *, size_t from, size_t to, uint32_t *ret) MUST_USE;
bool column_read8(const Column *, size_t from, size_t to, uint8_t *ret) MUST_USE;
/* Value i alone, of form ONE, or PACKED in at most 32 bits. false: it must be read with its group. */
bool column_one(const Column *, size_t i, uint64_t *ret) MUST_USE;
/* The runs of a column of form ONE or RUNS: values, and where each begins; both with room for n + 1. *ret_runs of them,
 * first[*ret_runs] is n. */
bool column_runs(const Column *, uint64_t *value, uint32_t *first, uint32_t *ret_runs) MUST_USE;
static inline size_t column_n_runs(const Column *c) { return c->form == COLUMN_ONE ? c->n > 0 : c->value.n; }

void column_put_texts(Buf *, const Str *, size_t n);
/* Slices of *ret_heap, which is the caller's to mem_free(); at most max bytes of text. */
Status column_get_texts(Cx *, Str *bytes, size_t n, size_t max, Str *ret, char **ret_heap) MUST_USE;

/* The small fixed fields around columns, little end first. */
void column_put_u32(Buf *, uint32_t);
void column_put_u64(Buf *, uint64_t);
bool column_get_u8(Str *bytes, uint8_t *ret) MUST_USE;
bool column_get_u32(Str *bytes, uint32_t *ret) MUST_USE;
bool column_get_u64(Str *bytes, uint64_t *ret) MUST_USE;
bool column_skip(Str *bytes, size_t n, Str *ret) MUST_USE;           /* ret: the n bytes */

static inline unsigned column_bits(uint64_t v) { return v ? 64 - (unsigned)__builtin_clzll(v) : 0; }
static inline uint64_t column_zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }
static inline int64_t  column_zagzig(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }
#endif
