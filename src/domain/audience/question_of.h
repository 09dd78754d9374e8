/* question_of: what the files behind question.h share. */
#ifndef LIUKE_QUESTION_OF_H
#define LIUKE_QUESTION_OF_H
#include "domain/audience/question.h"
#include "domain/audience/question_in.h"
#include "store/events/query_features.h"
#include "store/events/query_findings.h"
#include "store/events/query_funnel.h"
#include "store/events/query_lifecycle.h"
#include "store/events/query_paths.h"
#include "store/events/query_retention.h"
#include "store/events/query_sessions.h"
#include "store/events/query_stickiness.h"
#include "store/events/query_trend.h"

enum { QUESTION_MATCHERS = 64, QUESTION_BEHIND = 1000 };
/* A matcher whose conditions are expressions: they become a Where when the question is asked. */
typedef struct QuestionWhere { Matcher *to; const JsonNode *props; const Audience *where; AudienceFilter filter;
    } QuestionWhere;
struct Question {
    QuestionKind  kind;
    AudienceScope scope;         /* with the question's zone and week */
    Period        period;
    const Audience *filter, *people;
    AudienceFilter filtered;
    PeopleSet     people_set, who, behind_set;
    ScanTexts    *texts;
    QuestionWhere wheres[QUESTION_MATCHERS]; size_t n_wheres;
    int64_t       from, to;      /* of the data it looks at, for what is missing */
    bool          wants_people;
    QueryGroup    cell_group;
    union { TrendIn trend; RetentionIn retention; CycleIn cycle; FunnelIn funnel; PathsIn paths; FeaturesIn features;
        FindingsIn findings; VisitsIn visits;
        } in;
    union {
        struct { TrendQuery q; TrendAnswer a; TrendCell cell; Formula formulas[TREND_FORMULAS_MAX]; } trend;
        struct { RetentionQuery q; RetentionAnswer a; RetentionCell cell; } retention;
        struct { LifecycleQuery q; LifecycleAnswer a; LifecycleCell cell; } lifecycle;
        struct { FeaturesQuery q; FeaturesAnswer a; FeaturesCell cell; } features;
        struct { FindingsQuery q; FindingsAnswer a; FindingsCell cell; ScanSlot slot; } findings;
        struct { FunnelQuery q; FunnelAnswer a; FunnelCell cell; } funnel;
        struct { PathsQuery q; PathsAnswer a; PathsCell cell; Matcher after; } paths;
        struct { SessionsQuery q; SessionsAnswer a; SessionsCell cell; } sessions;
        struct { PagesQuery q; PagesAnswer a; PagesCell cell; } pages;
        struct { StickinessQuery q; StickinessAnswer a; StickinessCell cell; } stickiness;
    };
    /* the answer */
    QueryCount    count;
    const int64_t *starts; size_t n;             /* n + 1 */
    const Str    *missing; size_t n_missing;
    int64_t       received;      /* of the newest event; 0: there is none */
    int64_t       now;
    const Hash128 *behind; size_t n_behind, behind_all;
    Lang          lang;
};
/* One for each kind. */
typedef struct QuestionForm {
    const Shape *shape;
    size_t       common;         /* offset of CommonIn in the shape's struct */
    Status     (*read)(Cx *, Question *);        /* from q->in, which is decoded */
    Status     (*run)(Cx *, const Snapshot *, Question *);
    void       (*write)(JsonW *, const Question *);
    Msg        (*definition)(const Question *);
    QueryScope *(*scope)(Question *);
} QuestionForm;
extern const QuestionForm question_trend, question_retention, question_funnel, question_lifecycle, question_stickiness,
    question_features, question_findings, question_paths,
    question_sessions, question_pages;
void   question_paths_case(JsonW *, const Question *);     /* as the exchange format has them */

/* Helpers of the forms. field: where it stands, for errors. */
enum { QUESTION_PATH = 72 };
/* before[i]after, for an error's field; cut at the end. */
const char *question_path(char to[QUESTION_PATH], const char *before, size_t i, const char *after);
const char *question_inside(char to[QUESTION_PATH], const char *object, const char *field);    /* object.field */
Status question_matcher(Cx *, Question *, const char *field, const MatcherIn *, Matcher *ret) MUST_USE;
Status question_time(Cx *, const Question *, Str text, const char *field, int64_t *ret) MUST_USE;
Status question_refuse(Cx *, const char *field, Msg) MUST_USE;
const QueryGroup *question_cell_group(Question *, const GroupIn *);       /* NULL: the only one */
bool   question_same_group(const Question *, const QueryGroup *, const QueryGroup *);
void   question_write_group(JsonW *, const Question *, const QueryGroup *);       /* "group":[…],"other":… */
void   question_write_ints(JsonW *, Str key, const int64_t *, size_t n);
void   question_key_i64(JsonW *, Str key, int64_t);
void   question_key_str(JsonW *, Str key, Str);
#endif
