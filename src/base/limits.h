/* limits: every maximum a caller can meet; docs/guide/{en,zh}/limits.md repeat them (tools/limits.py). */
#ifndef LIUKE_LIMITS_H
#define LIUKE_LIMITS_H
enum {
    CX_ARENA_MAX          = 16 << 20,        /* memory of one request, job or test */

    /* json */
    JSON_DEPTH_MAX        = 64,
    JSON_TEXT_MAX         = 16 << 20,
    JSON_NODES_MAX        = 1 << 18,         /* keys and values of one text */

    /* shapes: where a field says nothing of its own */
    SHAPE_TEXT_MAX        = 64 << 10,
    SHAPE_LIST_MAX        = 1000,
    SHAPE_FIELDS_MAX      = 64,              /* of one shape */

    /* http */
    HTTP_BODY_MAX         = 1 << 20,         /* own API; a route may say less or more */
    HTTP_HEADERS_MAX      = 100,
    HTTP_HEADER_BYTES_MAX = 8 << 10,         /* names and values, without the request line */
    HTTP_URL_MAX          = 4 << 10,
    HTTP_QUERY_MAX        = 64,              /* parameters */
    HTTP_REPLY_MAX        = 1 << 20,         /* past it a reply is streamed */
    HTTP_CONNECTIONS_MAX  = 12000,
    HTTP_IDLE_SECONDS     = 75,              /* between two requests */
    HTTP_HEADER_SECONDS   = 20,              /* a first request's headers, and any request's after its first line */
    HTTP_BODY_SECONDS     = 120,
    HTTP_REPLY_SECONDS    = 120,             /* a reply that the client does not read */
    HTTP_GZIP_RATIO_MAX   = 100,             /* decompressed over compressed, past the first 64 KiB */

    /* pages of lists */
    LIST_LIMIT_DEFAULT    = 50,
    LIST_LIMIT_MAX        = 200,

    /* queues: waiting requests and the time they may wait */
    QUEUE_DB_MAX          = 1024,
    QUEUE_CPU_MAX         = 64,
    QUEUE_ASK_MAX         = 64,
    QUEUE_NET_MAX         = 256,
    QUEUE_LOG_MAX         = 16384,
    QUEUE_WAIT_MS         = 10000,
    ASK_WAIT_MS           = 60000,

    /* tracking API */
    INGEST_BATCH_BYTES    = 512000,          /* decompressed */
    INGEST_EVENT_BYTES    = 32768,
    INGEST_BATCH_EVENTS   = 2500,
    ID_BYTES_MAX          = 512,             /* userId, anonymousId, groupId */
    MESSAGE_ID_BYTES_MAX  = 256,
    EVENT_NAME_BYTES_MAX  = 200,
    EVENT_PROPS_MAX       = 255,
    PROP_NAME_BYTES_MAX   = 200,
    PROP_TEXT_BYTES_MAX   = 8192,
    PROP_LIST_MAX         = 100,
    PROP_DEPTH_MAX        = 3,
    SOURCE_EVENT_NAMES    = 2000,
    SOURCE_PROP_NAMES     = 10000,
    SOURCES_MAX           = 1000,
    JOINS_PUBLIC_MAX      = 100,             /* public joins a person */
    /* sameness of events (decisions: at least a day and 20 million ids) */
    DEDUPE_IDS            = 20 * 1000 * 1000,
    DEDUPE_HOURS          = 24,

    /* log */
    LOG_FILE_BYTES        = 64 << 20,
    LOG_FRAME_MAX         = 1 << 20,         /* one call's entries, stored */
    LOG_GROUP_MAX         = 8 << 20,         /* one commit's */
    LOG_KEEP_DAYS         = 7,

    /* records */
    TX_GROUP_MAX          = 256,
    TX_GROUP_WAIT_US      = 2000,
    TX_RUNS_MAX           = 6,
    RECORDS_READERS       = 4,               /* connections that read; PostgreSQL: as many again that write */
    RECORDS_WAIT_MS       = 5000,            /* for a connection, or for another process's lock */
    RECORDS_QUERY_MS      = 30000,           /* PostgreSQL ends a statement that takes longer */
    RECORDS_LOCK_MS       = 25,              /* PostgreSQL: for a lock, before the function is run again */
    RECORDS_MIGRATION_BYTES = 1 << 20,

    /* questions */
    ASK_PERIODS_MAX       = 400,             /* buckets of a trend */
    RETENTION_PERIODS_MAX = 180,
    ASK_FILTERS_MAX       = 20,
    TREND_LINES_MAX       = 8,               /* series, and formulas, of a trend */
    BREAKDOWN_VALUES_MAX  = 200,             /* kept; 25 unless told otherwise */
    ASK_KEPT_BYTES        = 16 << 20,        /* of answers kept while the data stays as it is */
    ASK_KEEP_MS           = 60000,           /* an answer whose windows move with the clock is used again so long */
    FUNNEL_DAYS_MAX       = 366,             /* of a window */
    FUNNEL_STEPS_MAX      = 20,
    FUNNEL_BINS_MAX       = 60,              /* of a histogram of times */
    FUNNEL_EXCLUSIONS_MAX = 10,
    PATHS_DEPTH_MAX       = 20,              /* items of one path */
    PATHS_EDGES_MAX       = 1000,            /* edges or sequences of an answer */
    PATHS_PATTERNS_MAX    = 20,
    FINDINGS_EARLY_MAX    = 30,              /* days of a story that are looked at */
    FINDINGS_STAY_MAX     = 180,             /* the last day to come back on, counted from the start */
    ASK_BYTES_MAX         = 256 << 20,       /* memory of one question */
    ASK_SECONDS_MAX       = 120,
    PRESENCE_KEEP_BYTES   = 64 << 20,        /* bitmaps of who was seen when, kept for the next question */
    PRESENCE_MOVED_MAX    = 1000 * 1000,     /* events of joined people, kept likewise until segments are merged */

    /* audience */
    AUDIENCE_TEXT_MAX     = 64 << 10,        /* an expression */
    AUDIENCE_DEPTH_MAX    = 10,              /* groups and terms inside each other */
    AUDIENCE_TERMS_MAX    = 200,             /* groups and terms in all, those of segments it names included */
    AUDIENCE_NEST_MAX     = 5,               /* segments inside segments */
    AUDIENCE_VALUES_MAX   = 1000,            /* of "in" */
    AUDIENCE_STEPS_MAX    = 8,               /* of a sequence */
    AUDIENCE_DAYS_MAX     = 3660,            /* that a window reaches back */
    AUDIENCE_GAPS_MIN     = 3,               /* gaps that make a usual one */
    AUDIENCE_GAPS_MAX     = 100,             /* the newest ones, of which it is made */
    AUDIENCE_NOUNS_MAX    = 64,              /* kinds of terms of other nouns */
    AUDIENCES_MAX         = 500,             /* segments kept */
    AUDIENCE_STEP_PEOPLE  = 1000,            /* looked at in one step of the job */
    AUDIENCE_PREVIEW_MS   = 30000,           /* to count an expression's people for a preview */
    AUDIENCE_REFRESH_MS   = 600000,          /* segments that change with the clock are counted again so often */

    /* import */
    IMPORT_ROW_BYTES_MAX  = 1 << 20,
    IMPORT_COLUMNS_MAX    = 1000,
    IMPORT_PIECE_BYTES    = 2 << 20,

    /* people */
    EMAIL_BYTES_MAX       = 254,
    NAME_BYTES_MAX        = 200,
    CODE_DIGITS           = 6,
    CODE_MINUTES          = 10,
    CODE_TRIES_MAX        = 5,
    CODE_PER_ADDRESS_HOUR = 5,
    CODE_PER_IP_HOUR      = 30,

    /* outgoing */
    NET_REPLY_BYTES_MAX   = 4 << 20,
    NET_SECONDS_MAX       = 20,
    NET_REDIRECTS_MAX     = 3,
    NET_HEADER_BYTES_MAX  = 64 << 10,        /* of one reply */
    NET_CONNECT_MS        = 10000,
    NET_ALLOW_MAX         = 64,              /* entries of net_allow */
    NET_LOOKUPS_MAX       = 64,              /* names being resolved at once */
    MAIL_BYTES_MAX        = 1 << 20,         /* text and html together */
    MAIL_SUBJECT_MAX      = 500,
    MAIL_SECONDS_MAX      = 60,              /* for one mail: servers scan before they answer */
    MAIL_ANSWER_BYTES_MAX = 512,             /* kept of what the server said */
    MAIL_TRIES_MAX        = 12,
    MAIL_RETRY_MS         = 60000,           /* after the first try; doubles with each */
    MAIL_RETRY_MAX_MS     = 4 * 3600 * 1000,
    MAIL_LEASE_MS         = 150000,          /* a mail taken and never settled comes again; over 2 MAIL_SECONDS_MAX */
    MAIL_RUN_MAX          = 20               /* mails of one run of the job */
};
#endif
