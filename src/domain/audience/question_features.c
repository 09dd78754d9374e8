#include "domain/audience/question_of.h"
#include "base/limits.h"

static QueryScope *scope(Question *q) { return &q->features.q.scope; }
static Status read(Cx *cx, Question *q)
{
    const FeaturesIn *in = &q->in.features;
    FeaturesQuery *f = &q->features.q;
    TRY(question_time(cx, q, in->first_interval, "first_interval", &f->first));
    f->n = (size_t)in->intervals;
    f->little = in->little;
    f->feature = in->prop.n ? (ScanSlot){ .kind = SLOT_PROP, .name = in->prop } : (ScanSlot){ .kind = SLOT_NAME };
    q->from = f->first;
    q->to = INT64_MAX;
    TRY(question_matcher(cx, q, "active", &in->active, &f->active));
    TRY(question_matcher(cx, q, "event", &in->event, &f->event));
    if (in->feature.n == 0) return ST_OK;
    q->cell_group = (QueryGroup){ .value = { in->feature } };
    q->features.cell = (FeaturesCell){ .feature = &q->cell_group, .without = in->without };
    f->cell = &q->features.cell;
    q->wants_people = true;
    return ST_OK;
}
static Status run(Cx *cx, const Snapshot *snap, Question *q)
{
    if (q->wants_people) q->features.q.people = &q->behind_set;
    TRY(query_features_run(cx, snap, &q->features.q, &q->features.a));
    q->count = q->features.a.count;
    q->starts = q->features.a.starts;
    q->n = q->features.a.n;
    return ST_OK;
}
static void write_rows(JsonW *w, Str key, const FeaturesRow *rows, size_t n)
{
    jsonw_key(w, key);
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        const FeaturesRow *r = &rows[i];
        jsonw_open(w, '{');
        question_key_str(w, S("feature"), r->feature.value[0]);
        question_key_i64(w, S("people"), r->people);
        question_key_i64(w, S("uses"), r->uses);
        jsonw_key(w, S("adoption")), jsonw_double(w, r->adoption);
        jsonw_key(w, S("frequency")), jsonw_double(w, r->frequency);
        question_key_i64(w, S("of"), r->of);
        question_key_i64(w, S("back"), r->back);
        jsonw_key(w, S("retention")), jsonw_double(w, r->retention);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void write(JsonW *w, const Question *q)
{
    const FeaturesAnswer *a = &q->features.a;
    question_key_i64(w, S("active"), a->active);
    question_key_i64(w, S("features"), (int64_t)a->features);
    write_rows(w, S("rows"), a->rows, a->n_rows);
    write_rows(w, S("little_used"), a->little, a->n_little);
}
static Msg definition(const Question *q)
{
    (void)q;
    return MSG_define_features;
}
const QuestionForm question_features = { .shape = &question_features_shape, .common = offsetof(FeaturesIn, c),
    .read = read, .run = run, .write = write, .definition = definition, .scope = scope };
