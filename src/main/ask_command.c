#include "main/commands.h"
#include "store/events/ask.h"
#include <stdio.h>
#include <string.h>

/* "2026-11-22", "2026-11-22 14:00" for hours, "2026-11" for months: the start of a period in the answer's zone. */
static void period_text(const Answer *a, size_t i, char ret[24])
{
    Civil c = zone_civil(a->zone, a->starts[i]);
    if (a->period == PERIOD_HOUR)
        snprintf(ret, 24, "%04d-%02d-%02d %02d:%02d", c.year % 10000, c.month % 100, c.day % 100, c.hour % 100,
            c.minute % 100);
    else if (a->period == PERIOD_MONTH) snprintf(ret, 24, "%04d-%02d", c.year % 10000, c.month % 100);
    else snprintf(ret, 24, "%04d-%02d-%02d", c.year % 10000, c.month % 100, c.day % 100);
}
static void trend_out(const Answer *a, bool csv)
{
    int64_t most = 1;
    char text[24];
    for (size_t i = 0; i < a->n; i++) if (a->values[i] > most) most = a->values[i];
    if (csv) printf("period,value\n");
    for (size_t i = 0; i < a->n; i++) {
        period_text(a, i, text);
        if (csv) {
            printf("%s,%lld\n", text, (long long)a->values[i]);
            continue;
        }
        printf("%s %10lld ", text, (long long)a->values[i]);
        for (int64_t k = 0; k < a->values[i] * 50 / most; k++) fputs("█", stdout);
        putchar('\n');
    }
}
static void retention_row(const Answer *a, size_t i, const int64_t *row, bool csv)
{
    char text[24];
    period_text(a, i, text);
    printf(csv ? "%s,%lld" : "%s %8lld", text, (long long)row[0]);
    for (size_t k = 1; k < a->n - i; k++) {
        if (csv) printf(",%lld", (long long)row[k]);
        else if (row[0]) printf(" %5.1f%%", 100.0 * (double)row[k] / (double)row[0]);
        else printf("      –");
    }
    putchar('\n');
}
static void retention_out(const Answer *a, bool csv)
{
    const int64_t *row = a->values;
    if (csv) printf("cohort,size");
    else printf("%-*s %8s", a->period == PERIOD_HOUR ? 16 : a->period == PERIOD_MONTH ? 7 : 10, "", "");
    for (size_t k = 1; k < a->n; k++) printf(csv ? ",%zu" : " %6zu", k);
    putchar('\n');
    for (size_t i = 0; i < a->n; row += a->n - i, i++) retention_row(a, i, row, csv);
}
static void answer_out(Cx *cx, const Config *c, const Answer *a)
{
    if (c->json) {
        Buf b = buf_new(cx->arena, 64 << 20);
        JsonW w = { .b = &b };
        ask_write(&w, a);
        printf("%.*s\n", (int)b.n, b.p ? b.p : "");
        return;
    }
    if (a->kind == ASK_TREND) trend_out(a, c->csv);
    else retention_out(a, c->csv);
    for (size_t i = 0; i < a->n_missing; i++)
        fprintf(stderr, "liuke: missing: %.*s\n", (int)a->missing[i].n, a->missing[i].p);
}
int command_ask(Cx *cx, const Config *c)
{
    Instance in;
    Answer a;

    if (c->n_words != 2) {
        fprintf(stderr, "liuke ask '{\"kind\":\"trend\",\"period\":\"day\",…}' [--json|--csv]\n");
        return 2;
    }
    if (instance_open(cx, c, &in) != ST_OK) return command_complain(cx, cx->lang);
    Status st = ask_run(cx, in.app.events, str_z(c->words[1]), &a);
    if (st == ST_OK) answer_out(cx, c, &a);
    instance_close(&in);
    return st == ST_OK ? 0 : command_complain(cx, cx->lang);
}
