#include "tests/fault/fault_flow.h"
#include "base/log.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 40, FAR = 7, MOST = 20000 };
static const char *const kind_names[FAULT_KINDS_] = { "allocation", "statement", "again", "write", "sync", "rename",
    "send" };
static char step[120];                   /* empty: none is being tried */

__attribute__((constructor)) static void hush_log(void)
{
    log_start(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR);
}
static void tell_step(void)
{
    if (step[0]) print_error("while %s\n", step);
    step[0] = 0;
}
__attribute__((destructor)) static void tell_last_step(void) { tell_step(); }

void flow_arm(World *w) { if (w->fault) fault_arm(w->fault->kind, w->fault->at); }
Status flow_disarm(World *w, Status st)
{
    if (!w->fault) return st;
    w->fault->fired = fault_fired(w->fault->kind);
    fault_arm(w->fault->kind, -1);
    return st;
}
/* Each from an address of its own: rates are limited by it. */
Status flow_call(World *w, Call c)
{
    static unsigned n;
    char addr[32];
    n++;
    snprintf(addr, sizeof addr, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
    c.addr = addr;
    world_call(w, c);
    if (w->res.code >= 200 && w->res.code < 300) return ST_OK;
    Str b = world_body(w);
    if (!b.n || !memmem(b.p, b.n, "\"code\":\"", 8))
        print_error("%d without a reason: %.*s\n", w->res.code, (int)b.n, b.p);
    assert_true(b.n && memmem(b.p, b.n, "\"code\":\"", 8));
    return w->cx->why.st == ST_OK ? ST_BUG : w->cx->why.st;
}
int64_t flow_count(World *w, Sql sql)
{
    int64_t n = -1;
    Cx *cx = w->cx;
    ok(db_i64(cx, sql, NO_BINDS, &n));
    records_done(cx);
    return n;
}
void flow_restart(World *w)
{
    Cx *cx = w->cx;
    fault_world_stop(w);
    ok(fault_world_start(w));
}
static bool ours(Status st) { return st == ST_NO_MEM || st == ST_IO || st == ST_BUSY; }
static void said(const World *w, FaultKind kind, Status st, bool fired)
{
    bool fine = st == ST_OK ? true : fired && ours(st) && kind != FAULT_AGAIN;
    if (!fine) print_error("%s [%s] %s\n", status_name(st), w->cx->why.field, w->cx->why.log);
    assert_true(fine);
}
static bool try_step(const Flow *f, FaultKind kind, long n)
{
    World w;
    WorldFault fault = { .kind = kind, .at = n };
    snprintf(step, sizeof step, "%s %ld fails", kind_names[kind], n);
    fault_world_open(&w);
    if (f->before) f->before(&w);
    w.fault = &fault;
    Status st = f->act(&w);
    w.fault = NULL;
    said(&w, kind, st, fault.fired);
    f->check(&w, st == ST_OK);
    if (st != ST_OK) {
        bool there = f->there && f->there(&w);
        if (n % 2) flow_restart(&w);
        st = f->act(&w);
        if (st != ST_OK && !(there && st == f->again))
            print_error("again: %s [%s] %s\n", status_name(st), w.cx->why.field, w.cx->why.log);
        assert_true(st == ST_OK || (there && st == f->again));
        f->check(&w, true);
    }
    flow_restart(&w);
    f->check(&w, true);
    if (f->after) f->after(&w);
    fault_world_close(&w);
    step[0] = 0;
    return fault.fired;
}
void flow_run(const Flow *f)
{
#ifdef LIUKE_FAULT
    bool all = getenv("LIUKE_LONG") != NULL;
    tell_step();
    for (int k = 0; k < FAULT_KINDS_; k++) {
        long n = 0, tried = 1;
        for (; try_step(f, (FaultKind)k, n); tried++) {
            n += all || n < NEAR ? 1 : FAR;
            assert_true(n < MOST);
        }
        if (n) printf("  %-10s fails at %ld places, %ld tried\n", kind_names[k], n, tried);
    }
#else
    (void)f;
    (void)try_step;
    test_skip("faults are not compiled in");
#endif
}
