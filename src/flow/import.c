#include "flow/import.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "flow/import_fast.h"
#include <string.h>

enum { BATCH_ROWS = 1000, BATCH_BYTES = 512 << 10, REJECTS_BYTES = 700 << 10, HEAD_MAX = 64 << 10,
    ROWS_ARENA = 32 << 20 };

/* --- begin: which import is this? --- */

typedef struct Beginning {
    const ImportSpec *spec;
    SourceDraft source;
    Import fresh;                /* hashed outside the transaction */
    const ImportMap *map;
    Import found;
    bool   known;                /* found was there before */
} Beginning;
static void hash_first(Str first, int64_t n, uint8_t ret[32]) { crypto_sha256((Str){ first.p, (size_t)n }, ret); }

/* The same file: what we hashed then is what stands there now. Hashing a few dozen times 64 KiB is arithmetic, no
 * wait. */
static const Import *same_file(const Import *all, size_t n, Str first)
{
    uint8_t hash[32];
    for (size_t i = 0; i < n; i++) {
        if (all[i].hashed > (int64_t)first.n || all[i].hashed == 0) continue;
        hash_first(first, all[i].hashed, hash);
        if (memcmp(hash, all[i].hash, 32) == 0) return &all[i];
    }
    return NULL;
}
static bool name_known(const Import *all, size_t n, Str name)
{
    for (size_t i = 0; i < n; i++) if (str_eq(all[i].name, name)) return true;
    return false;
}
static Status begin_tx(Cx *cx, void *arg)
{
    Beginning *b = arg;
    const Import *all, *same;
    Source source;
    size_t n;

    TRY(source_ensure(cx, &b->source, &source));
    TRY(import_of_source(cx, source.id, &all, &n));
    same = b->spec->as_new ? NULL : same_file(all, n, b->spec->first);
    if (source.kind == SOURCE_LIUKE) return refuse(cx, ST_CONFLICT, S("source"), MSG_taken, NO_PARAMS);
    if (same) {
        b->found = *same;
        b->known = true;
        return ST_OK;
    }
    if (!b->spec->as_new && name_known(all, n, b->spec->name))
        return refuse(cx, ST_CONFLICT, S("file"), MSG_import_changed, NO_PARAMS);
    b->fresh.source = source.id;
    b->found = b->fresh;
    return import_add(cx, &b->fresh);
}
/* They go into the records, where text is UTF-8. */
static Status check_text(Cx *cx, Str s, Str field)
{
    return utf8_good(s) < s.n ? refuse(cx, ST_INVALID, field, MSG_bad_encoding_row, NO_PARAMS) : ST_OK;
}
static Status check_spec(Cx *cx, const ImportSpec *s)
{
    static const char *const formats[] = { "csv", "columns", "ndjson", "access" };
    bool known = false;
    for (size_t i = 0; i < COUNT(formats); i++) known |= str_is(s->format, formats[i]);
    if (!known) return refuse(cx, ST_INVALID, S("format"), MSG_bad_format, NO_PARAMS);
    if (s->source.n == 0) return refuse(cx, ST_INVALID, S("source"), MSG_required, NO_PARAMS);
    TRY(check_text(cx, s->source, S("source")));
    TRY(check_text(cx, s->name, S("name")));
    TRY(check_text(cx, s->map, S("map")));
    TRY(check_text(cx, s->columns, S("columns")));
    if (s->first.n == 0) return refuse(cx, ST_INVALID, S("file"), MSG_empty_file, NO_PARAMS);
    if (str_is(s->format, "columns") && s->columns.n == 0)
        return refuse(cx, ST_INVALID, S("columns"), MSG_required, NO_PARAMS);
    return ST_OK;
}
static Status save_tx(Cx *cx, void *arg) { return import_save(cx, arg); }
/* A file that was begun before, with what is stored of it, which records may not have heard of. */
static Status go_on(Cx *cx, const ImportDeps *deps, const Beginning *b, Import *ret)
{
    Import stands;
    TRY(import_session_stored(cx, deps->imports, ret));
    stands = *ret;
    import_session_place(deps->imports, &stands);
    if (stands.done == 0) {                  /* nothing was read: what was said first may have been the mistake */
        ret->format = b->fresh.format;
        ret->map = b->fresh.map;
        ret->head = b->fresh.head;
    } else if (!str_eq(ret->map, b->spec->map) || !str_eq(ret->format, b->spec->format)) {
        return refuse(cx, ST_CONFLICT, S("map"), MSG_import_other_map, NO_PARAMS);
    }
    ret->hashed = b->fresh.hashed;
    memcpy(ret->hash, b->fresh.hash, 32);
    TRY(tx_run(cx, save_tx, ret));
    ret->done = stands.done;
    return ST_OK;
}
Status flow_import_begin(Cx *cx, const ImportDeps *deps, const ImportSpec *spec, Import *ret)
{
    ImportMap map;
    Beginning b = { .spec = spec, .map = &map };

    TRY(check_spec(cx, spec));
    TRY(import_map_read(cx, spec->map, spec->format, &map));
    b.source = (SourceDraft){ .name = spec->source, .kind = SOURCE_IMPORT, .consent = CONSENT_ASSUMED,
        .consent_reason = S("import") };
    TRY(source_draft_keys(cx, &b.source));
    size_t n = spec->first.n < IMPORT_FIRST_BYTES ? spec->first.n : IMPORT_FIRST_BYTES;
    b.fresh = (Import){ .id = id_new(cx), .name = spec->name, .format = spec->format, .map = spec->map,
        .head = spec->columns, .hashed = (int64_t)n };
    hash_first(spec->first, b.fresh.hashed, b.fresh.hash);
    TRY(tx_run(cx, begin_tx, &b));
    *ret = b.found;
    return b.known ? go_on(cx, deps, &b, ret) : ST_OK;
}

/* --- rows --- */

typedef struct Reading {
    const ImportDeps *deps;
    ImportSession *s;
    Import *import;              /* the session's */
    ImportMap map;
    ImportRowCx row;
    ImportResult *result;
    Str names[IMPORT_COLUMNS_MAX]; size_t n_names;
    Entry *entries; size_t n; size_t bytes;
    ImportReject *rejects; size_t n_rejects, cap_rejects;
    size_t told;                 /* bytes the rejects take in a reply: past REJECTS_BYTES the piece ends early */
    bool *same;
    Csv *again;                  /* for rows that have to be read again */
    Arena *own, *rows;           /* the caller's, and one that is emptied after each batch */
} Reading;

static void split_names(Reading *rd, Str head)
{
    rd->n_names = 0;
    for (Str rest = head; rest.n && rd->n_names < IMPORT_COLUMNS_MAX; )
        rd->names[rd->n_names++] = str_trim(str_cut(&rest, '\x1f'));
}
/* The head is kept with a separator that no name holds: 0x1f. */
static Status keep_head(Cx *cx, Reading *rd, const Str *cells, size_t n)
{
    Buf b = buf_new(rd->own, HEAD_MAX);
    size_t need = 0;
    for (size_t i = 0; i < n; i++) need += str_trim(cells[i]).n + (i > 0);
    if (need > HEAD_MAX)
        return refuse(cx, ST_INVALID, S("columns"), MSG_too_long, PARAMS({ .name = "max", .value = HEAD_MAX }));
    for (size_t i = 0; i < n; i++) {
        if (i) buf_addc(&b, '\x1f');
        buf_add(&b, str_trim(cells[i]));
    }
    if (b.bad) return fail(cx, ST_NO_MEM, "import");
    if (b.n && memchr(b.p, 0, b.n)) return refuse(cx, ST_INVALID, S("columns"), MSG_bad_text, NO_PARAMS);
    rd->import->head = buf_str(&b);
    split_names(rd, rd->import->head);
    for (size_t i = 0; i < rd->map.n; i++) {
        bool there = rd->map.items[i].constant;
        for (size_t k = 0; k < rd->n_names; k++) there |= str_eq(rd->names[k], rd->map.items[i].column);
        if (!there)
            return refuse(cx, ST_INVALID, S("map"), MSG_no_column,
                PARAMS({ .name = "column", .text = rd->map.items[i].column }));
    }
    return ST_OK;
}
static Status room_for_reject(Cx *cx, Reading *rd)
{
    if (rd->n_rejects < rd->cap_rejects) return ST_OK;
    size_t cap = rd->cap_rejects ? rd->cap_rejects * 2 : 64;
    ImportReject *more = ARENA_MANY(rd->own, ImportReject, cap);
    if (!more) return fail(cx, ST_NO_MEM, "import");
    if (rd->n_rejects) memcpy(more, rd->rejects, rd->n_rejects * sizeof *more);
    rd->rejects = more;
    rd->cap_rejects = cap;
    return ST_OK;
}
/* Written as JSON, at most. */
static size_t told_bytes(Str s, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && i < max; i++) {
        unsigned char c = (unsigned char)s.p[i];
        n += c < 0x20 || c == '"' || c == '\\' || c == '<' ? 6 : c >= 0x80 ? 3 : 1;
    }
    return n;
}
static Status reject(Cx *cx, Reading *rd, int64_t line, int64_t at, Str raw)
{
    Buf message = buf_new(rd->own, 600);
    rd->import->rejected++;
    buf_msg(&message, cx->lang, &cx->why);
    Why why = cx->why;
    TRY(room_for_reject(cx, rd));
    rd->rejects[rd->n_rejects++] = (ImportReject){ .line = line, .at = at, .code = why.msg,
        .field = arena_str(rd->own, str_z(why.field)),
                                                   .message = buf_str(&message), .raw = raw };
    rd->told += told_bytes(raw, IMPORT_RAW_BYTES) + told_bytes(buf_str(&message), 600) + 200;
    return message.bad ? fail(cx, ST_NO_MEM, "import") : ST_OK;
}
static Status flush(Cx *cx, Reading *rd)
{
    if (rd->n == 0) return ST_OK;
    TRY(events_append_wait(cx, rd->deps->events, rd->entries, rd->n, rd->same));
    for (size_t i = 0; i < rd->n; i++) {
        if (rd->entries[i].kind != ENTRY_EVENT) continue;
        rd->result->repeated += rd->same[i];
        rd->result->kept += !rd->same[i];
        rd->import->kept++;
    }
    rd->n = rd->bytes = 0;
    arena_reset(rd->rows);
    return ST_OK;
}
/* hash of the file and the offset of the row: the same row again is the same event. */
static Hash128 row_key(const Reading *rd, int64_t at)
{
    char text[sizeof rd->import->id + sizeof at];
    memcpy(text, &rd->import->id, sizeof rd->import->id);
    memcpy(text + sizeof rd->import->id, &at, sizeof at);
    return keys_message(rd->deps->keys, rd->import->source, (Str){ text, sizeof text });
}
static Status log_entry(Cx *cx, Reading *rd, const Entry *e, Str raw)
{
    rd->entries[rd->n++] = *e;
    rd->bytes += raw.n + 64;
    return rd->n < BATCH_ROWS && rd->bytes < BATCH_BYTES ? ST_OK : flush(cx, rd);
}
static Status keep_join(Cx *cx, Reading *rd, const ImportEvent *row, Str raw)
{
    Entry e = { .kind = ENTRY_JOIN, .join = { .id = id_new(cx), .user = row->e.actor, .time = row->e.time,
        .trust = TRUST_SECRET } };
    if (!row->anon.n || import_session_joined(rd->s, row->anon, row->user)) return ST_OK;
    TRY(ingest_actor(cx, rd->deps->keys, "anon", row->anon, S("anon"), &e.join.anon));
    TRY(log_entry(cx, rd, &e, raw));
    return import_session_join(cx, rd->s, row->anon, row->user);
}
/* What is kept sealed is kept in the log, and who keeps traits reads them there; a bulk has no lists. */
static bool for_the_log(const Event *e)
{
    if (e->sealed.n || str_is(e->name, "$identify")) return true;
    for (size_t i = 0; i < e->n_props; i++) if (e->props[i].kind == PROP_LIST) return true;
    return false;
}
static Status keep(Cx *cx, Reading *rd, const ImportEvent *row, int64_t at, Str raw)
{
    Entry e = { .kind = ENTRY_EVENT, .event = row->e };
    Hash128 key = row->message.n ? import_session_message(rd->s, row->message) : (Hash128){ 0 };
    if (row->message.n && bulk_message_seen(rd->s->bulk, key)) {
        rd->result->repeated++;
        return ST_OK;
    }
    TRY(keep_join(cx, rd, row, raw));
    if (for_the_log(&row->e)) {
        e.event.message = row->message.n ? keys_message(rd->deps->keys, rd->import->source, row->message) :
            row_key(rd, at);
        TRY(log_entry(cx, rd, &e, raw));
    } else {
        TRY(bulk_event(cx, rd->s->bulk, &row->e));
        rd->result->kept++;
        rd->import->kept++;
    }
    return row->message.n ? bulk_message_add(cx, rd->s->bulk, key) : ST_OK;
}
static Status take_event(Cx *cx, Reading *rd, Status st, const ImportEvent *row, int64_t line, int64_t at, Str raw)
{
    if (st == ST_OK) st = keep(cx, rd, row, at, raw);
    if (st == ST_OK) {
        if (rd->n == 0) arena_reset(rd->rows);             /* nothing of it waits for the log */
        return st;
    }
    return st == ST_INVALID || st == ST_LIMITED ? reject(cx, rd, line, at, raw) : st;
}
/* A cell that does not stand in the piece lives in the reader until its next row; an event lives until its batch
 * is written. */
static Status keep_cells(Cx *cx, const CsvRow *r, Str piece, Str *ret)
{
    for (size_t i = 0; i < r->n; i++) {
        bool inside = r->cells[i].p >= piece.p && r->cells[i].p < piece.p + piece.n;
        ret[i] = inside || r->cells[i].n == 0 ? r->cells[i] : arena_str(cx->arena, r->cells[i]);
        if (r->cells[i].n && !ret[i].p) return fail(cx, ST_NO_MEM, "import");
    }
    return ST_OK;
}
static Status general_row(Cx *cx, Reading *rd, const CsvRow *r, Str piece)
{
    Str own[IMPORT_COLUMNS_MAX];
    ImportEvent e;
    TRY(keep_cells(cx, r, piece, own));
    ImportCells cells = { .names = rd->names, .n_names = rd->n_names, .cells = own, .n = r->n };
    Status st = import_row_cells(cx, &rd->row, &cells, &e);
    return take_event(cx, rd, st, &e, r->line, r->at, r->raw);
}
static Status row_again(Cx *cx, Reading *rd, const ImportFastRow *row)
{
    CsvRow r;
    size_t used;
    if (!rd->again && !(rd->again = csv_new(rd->own, ','))) return fail(cx, ST_NO_MEM, "import");
    csv_resume(rd->again, row->line);
    TRY(csv_next(cx, rd->again, row->raw, row->at, true, &used, &r));
    return general_row(cx, rd, &r, row->raw);
}
/* The rows that wait in the group of the short way, in their order. */
static Status take_group(Cx *cx, Reading *rd)
{
    ImportFastRow row;
    bool repeated;
    if (!rd->s->fast) return ST_OK;
    for (;;) {
        Status st = import_fast_take(cx, rd->s->fast, &row, &repeated);
        if (st == ST_CONFLICT) return ST_OK;
        if (st == ST_NOT_FOUND) {
            TRY(row_again(cx, rd, &row));
            continue;
        }
        TRY(st);
        rd->result->repeated += repeated;
        rd->result->kept += !repeated;
        rd->import->kept += !repeated;
    }
}
/* NOT_FOUND: not this one; those before it are done. */
static Status quick_row(Cx *cx, Reading *rd, const CsvRow *r, Str piece, int64_t piece_at)
{
    ImportSession *s = rd->s;
    if (!s->fast_known) {
        s->fast_known = true;
        TRY(import_fast_new(cx, rd->deps->keys, s, &rd->map, rd->names, rd->n_names, &s->fast));
        if (s->fast) import_fast_piece(s->fast);
    }
    if (!s->fast) return ST_NOT_FOUND;
    ImportFastRow row = { { piece.p + (r->at - piece_at), (size_t)(r->end - r->at) }, r->line, r->at };
    Status st = import_fast_row(cx, s->fast, &row, r->cells, r->n);
    if (st == ST_OK && !r->undone && !import_fast_full(s->fast)) return ST_OK;
    TRY(st == ST_NOT_FOUND ? ST_OK : st);
    TRY(take_group(cx, rd));
    return st;
}
static Status csv_row(Cx *cx, Reading *rd, const CsvRow *r, Str piece, int64_t piece_at)
{
    if (r->bad) {
        TRY(take_group(cx, rd));
        (void)refuse(cx, ST_INVALID, S("row"), r->why, PARAMS({ .name = "max", .value = r->max }));
        return reject(cx, rd, r->line, r->at, r->raw);
    }
    if (rd->n_names == 0) return keep_head(cx, rd, r->cells, r->n);
    if (r->n == 1 && r->cells[0].n == 0) return ST_OK;        /* an empty line */
    Status short_way = quick_row(cx, rd, r, piece, piece_at);
    return short_way == ST_NOT_FOUND ? general_row(cx, rd, r, piece) : short_way;
}
static int64_t line_ends(Str s)
{
    const char *first = s.n ? memchr(s.p, '\n', s.n) : NULL;
    int64_t n = 0;
    if (first && first + 1 == s.p + s.n) return 1;             /* as nearly all */
    for (size_t i = 0; i < s.n; i++) n += s.p[i] == '\n';
    return n;
}
static Status read_csv(Cx *cx, Reading *rd, Str data, int64_t at, bool last, size_t *ret_used)
{
    Csv *csv = csv_new(rd->own, ',');
    size_t done = 0, used = 0;
    CsvRow row;
    Status st;

    if (!csv) return fail(cx, ST_NO_MEM, "import");
    csv_resume(csv, rd->import->line + 1);
    if (rd->s->fast) import_fast_piece(rd->s->fast);
    st = ST_OK;
    while (rd->told < REJECTS_BYTES &&
           (st = csv_next(cx, csv, (Str){ data.p + done, data.n - done }, at + (int64_t)done, last, &used,
               &row)) == ST_OK) {
        rd->import->line = row.line - 1 + line_ends((Str){ data.p + (row.at - at), (size_t)(row.end - row.at) });
        TRY(csv_row(cx, rd, &row, data, at));
        done += used;
    }
    if (st == ST_OK || st == ST_NOT_FOUND) TRY(take_group(cx, rd));
    *ret_used = last && st == ST_NOT_FOUND ? data.n : done;
    return st == ST_NOT_FOUND ? ST_OK : st;
}
static size_t split_spaces(Str line, Str *ret, size_t max)
{
    size_t n = 0, i = 0;
    while (n < max) {
        while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t')) i++;
        if (i == line.n) break;
        size_t from = i;
        while (i < line.n && line.p[i] != ' ' && line.p[i] != '\t') i++;
        ret[n++] = (Str){ line.p + from, i - from };
    }
    return n;
}
static Status line_event(Cx *cx, Reading *rd, Str line, ImportEvent *e)
{
    Str cells[IMPORT_COLUMNS_MAX];
    ImportCells in = { .names = rd->names, .n_names = rd->n_names, .cells = cells };

    if (line.n > IMPORT_ROW_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("row"), MSG_csv_row_long,
            PARAMS({ .name = "max", .value = IMPORT_ROW_BYTES_MAX }));
    if (utf8_good(line) < line.n) return refuse(cx, ST_INVALID, S("row"), MSG_bad_encoding_row, NO_PARAMS);
    if (str_is(rd->import->format, "ndjson")) return import_row_json(cx, &rd->row, line, e);
    if (str_is(rd->import->format, "access")) {
        TRY(import_row_access(cx, line, cells));
        in.names = import_access_names;
        in.n_names = in.n = IMPORT_ACCESS_CELLS;
    } else {
        in.n = split_spaces(line, cells, IMPORT_COLUMNS_MAX);
    }
    return import_row_cells(cx, &rd->row, &in, e);
}
static Status read_lines(Cx *cx, Reading *rd, Str data, int64_t at, bool last, size_t *ret_used)
{
    size_t done = 0;
    if (at == 0 && str_starts(data, S("\xef\xbb\xbf"))) done = 3;
    while (done < data.n && rd->told < REJECTS_BYTES) {
        const char *end = memchr(data.p + done, '\n', data.n - done);
        if (!end && !last) break;
        size_t next = end ? (size_t)(end - data.p) + 1 : data.n;
        Str line = str_trim((Str){ data.p + done, next - done });
        ImportEvent e;
        rd->import->line++;
        if (line.n)
            TRY(take_event(cx, rd, line_event(cx, rd, line, &e), &e, rd->import->line, at + (int64_t)done, line));
        done = next;
    }
    *ret_used = done;
    return ST_OK;
}
static Status prepare(Cx *cx, Reading *rd)
{
    Str head = rd->import->head;
    TRY(import_map_read(cx, rd->import->map, rd->import->format, &rd->map));
    if (import_map_has(&rd->map, MAP_MESSAGE))
        TRY(import_session_messages(cx, rd->deps->imports, rd->deps->keys, rd->s));
    rd->row.deps = rd->deps;
    rd->row.map = &rd->map;
    rd->entries = arena_raw(cx->arena, BATCH_ROWS * sizeof *rd->entries);
    rd->same = ARENA_MANY(cx->arena, bool, BATCH_ROWS);
    if (!rd->entries || !rd->same) return fail(cx, ST_NO_MEM, "import");
    if (head.n && !memchr(head.p, '\x1f', head.n) && memchr(head.p, ',', head.n)) {      /* names the caller gave */
        Str names[IMPORT_COLUMNS_MAX], rest = head;
        size_t n = 0;
        while (rest.n && n < IMPORT_COLUMNS_MAX) names[n++] = str_cut(&rest, ',');
        return keep_head(cx, rd, names, n);
    }
    split_names(rd, head);
    return ST_OK;
}
static Status read_piece(Cx *cx, Reading *rd, Str piece, int64_t at, bool last, size_t *ret_used)
{
    TRY(prepare(cx, rd));
    cx->arena = rd->rows;
    Status st = str_is(rd->import->format, "csv") ? read_csv(cx, rd, piece, at, last, ret_used) : read_lines(cx, rd,
        piece, at, last, ret_used);
    if (st == ST_OK) st = flush(cx, rd);
    cx->arena = rd->own;
    return st;
}
/* What the caller had in its own arena and the session needs longer. */
static Status keep_session(Cx *cx, ImportSession *s, Str head_before)
{
    if (s->m.head.p == head_before.p) return ST_OK;
    size_t n = s->m.head.n;
    s->m.head = arena_str(s->arena, s->m.head);
    return n && !s->m.head.p ? fail(cx, ST_NO_MEM, "import") : ST_OK;
}
static Status read_into(Cx *cx, Reading *rd, Str piece, int64_t at, bool last)
{
    ImportSession *s = rd->s;
    size_t used = 0;
    Str head = s->m.head;
    rd->rows = arena_new(ROWS_ARENA);
    if (!rd->rows) return fail(cx, ST_NO_MEM, "import");
    Status st = read_piece(cx, rd, piece, at, last, &used);
    arena_free(rd->rows);
    TRY(st);
    TRY(keep_session(cx, s, head));
    if (!s->told) TRY(import_session_tell(cx, s));
    s->m.done = at + (int64_t)used;
    bool over = last && used == piece.n;
    return over || bulk_full(s->bulk) ? import_session_store(cx, s, over) : ST_OK;
}
Status flow_import_rows(Cx *cx, const ImportDeps *deps, int64_t id, int64_t at, Str piece, bool last, ImportResult *ret)
{
    Reading *rd = ARENA_NEW(cx->arena, Reading);
    ImportSession *s;

    if (!rd) return fail(cx, ST_NO_MEM, "import");
    *ret = (ImportResult){ 0 };
    TRY(import_session_take(cx, deps->imports, id, &s));
    if (at != s->m.done) {
        int64_t stands = s->m.done;
        import_session_give(deps->imports, s);
        return refuse(cx, ST_CONFLICT, S("at"), MSG_import_place, PARAMS({ .name = "at", .value = stands }));
    }
    *rd = (Reading){ .deps = deps, .s = s, .import = &s->m, .result = ret, .own = cx->arena,
        .row = { .source = s->source } };
    Status st = read_into(cx, rd, piece, at, last);
    if (st != ST_OK) {                           /* half a piece is in it: what is stored is where to go on from */
        import_session_drop(deps->imports, s);
        return st;
    }
    ret->import = s->m;
    ret->import.head = arena_str(cx->arena, s->m.head);
    ret->import.name = arena_str(cx->arena, s->m.name);
    ret->import.format = arena_str(cx->arena, s->m.format);
    ret->import.map = arena_str(cx->arena, s->m.map);
    ret->durable = s->durable.done;
    ret->rejects = rd->rejects;
    ret->n_rejects = rd->n_rejects;
    if (ret->durable == s->m.done && last) import_session_drop(deps->imports, s);
    else import_session_give(deps->imports, s);
    return ST_OK;
}
