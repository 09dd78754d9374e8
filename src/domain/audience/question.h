/* question: a question about behaviour in its JSON form: read, asked of a snapshot, and its answer written.
 *
 * The forms are docs/guide/en/questions.md: {"kind":"trend"|"retention"|"funnel"|…}. Filters and people are
 * expressions of the audience language. Memory: a Question lives in cx->arena and points into the JSON text; what it
 * takes from the heap question_done() gives back. */
#ifndef LIUKE_QUESTION_H
#define LIUKE_QUESTION_H
#include "domain/audience/audience.h"

typedef struct Question Question;
/* INVALID names the field by its path. *ret is set also then (question_done() is due), but by NO_MEM. */
Status question_read(Cx *, const AudienceScope *, Str json, Question **ret) MUST_USE;
/* LIMITED question_stopped, question_time, question_memory of the run. */
Status question_run(Cx *, const Snapshot *, ScanRun *, Question *) MUST_USE;
/* More damaged files that the answer lacks: of the log, which a snapshot does not know. */
Status question_missing(Cx *, Question *, const Str *, size_t n) MUST_USE;
/* us: how long it took. */
void   question_write(JsonW *, const Question *, int64_t us);
void   question_done(Question *);                /* NULL is fine */
/* Until when the answer stays as it is while the data does: the end of the period under way, ms. */
int64_t question_until(const Question *);

/* One case of the exchange format: {"kind","people","events","query","expected"}: its events as entries for an empty
 * store, its query asked, the result in the form of "expected", and whether it is the one expected. */
typedef struct QuestionCase QuestionCase;
Status question_case_read(Cx *, Str json, QuestionCase **ret) MUST_USE;
const Entry *question_case_entries(const QuestionCase *, size_t *ret_n);
Status question_case_run(Cx *, const Snapshot *, QuestionCase *, Buf *ret, bool *ret_same) MUST_USE;
#endif
