#include "store/records/migrate.h"
#include "base/buf.h"
#include "base/limits.h"
#include <ctype.h>

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_'; }
/* Length of what begins at s and is taken over as it is: a quoted piece, a comment, a word or one byte. */
static size_t piece(Str s)
{
    size_t n = 1;
    if (*s.p == '\'' || *s.p == '"') {
        while (n < s.n && s.p[n] != *s.p) n++;
        return n < s.n ? n + 1 : n;
    }
    if (str_starts(s, S("--"))) {
        while (n < s.n && s.p[n] != '\n') n++;
        return n;
    }
    if (in_word(*s.p)) while (n < s.n && in_word(s.p[n])) n++;
    return n;
}
Status migrate_text(Cx *cx, Str text, const Word *words, Str *ret)
{
    Buf b = buf_new(cx->arena, RECORDS_MIGRATION_BYTES);
    while (text.n) {
        Str got = { text.p, piece(text) };
        const Word *w = words;
        while (w->word && !str_is(got, w->word)) w++;
        buf_add(&b, w->word ? str_z(w->means) : got);
        text.p += got.n;
        text.n -= got.n;
    }
    if (b.bad) return fail(cx, ST_NO_MEM, "a migration's text");
    *ret = buf_str(&b);
    return ST_OK;
}
/* FNV-1a: it notices an edit, it defends against nobody. */
static int64_t checksum(Str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return (int64_t)h;
}
static Status found_another(Cx *cx, const Migration *m, int64_t number)
{
    return refuse(cx, ST_INVALID, S("records"), MSG_records_changed,
                  PARAMS({ .name = "number", .value = number }, { .name = "name", .text = str_z(m->name) }));
}
/* How many of the list are in place. */
static Status applied(Cx *cx, const Migration *list, size_t n, size_t *ret)
{
    AUTO_ROWS r = NULL;
    Status st;
    size_t i = 0;
    TRY(rows_open(cx, SQL("SELECT number, checksum FROM schema_migration ORDER BY number"), NO_BINDS, &r));
    for (; (st = rows_next(r)) == ST_OK; i++) {
        int64_t number = rows_i64(r, 0);
        if (i >= n)
            return refuse(cx, ST_INVALID, S("records"), MSG_records_newer,
                          PARAMS({ .name = "found", .value = number }, { .name = "known", .value = (int64_t)n }));
        if (number != list[i].number || rows_i64(r, 1) != checksum(list[i].text))
            return found_another(cx, &list[i], number);
    }
    if (st != ST_NOT_FOUND) return st;
    *ret = i;
    return ST_OK;
}
typedef struct Step { const Migration *list; size_t n, in_place; } Step;
static Status table_tx(Cx *cx, void *arg)
{
    Str text;
    (void)arg;
    TRY(migrate_text(cx, S("CREATE TABLE IF NOT EXISTS schema_migration(number BIGINT PRIMARY KEY, name TEXT NOT NULL, "
                           "checksum BIGINT NOT NULL, at BIGINT NOT NULL) STRICT"),
                     cx->records->engine->words, &text));
    TRY(db_script(cx, str_z(cx->records->engine->lock_first)));
    return db_script(cx, text);
}
/* One step looks again at what is in place: another node may have taken it in the meantime. */
static Status step_tx(Cx *cx, void *arg)
{
    Step *s = arg;
    Str text;
    TRY(db_script(cx, str_z(cx->records->engine->lock)));
    TRY(applied(cx, s->list, s->n, &s->in_place));
    if (s->in_place == s->n) return ST_OK;
    const Migration *m = &s->list[s->in_place];
    TRY(migrate_text(cx, m->text, cx->records->engine->words, &text));
    TRY(db_script(cx, text));
    return db_run(cx, SQL("INSERT INTO schema_migration(number, name, checksum, at) VALUES ($1, $2, $3, $4)"),
                  BINDS(b_i64(m->number), b_str(str_z(m->name)), b_i64(checksum(m->text)), b_i64(cx->now)));
}
Status migrate_run(Cx *cx, const Migration *list, size_t n)
{
    Step s = { .list = list, .n = n };
    TRY(tx_run(cx, table_tx, NULL));
    do TRY(tx_run(cx, step_tx, &s));
    while (s.in_place < s.n);
    return ST_OK;
}
