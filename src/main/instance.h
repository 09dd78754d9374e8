/* instance: one open data folder: its lock, keys, records and events, and the App the handlers work on. */
#ifndef LIUKE_INSTANCE_H
#define LIUKE_INSTANCE_H
#include "api/app.h"
#include "job/mail_job.h"
#include "main/config.h"

typedef struct Instance {
    const Config *config;
    int      lock;
    Records *records;
    App      app;
    Lang     lang;
    int      own_source;         /* number of the source of liuke's own events */
    MailJob  mail;
    int      demo_source;        /* 0: no demo is played */
    int      demo_day;           /* days of the demo's history told so far */
    bool     fresh;              /* this start made the folder */
    Str      admin_token, recovery;   /* only when fresh: to print once */
} Instance;
/* CONFLICT: another process has the folder. INVALID: the key file is not the one this folder was written with. */
Status instance_open(Cx *, const Config *, Instance *ret) MUST_USE;
void   instance_close(Instance *);
#endif
