#include "base/clock.h"
#include "base/json.h"
#include "main/caller.h"
#include "main/commands.h"
#include <stdio.h>
#include <string.h>

/* An answer as the API gives it, whichever way it was asked. */
typedef struct Shown {
    const JsonNode *doc;
    const Zone *zone;
    Str  period;
    bool csv;
} Shown;

static int64_t int_of(const JsonNode *v) { return v && v->kind == JSON_INT ? v->i : 0; }
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
static Status answer_out(Cx *cx, const Config *c, Str body)
{
    Shown s = { .csv = c->csv };
    if (c->json) {
        printf("%.*s\n", (int)body.n, body.p);
        return ST_OK;
    }
    TRY(json_parse(cx, body, &s.doc));
    s.period = json_str_of(json_get(s.doc, S("period")));
    TRY(zone_get(cx, json_str_of(json_get(s.doc, S("timezone"))), &s.zone));
    if (str_is(json_str_of(json_get(s.doc, S("kind"))), "trend")) trend_out(&s);
    else retention_out(&s);
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
