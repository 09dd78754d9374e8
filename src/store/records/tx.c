#include "store/records/engine.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/metric.h"

static Metric total = METRIC(METRIC_COUNTER, "liuke_records_tx_total", "", "transactions asked for");
static Metric again = METRIC(METRIC_COUNTER, "liuke_records_tx_reruns_total", "", "transaction functions run again");
static Metric failed = METRIC(METRIC_COUNTER, "liuke_records_tx_failed_total", "", "transactions not committed");
static Metric seconds = METRIC(METRIC_HISTOGRAM, "liuke_records_tx_seconds", "", "from the call to the answer");
static Metric commits = METRIC(METRIC_COUNTER, "liuke_records_commits_total", "", "commits; each of one or many");
static _Thread_local bool inside;                 /* also catches a second Cx used within a TxFn */

void tx_committed(void) { metric_add(&commits, 1); }
Status tx_call(Cx *cx, Db *db, TxFn *fn, void *arg)
{
    Db *before = cx->db;
    cx->db = db;
    db->broken = ST_OK;
    inside = true;
    Status st = fn(cx, arg);
    inside = false;
    rows_end_all(db);
    cx->db = before;
    if (db->broken == ST_BUSY) st = ST_BUSY;      /* whatever fn made of it: the engine wants another run */
    else if (st == ST_OK && db->broken) st = fail(cx, ST_BUG, "a TxFn said OK after a statement failed");
    if (st == ST_OK && fault_hit(FAULT_AGAIN)) st = fail(cx, ST_BUSY, "run again: fault");
    if (st == ST_BUSY) metric_add(&again, 1);
    return st;
}
Status tx_run(Cx *cx, TxFn *fn, void *arg)
{
    if (!cx->records) return fail(cx, ST_BUG, "tx_run without records");
    if (inside) return fail(cx, ST_BUG, "tx_run inside tx_run");
    int64_t start = clock_mono_us();
    Status st = cx->records->engine->tx(cx, fn, arg);
    metric_add(&total, 1);
    if (st != ST_OK) metric_add(&failed, 1);
    metric_us(&seconds, clock_mono_us() - start);
    return st;
}
