/* fault_flow: a flow, tried with the n-th operation of every kind failing, n = 0, 1, 2 … until none is left to fail.
 *
 * Each try has a World of its own: before, act under the fault, check; where act said an error (and it must be one
 * that says it is ours: no memory, input/output, busy) the same again without the fault, after every other one a
 * restart between; then a restart and the last check. Short runs try every FAULT_NEAR-th and then fewer;
 * LIUKE_LONG=1 tries all. */
#ifndef LIUKE_FAULT_FLOW_H
#define LIUKE_FAULT_FLOW_H
#include "tests/fault/fault_world.h"

typedef struct Flow {
    void   (*before)(World *);           /* NULL: nothing */
    Status (*act)(World *);              /* ST_OK: it said that it is done */
    /* done: all of it must be there, once. Else all of it or nothing. */
    void   (*check)(World *, bool done);
    void   (*after)(World *);            /* NULL: nothing; once a try, also what before began */
    Status   again;                      /* what act may say instead of OK when its failed call had done all of it */
    bool   (*there)(World *);            /* has it? */
} Flow;
void flow_run(const Flow *);
#define FLOW(id, ...) TEST(id) { (void)cx; flow_run(&(Flow){ __VA_ARGS__ }); }

/* An act that is a request: its Status, ST_OK for 2xx. */
Status flow_call(World *, Call);
#define flow_http(w, ...) flow_call((w), (Call){ __VA_ARGS__ })
/* Around any other act. */
void   flow_arm(World *);
Status flow_disarm(World *, Status);
int64_t flow_count(World *, Sql);        /* the one number of a query */
void    flow_restart(World *);
#endif
