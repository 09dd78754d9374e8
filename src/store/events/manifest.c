#include "store/events/manifest.h"
#include "base/arena.h"
#include "store/events/le.h"
#include <xxhash.h>

/* "liukeman" version n | flushed next_id actors map_id n_marks n_ids | n rows | marks | ids | check of all before it.
 * */
static const char magic[8] = { 'l', 'i', 'u', 'k', 'e', 'm', 'a', 'n' };
enum { VERSION = 3, HEAD = 8 + 4 + 4 + 6 * 8, ROW = 8 + 4 + 4 + 4 * 8 + 8, MARK = 5 * 8, IDS = 4 * 8, CHECK = 8,
    SEGMENTS_MAX = 1 << 20, MARKS_MAX = 1 << 16, IDS_MAX = 1 << 16 };
static const char name[] = "manifest";

static Status rows_read(Cx *cx, Str text, Manifest *m)
{
    Cur c = { text.p + 16, text.p + text.n - CHECK, false };
    m->flushed = (int64_t)cur_u64(&c);
    m->next_id = (int64_t)cur_u64(&c);
    m->actors = (int64_t)cur_u64(&c);
    m->map_id = (int64_t)cur_u64(&c);
    (void)cur_u64(&c);                           /* n_marks, n_ids: known already */
    (void)cur_u64(&c);
    m->segments = ARENA_MANY(cx->arena, ManifestSegment, m->n);
    m->marks = ARENA_MANY(cx->arena, ManifestMark, m->n_marks);
    m->ids = ARENA_MANY(cx->arena, ManifestIds, m->n_ids);
    if (!m->segments || !m->marks || !m->ids) return fail(cx, ST_NO_MEM, "manifest of %zu segments", m->n);
    for (size_t i = 0; i < m->n; i++) {
        ManifestSegment *s = m->segments + i;
        Str row = cur_bytes(&c, ROW);
        s->id = (int64_t)le_get64(row.p);
        s->month = (int32_t)le_get32(row.p + 8);
        s->level = (int32_t)le_get32(row.p + 12);
        s->events = (int64_t)le_get64(row.p + 16);
        s->bytes = (int64_t)le_get64(row.p + 24);
        s->first = (int64_t)le_get64(row.p + 32);
        s->last = (int64_t)le_get64(row.p + 40);
        s->check = le_get64(row.p + 48);
    }
    for (size_t i = 0; i < m->n_marks; i++) {
        Str row = cur_bytes(&c, MARK);
        m->marks[i] = (ManifestMark){ (int64_t)le_get64(row.p), (int64_t)le_get64(row.p + 8),
            (int64_t)le_get64(row.p + 16), (int64_t)le_get64(row.p + 24), (int64_t)le_get64(row.p + 32) };
    }
    for (size_t i = 0; i < m->n_ids; i++) {
        Str row = cur_bytes(&c, IDS);
        m->ids[i] = (ManifestIds){ (int64_t)le_get64(row.p), (int64_t)le_get64(row.p + 8),
            (int64_t)le_get64(row.p + 16), (int64_t)le_get64(row.p + 24) };
    }
    return ST_OK;
}
Status manifest_read(Cx *cx, Fs fs, const char *dir, Manifest *ret)
{
    const char *path;
    Str text;
    Manifest m = { 0 };
    TRY(fs_path(cx, dir, name, "", &path));
    Status st = fs_read_all(cx, fs, path, HEAD + (size_t)SEGMENTS_MAX * ROW + (size_t)MARKS_MAX * MARK +
        (size_t)IDS_MAX * IDS + CHECK, &text);
    if (st == ST_NOT_FOUND) {
        *ret = m;
        return ST_OK;
    }
    TRY(st);
    if (text.n < HEAD + CHECK || memcmp(text.p, magic, sizeof magic) != 0)
        return fail(cx, ST_IO, "%s: not a manifest", path);
    if (le_get32(text.p + 8) != VERSION)
        return fail(cx, ST_IO, "%s: version %u, this program reads %d", path, le_get32(text.p + 8), VERSION);
    m.n = le_get32(text.p + 12);
    m.n_marks = le_get64(text.p + HEAD - 16);
    m.n_ids = le_get64(text.p + HEAD - 8);
    if (m.n_marks > MARKS_MAX || m.n_ids > IDS_MAX ||
        text.n != HEAD + m.n * ROW + m.n_marks * MARK + m.n_ids * IDS + CHECK ||
        le_get64(text.p + text.n - CHECK) != XXH3_64bits(text.p, text.n - CHECK))
        return fail(cx, ST_IO, "%s: damaged", path);
    TRY(rows_read(cx, text, &m));
    *ret = m;
    return ST_OK;
}
Status manifest_write(Cx *cx, Fs fs, const char *dir, const Manifest *m)
{
    size_t size = HEAD + m->n * ROW + m->n_marks * MARK + m->n_ids * IDS + CHECK;
    bool fits = m->n <= SEGMENTS_MAX && m->n_marks <= MARKS_MAX && m->n_ids <= IDS_MAX;
    char *text = fits ? arena_raw(cx->arena, size) : NULL, *p = text;
    if (!text) return fail(cx, ST_NO_MEM, "manifest of %zu segments", m->n);
    memcpy(p, magic, sizeof magic);
    p = le_put32(p + 8, VERSION);
    p = le_put32(p, (uint32_t)m->n);
    p = le_put64(p, (uint64_t)m->flushed);
    p = le_put64(p, (uint64_t)m->next_id);
    p = le_put64(p, (uint64_t)m->actors);
    p = le_put64(p, (uint64_t)m->map_id);
    p = le_put64(p, m->n_marks);
    p = le_put64(p, m->n_ids);
    for (size_t i = 0; i < m->n; i++) {
        const ManifestSegment *s = m->segments + i;
        p = le_put64(p, (uint64_t)s->id);
        p = le_put32(p, (uint32_t)s->month);
        p = le_put32(p, (uint32_t)s->level);
        p = le_put64(p, (uint64_t)s->events);
        p = le_put64(p, (uint64_t)s->bytes);
        p = le_put64(p, (uint64_t)s->first);
        p = le_put64(p, (uint64_t)s->last);
        p = le_put64(p, s->check);
    }
    for (size_t i = 0; i < m->n_marks; i++) {
        const ManifestMark *k = m->marks + i;
        p = le_put64(p, (uint64_t)k->import);
        p = le_put64(p, (uint64_t)k->done);
        p = le_put64(p, (uint64_t)k->line);
        p = le_put64(p, (uint64_t)k->kept);
        p = le_put64(p, (uint64_t)k->rejected);
    }
    for (size_t i = 0; i < m->n_ids; i++) {
        const ManifestIds *f = m->ids + i;
        p = le_put64(p, (uint64_t)f->id);
        p = le_put64(p, (uint64_t)f->source);
        p = le_put64(p, (uint64_t)f->n);
        p = le_put64(p, (uint64_t)f->newest);
    }
    le_put64(p, XXH3_64bits(text, size - CHECK));
    return fs_replace(cx, fs, dir, name, (Str){ text, size });
}
