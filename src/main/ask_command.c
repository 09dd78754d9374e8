#include "base/clock.h"
#include "base/json.h"
#include "main/caller.h"
#include "main/commands.h"
#include "main/table.h"
#include <stdio.h>
#include <string.h>

/* An answer as the API gives it, whichever way it was asked. */
typedef struct Shown {
    Cx  *cx;
    const JsonNode *doc;
    const Zone *zone;
    Str  period;
    bool csv;
} Shown;

static int64_t int_of(const JsonNode *v)
{
    return !v ? 0 : v->kind == JSON_INT ? v->i : v->kind == JSON_DOUBLE ? (int64_t)v->d : 0;
}
/* "2026-11-22", "2026-11-22 14:00" for hours, "2026-11" for months: the start of a period in the answer's zone. */
static void period_text(const Shown *s, const JsonNode *start, char ret[32])
{
    int64_t ms = 0;
    (void)clock_parse(json_str_of(start), &ms);
    Civil c = zone_civil(s->zone, ms);
    int year = c.year % 10000, month = c.month % 100, day = c.day % 100;
    if (str_is(s->period, "hour")) snprintf(ret, 32, "%04d-%02d-%02d "
                                                     "%02d:%02d", year, month, day, c.hour % 100, c.minute % 100);
    else if (str_is(s->period, "month")) snprintf(ret, 32, "%04d-%02d", year, month);
    else snprintf(ret, 32, "%04d-%02d-%02d", year, month, day);
}
static void trend_out(const Shown *s)
{
    const JsonNode *values = json_get(s->doc, S("values")), *starts = json_get(s->doc, S("starts"));
    const JsonNode *v = json_first(values), *start = json_first(starts);
    int64_t most = 1;
    char text[32];

    for (uint32_t i = 0; v && i < values->n; i++, v = json_next(v)) if (int_of(v) > most) most = int_of(v);
    v = json_first(values);
    if (s->csv) printf("period,value\n");
    for (uint32_t i = 0; v && start && i < values->n; i++, v = json_next(v), start = json_next(start)) {
        period_text(s, start, text);
        if (s->csv) {
            printf("%s,%lld\n", text, (long long)int_of(v));
            continue;
        }
        printf("%s %10lld ", text, (long long)int_of(v));
        for (int64_t k = 0; k < int_of(v) * 50 / most; k++) fputs("█", stdout);
        putchar('\n');
    }
}
static void retention_row(const Shown *s, const JsonNode *row)
{
    const JsonNode *values = json_get(row, S("values")), *v = json_first(values);
    int64_t of = int_of(v);
    char text[32];

    period_text(s, json_get(row, S("start")), text);
    printf(s->csv ? "%s,%lld" : "%s %8lld", text, (long long)of);
    for (uint32_t k = 1; v && k < values->n; k++) {
        v = json_next(v);
        if (s->csv) printf(",%lld", (long long)int_of(v));
        else if (of) printf(" %5.1f%%", 100.0 * (double)int_of(v) / (double)of);
        else printf("      –");
    }
    putchar('\n');
}
static void retention_out(const Shown *s)
{
    const JsonNode *rows = json_get(s->doc, S("rows")), *row = json_first(rows);
    int wide = str_is(s->period, "hour") ? 16 : str_is(s->period, "month") ? 7 : 10;

    if (s->csv) printf("cohort,size");
    else printf("%*s %8s", wide, "", "");
    for (uint32_t k = 1; row && k < rows->n; k++) printf(s->csv ? ",%u" : " %6u", k);
    putchar('\n');
    for (uint32_t i = 0; row && i < rows->n; i++, row = json_next(row)) retention_row(s, row);
}
/* ---- the other kinds: a table each ---- */

static double double_of(const JsonNode *v) { return v && v->kind == JSON_DOUBLE ? v->d : (double)int_of(v); }
static void number_cell(Table *t, const JsonNode *v, int digits)
{
    if (!v || v->kind == JSON_NULL) table_none(t);
    else if (v->kind == JSON_INT) table_int(t, v->i);
    else table_number(t, v->d, digits);
}
/* A breakdown's values in one cell; "" where there is none. */
static void group_text(const Shown *s, const JsonNode *row, Buf *ret)
{
    const JsonNode *group = json_get(row, S("group")), *g = json_first(group), *other = json_get(row, S("other"));
    if (other && other->kind == JSON_BOOL && other->b) buf_addz(ret, s->cx->lang == LANG_ZH ? "其他" : "other");
    for (uint32_t i = 0; g && i < group->n; i++, g = json_next(g)) {
        if (ret->n) buf_addz(ret, " / ");
        buf_add(ret, json_str_of(g));
    }
}
static void group_cell(const Shown *s, Table *t, const JsonNode *row)
{
    Buf b = buf_new(s->cx->arena, 4096);
    if (!json_get(row, S("group"))) return;
    group_text(s, row, &b);
    table_text(t, buf_str(&b));
}
static bool grouped(const JsonNode *list) { return json_get(json_first(list), S("group")) != NULL; }
static void head(Table *t, const char *const *names)
{
    for (; *names; names++) table_text(t, str_z(*names));
    table_end_row(t);
}
static void each_period(const Shown *s, Table *t, const JsonNode *const *lines, size_t n)
{
    const JsonNode *starts = json_get(s->doc, S("starts")), *start = json_first(starts);
    char text[32];
    for (uint32_t i = 0; start && i < starts->n; i++, start = json_next(start)) {
        period_text(s, start, text);
        table_text(t, str_z(text));
        for (size_t k = 0; k < n; k++) {
            const JsonNode *v = json_first(lines[k]);
            for (uint32_t at = 0; v && at < i; at++) v = json_next(v);
            number_cell(t, v, 2);
        }
        table_end_row(t);
    }
}
static void lines_out(const Shown *s, Table *t)
{
    const JsonNode *list = json_get(s->doc, S("lines")), *line = json_first(list), *values[TABLE_COLUMNS - 1];
    size_t n = 0;
    table_text(t, S("period"));
    for (uint32_t i = 0; line && i < list->n && n < COUNT(values); i++, line = json_next(line)) {
        Buf b = buf_new(s->cx->arena, 4096);
        buf_add(&b, json_str_of(json_get(line, S("name"))));
        group_text(s, line, &b);
        table_text(t, buf_str(&b));
        values[n++] = json_get(line, S("values"));
    }
    table_end_row(t);
    each_period(s, t, values, n);
}
static void lifecycle_out(const Shown *s, Table *t)
{
    static const char *const names[] = { "new", "returning", "resurrecting", "dormant" };
    const JsonNode *list = json_get(s->doc, S("lines")), *line = json_first(list), *values[TABLE_COLUMNS - 1];
    size_t n = 0;
    table_text(t, S("period"));
    for (uint32_t i = 0; line && i < list->n && n + COUNT(names) <= COUNT(values); i++, line = json_next(line))
        for (size_t k = 0; k < COUNT(names); k++) {
            Buf b = buf_new(s->cx->arena, 4096);
            group_text(s, line, &b);
            if (b.n) buf_addc(&b, ' ');
            buf_addz(&b, names[k]);
            table_text(t, buf_str(&b));
            values[n++] = json_get(line, str_z(names[k]));
        }
    table_end_row(t);
    each_period(s, t, values, n);
}
static void stickiness_out(const Shown *s, Table *t)
{
    const JsonNode *list = json_get(s->doc, S("lines")), *line = json_first(list);
    if (grouped(list)) table_text(t, S("group"));
    head(t, (const char *const[]){ "periods", "exactly", "or more", NULL });
    for (uint32_t i = 0; line && i < list->n; i++, line = json_next(line)) {
        const JsonNode *exactly = json_get(line, S("exactly")), *more = json_get(line, S("or_more"));
        const JsonNode *a = json_first(exactly), *b = json_first(more);
        for (uint32_t k = 0; a && b && k < exactly->n; k++, a = json_next(a), b = json_next(b)) {
            group_cell(s, t, line);
            table_int(t, k + 1);
            number_cell(t, a, 0);
            number_cell(t, b, 0);
            table_end_row(t);
        }
    }
}
static void funnel_out(const Shown *s, Table *t)
{
    const JsonNode *rows = json_get(s->doc, S("rows")), *row = json_first(rows);
    if (grouped(rows)) table_text(t, S("group"));
    head(t, (const char *const[]){ "step", "people", "% of first", "average s", "median s", NULL });
    for (uint32_t i = 0; row && i < rows->n; i++, row = json_next(row)) {
        const JsonNode *steps = json_get(row, S("steps")), *step = json_first(steps);
        for (uint32_t k = 0; step && k < steps->n; k++, step = json_next(step)) {
            group_cell(s, t, row);
            table_text(t, json_str_of(json_get(step, S("name"))));
            number_cell(t, json_get(step, S("people")), 0);
            const JsonNode *share = json_get(step, S("share"));
            if (share) table_number(t, 100 * double_of(share), 1);
            else table_none(t);
            number_cell(t, json_get(step, S("average_seconds")), 1);
            number_cell(t, json_get(step, S("median_seconds")), 1);
            table_end_row(t);
        }
    }
}
static void edges_out(const Shown *s, Table *t)
{
    const JsonNode *list = json_get(s->doc, S("edges")), *e = json_first(list);
    head(t, (const char *const[]){ "from", "to", "times", NULL });
    for (uint32_t i = 0; e && i < list->n; i++, e = json_next(e)) {
        table_text(t, json_str_of(json_get(e, S("source"))));
        table_text(t, json_str_of(json_get(e, S("target"))));
        number_cell(t, json_get(e, S("value")), 0);
        table_end_row(t);
    }
}
static void sequences_out(const Shown *s, Table *t)
{
    const JsonNode *list = json_get(s->doc, S("sequences")), *e = json_first(list);
    head(t, (const char *const[]){ "sequence", "people", NULL });
    for (uint32_t i = 0; e && i < list->n; i++, e = json_next(e)) {
        Buf b = buf_new(s->cx->arena, 1 << 20);
        const JsonNode *items = json_get(e, S("items")), *item = json_first(items);
        for (uint32_t k = 0; item && k < items->n; k++, item = json_next(item)) {
            if (k) buf_addz(&b, " → ");
            buf_add(&b, json_str_of(item));
        }
        table_text(t, buf_str(&b));
        number_cell(t, json_get(e, S("people")), 0);
        table_end_row(t);
    }
}
static void features_out(const Shown *s, Table *t)
{
    static const char *const keys[] = { "people", "uses", "adoption", "frequency", "retention" };
    const JsonNode *list = json_get(s->doc, S("rows")), *e = json_first(list);
    head(t, (const char *const[]){ "feature", "people", "uses", "adoption", "frequency", "retention", NULL });
    for (uint32_t i = 0; e && i < list->n; i++, e = json_next(e)) {
        table_text(t, json_str_of(json_get(e, S("feature"))));
        for (size_t k = 0; k < COUNT(keys); k++) number_cell(t, json_get(e, str_z(keys[k])), 3);
        table_end_row(t);
    }
}
static Status tables_out(const Shown *s)
{
    const JsonNode *tables = json_get(s->doc, S("tables")), *one = json_first(tables);
    for (uint32_t i = 0; one && i < tables->n; i++, one = json_next(one)) {
        Shown t = *s;
        Buf b = buf_new(s->cx->arena, 4096);
        t.doc = one;
        group_text(s, one, &b);
        printf("%s%.*s\n", i ? "\n" : "", (int)b.n, b.n ? b.p : "");
        retention_out(&t);
    }
    return ST_OK;
}
static Status answer_table(const Shown *s, Str kind)
{
    static const struct { const char *kind; void (*out)(const Shown *, Table *); } kinds[] = {
        { "trend", lines_out }, { "funnel", funnel_out }, { "lifecycle", lifecycle_out },
        { "stickiness", stickiness_out }, { "paths", edges_out }, { "sequences", sequences_out },
        { "features", features_out },
    };
    Table t = table_new(s->cx, s->csv);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!str_is(kind, kinds[i].kind)) continue;
        kinds[i].out(s, &t);
        return table_print(&t);
    }
    return refuse(s->cx, ST_INVALID, S("kind"), MSG_only_json, NO_PARAMS);
}
static Status answer_out(Cx *cx, const Config *c, Str body)
{
    Shown s = { .cx = cx, .csv = c->csv };
    if (c->json) {
        printf("%.*s\n", (int)body.n, body.p);
        return ST_OK;
    }
    TRY(json_parse(cx, body, &s.doc));
    Str kind = json_str_of(json_get(s.doc, S("kind")));
    const JsonNode *lines = json_get(s.doc, S("lines"));
    s.period = json_str_of(json_get(s.doc, S("period")));
    TRY(zone_get(cx, json_str_of(json_get(s.doc, S("timezone"))), &s.zone));
    if (str_is(kind, "trend") && lines && lines->n == 1) trend_out(&s);
    else if (str_is(kind, "retention") && json_get(s.doc, S("tables"))) TRY(tables_out(&s));
    else if (str_is(kind, "retention")) retention_out(&s);
    else TRY(answer_table(&s, kind));
    const JsonNode *missing = json_get(s.doc, S("missing")), *m = json_first(missing);
    for (uint32_t i = 0; m && i < missing->n; i++, m = json_next(m))
        fprintf(stderr, cx->lang == LANG_ZH ? "liuke: 缺少损坏的文件 %.*s\n" : "liuke: without the damaged file "
                                                            "%.*s\n", (int)m->s.n, m->s.p);
    return ST_OK;
}
int command_ask(Cx *cx, const Config *c)
{
    Caller *caller;
    CallerReply rep;

    if (c->n_words != 2) {
        fprintf(stderr, "liuke ask "
                        "'{\"kind\":\"trend\",\"period\":\"day\",\"from\":\"2026-01-01\",\"to\":\"2026-02-01\"}' "
                        "[--json|--csv]\n");
        return 2;
    }
    if (caller_open_known(cx, c, &caller) != ST_OK) return command_complain(cx, cx->lang);
    Status st = caller_call(cx, caller, "POST", S("/api/1/ask"), str_z(c->words[1]), &rep);
    if (st == ST_OK) st = answer_out(cx, c, rep.body);
    caller_close(caller);
    return st == ST_OK ? 0 : command_complain(cx, cx->lang);
}
