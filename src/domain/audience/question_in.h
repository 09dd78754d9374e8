/* question_in: the JSON forms of the questions, as they come in, field by field. Used by question_read only.
 *
 * One shape for each kind, so that a field of another kind is refused by name. Expressions stay JSON here: the
 * audience language reads them. */
#ifndef LIUKE_QUESTION_IN_H
#define LIUKE_QUESTION_IN_H
#include "base/shape.h"

typedef enum QuestionKind {
    QUESTION_TREND, QUESTION_RETENTION, QUESTION_FUNNEL, QUESTION_LIFECYCLE, QUESTION_STICKINESS, QUESTION_PATHS,
    QUESTION_SEQUENCES, QUESTION_SESSIONS, QUESTION_PAGES, QUESTION_FEATURES, QUESTION_FINDINGS, QUESTION_KINDS_
} QuestionKind;
extern const char *const question_kinds[];               /* NULL-terminated, by QuestionKind */

typedef struct MatcherIn { Str name; const JsonNode *props, *where; } MatcherIn;
typedef struct BreakdownIn { int type; Str prop; } BreakdownIn;          /* type: 0 event, 1 person, 2 name */
/* What every kind takes. */
typedef struct CommonIn {
    Str  timezone;
    int  week_start, period;
    bool had_week_start, had_limit;
    const JsonNode *filter, *people;
    List breakdown;              /* BreakdownIn */
    int64_t breakdown_limit;
} CommonIn;
typedef struct SeriesIn { MatcherIn event; int measure; Str prop, name; double percentile; } SeriesIn;
/* A group of the answer, by its values; none: the only one. */
typedef struct GroupIn { List values; bool other; } GroupIn;             /* Str */
typedef struct TrendCellIn { GroupIn group; int64_t series, period; bool had_period; } TrendCellIn;
typedef struct TrendIn {
    CommonIn c;
    Str  kind, from, to, prop;
    MatcherIn event;
    int  measure;
    double percentile;
    List series, formulas;       /* SeriesIn; Str */
    TrendCellIn cell;
    bool had_event, had_cell;
} TrendIn;
typedef struct RetentionCellIn { GroupIn group; int64_t row, column; } RetentionCellIn;
typedef struct ValueIn { Str prop; int measure; } ValueIn;
typedef struct RetentionIn {
    CommonIn c;
    Str  kind, first_interval, aggregate_by;
    int64_t intervals, min_occurrences;
    int  mode, measure, window;
    MatcherIn start_event, return_event;
    List brackets;               /* int64_t */
    ValueIn value;
    RetentionCellIn cell;
    bool had_value, had_cell;
} RetentionIn;
typedef struct StepIn { Str name; const JsonNode *props, *where, *window; bool optional; } StepIn;
typedef struct ExclusionIn { MatcherIn event; int64_t from_step, to_step; } ExclusionIn;
typedef struct ConvertIn { int64_t from_step, to_step, bins; } ConvertIn;
typedef struct FunnelCellIn { GroupIn group; int64_t step, bin; bool lost, had_bin; } FunnelCellIn;
typedef struct FunnelIn {
    CommonIn c;
    Str  kind, from, to, hold, attribution;
    List steps, exclusions;
    const JsonNode *window;              /* [n, unit] */
    int  order, count;
    ConvertIn time_to_convert;
    FunnelCellIn cell;
    bool had_convert, had_cell;
} FunnelIn;
typedef struct CycleCellIn { GroupIn group; int64_t row, period; bool or_more; } CycleCellIn;
typedef struct CycleIn {         /* lifecycle, stickiness */
    CommonIn c;
    Str  kind, first_interval;
    int64_t intervals;
    MatcherIn event;
    CycleCellIn cell;
    bool had_cell;
} CycleIn;
typedef struct ItemIn { int kind; Str event, prop; } ItemIn;
typedef struct PathsIn {         /* paths, sequences */
    CommonIn c;
    Str  kind, from, to, start_point, end_point;
    ItemIn item;
    MatcherIn after;
    int64_t depth, limit, session_gap;   /* session_gap: minutes */
    bool drop_query, mask_ids, had_after;
    List cell;                   /* Str: the nodes of an edge, or the items of a sequence */
    List mask;                   /* Str: path parts that stand for any */
} PathsIn;
typedef struct FeaturesIn {
    CommonIn c;
    Str  kind, first_interval, prop, feature;
    int64_t intervals;
    double little;
    MatcherIn active, event;
    bool without;
} FeaturesIn;
/* A finding's people: did it (or not) and stayed (or left). */
typedef struct FindingsCellIn { Str event, value; int64_t times, days; bool without, left, had_value; } FindingsCellIn;
typedef struct FindingsIn {
    CommonIn c;
    Str  kind, from, to, prop;
    MatcherIn start_event, return_event, event;
    int64_t early, stay_from, stay_to, min_people;
    int  window;
    double min_support;
    FindingsCellIn cell;
    bool had_early, had_stay_from, had_stay_to, had_cell;
} FindingsIn;
typedef struct VisitsCellIn { GroupIn group; Str page; int who; } VisitsCellIn;       /* who: as PagesWho */
typedef struct VisitsIn {        /* sessions, pages */
    CommonIn c;
    Str  kind, from, to, prop, measure;
    MatcherIn event, click, dwell;
    int64_t session_gap, limit;
    bool drop_query, mask_ids, had_event, had_click, had_dwell, had_cell;
    VisitsCellIn cell;
} VisitsIn;
extern const Shape question_trend_shape, question_retention_shape, question_funnel_shape, question_cycle_shape,
    question_paths_shape, question_features_shape, question_findings_shape,
    question_sessions_shape, question_pages_shape;
#endif
