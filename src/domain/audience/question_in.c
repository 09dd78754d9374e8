#include "domain/audience/question_in.h"
#include "base/limits.h"

const char *const question_kinds[] = { "trend", "retention", "funnel", "lifecycle", "stickiness", "paths", "sequences",
    "sessions", "pages", "features", "findings", NULL };
static const char *const PERIODS[] = { "hour", "day", "week", "month", NULL }, *const WEEKS[] = { "sunday", "monday",
    NULL };
static const char *const BREAKDOWNS[] = { "event", "person", "name", NULL };
static const char *const TREND_MEASURES[] = { "count", "people", "per_person", "sum", "mean", "min", "max",
    "percentile", NULL };
static const char *const MODES[] = { "recurring", "first_time", "first_ever", NULL };
static const char *const RETENTION_MEASURES[] = { "on", "on_or_after", NULL }, *const WINDOWS[] = { "calendar", "24h",
    NULL };
static const char *const VALUE_MEASURES[] = { "sum", "mean", NULL };
static const char *const ORDERS[] = { "ordered", "strict", "unordered", NULL }, *const COUNTS[] = { "people", "entries",
    NULL };
static const char *const ITEMS[] = { "prop", "event", NULL };

static const Field matcher_fields[] = {
    FIELD(MatcherIn, name, F_STR, .max = EVENT_NAME_BYTES_MAX, .doc = "name of the event; left out or null: any event"),
    FIELD(MatcherIn, props, F_ANY, .doc = "an object: each of these properties has this value"),
    FIELD(MatcherIn, where, F_ANY, .doc = "an expression of the audience language over the event's properties"),
};
static const Shape matcher_shape = SHAPE("question_event", MatcherIn, matcher_fields);
static const Field breakdown_fields[] = {
    FIELD(BreakdownIn, type, F_ENUM, .names = BREAKDOWNS,
        .doc = "a property of the event (when left out), a trait of the person, or the event's name"),
    FIELD(BreakdownIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "name of the property or trait"),
};
static const Shape breakdown_shape = SHAPE("question_breakdown", BreakdownIn, breakdown_fields);

#define COMMON(T) \
    { .key = "kind", .at = offsetof(T, kind), .type = F_STR, .required = true, .doc = "what is asked" }, \
    { .key = "timezone", .at = offsetof(T, c.timezone), .type = F_STR, .max = 64, \
        .doc = "IANA name; left out: the product's" }, \
    { .key = "week_start", .at = offsetof(T, c.week_start), .type = F_ENUM, .names = WEEKS, \
        .was = offsetof(T, c.had_week_start), .doc = "left out: the product's" }, \
    { .key = "filter", .at = offsetof(T, c.filter), .type = F_ANY, \
        .doc = "an expression that every event must meet; terms over people may stand in it" }, \
    { .key = "people", .at = offsetof(T, c.people), .type = F_ANY, \
        .doc = "an expression of the audience language: only these people" }, \
    { .key = "breakdown", .at = offsetof(T, c.breakdown), .type = F_LIST, .item = F_OBJECT, .of = &breakdown_shape, \
        .max = 3, .doc = "one line for each combination of these values" }, \
    { .key = "breakdown_limit", .at = offsetof(T, c.breakdown_limit), .type = F_I64, .min = 1, \
        .max = BREAKDOWN_VALUES_MAX, .was = offsetof(T, c.had_limit), \
        .doc = "values kept, those of the most people; all others are one. Left out: 25" }
#define PERIOD(T) { .key = "period", .at = offsetof(T, c.period), .type = F_ENUM, .names = PERIODS, .required = true, \
        .doc = "the step of the time axis" }

static const Field series_fields[] = {
    FIELD(SeriesIn, event, F_OBJECT, .of = &matcher_shape, .required = true, .doc = "the event counted"),
    FIELD(SeriesIn, measure, F_ENUM, .names = TREND_MEASURES, .doc = "left out: count"),
    FIELD(SeriesIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX,
        .doc = "whose numbers: of sum, mean, min, max, percentile"),
    FIELD(SeriesIn, percentile, F_DOUBLE, .min = 0, .max = 100, .doc = "of percentile: 50 is the median"),
    FIELD(SeriesIn, name, F_STR, .max = EVENT_NAME_BYTES_MAX, .doc = "what the line is called"),
};
static const Shape series_shape = SHAPE("question_series", SeriesIn, series_fields);
#define GROUP(T) \
    { .key = "group", .at = offsetof(T, group.values), .type = F_LIST, .item = F_STR, .max = 3, \
        .doc = "values of the breakdown as the answer gives them" }, \
    { .key = "other", .at = offsetof(T, group.other), .type = F_BOOL, .doc = "the group of all other values" }
static const Field trend_cell_fields[] = {
    FIELD(TrendCellIn, series, F_I64, .min = 0, .max = 100, .doc = "number of the series, from 0"),
    GROUP(TrendCellIn),
    FIELD(TrendCellIn, period, F_I64, .min = 0, .max = 100000, .was = offsetof(TrendCellIn, had_period),
        .doc = "number of the period, from 0; left out: the whole range"),
};
static const Shape trend_cell_shape = SHAPE("question_trend_cell", TrendCellIn, trend_cell_fields);
static const Field trend_fields[] = {
    COMMON(TrendIn), PERIOD(TrendIn),
    FIELD(TrendIn, event, F_OBJECT, .of = &matcher_shape, .was = offsetof(TrendIn, had_event),
        .doc = "the event counted, where there is one series"),
    FIELD(TrendIn, measure, F_ENUM, .names = TREND_MEASURES, .doc = "left out: count"),
    FIELD(TrendIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "of sum, mean, min, max, percentile"),
    FIELD(TrendIn, percentile, F_DOUBLE, .min = 0, .max = 100, .doc = "of percentile"),
    FIELD(TrendIn, series, F_LIST, .item = F_OBJECT, .of = &series_shape, .max = TREND_LINES_MAX,
        .doc = "several lines"),
    FIELD(TrendIn, formulas, F_LIST, .item = F_STR, .max = TREND_LINES_MAX,
        .doc = "arithmetic over the series: A / B * 100"),
    FIELD(TrendIn, from, F_STR, .required = true, .max = 40, .doc = "date or time, inclusive; local to the time zone"),
    FIELD(TrendIn, to, F_STR, .required = true, .max = 40, .doc = "date or time, exclusive"),
    FIELD(TrendIn, cell, F_OBJECT, .of = &trend_cell_shape, .was = offsetof(TrendIn, had_cell),
        .doc = "the people behind this number are wanted"),
};
const Shape question_trend_shape = SHAPE("question_trend", TrendIn, trend_fields);

static const Field value_fields[] = {
    FIELD(ValueIn, prop, F_STR, .required = true, .min = 1, .max = PROP_NAME_BYTES_MAX,
        .doc = "a number of the returning events"),
    FIELD(ValueIn, measure, F_ENUM, .names = VALUE_MEASURES, .doc = "left out: sum"),
};
static const Shape value_shape = SHAPE("question_value", ValueIn, value_fields);
static const Field retention_cell_fields[] = {
    FIELD(RetentionCellIn, row, F_I64, .min = 0, .max = RETENTION_PERIODS_MAX, .doc = "from 0"),
    FIELD(RetentionCellIn, column, F_I64, .min = 0, .max = RETENTION_PERIODS_MAX, .doc = "from 0"),
    GROUP(RetentionCellIn),
};
static const Shape retention_cell_shape = SHAPE("question_retention_cell", RetentionCellIn, retention_cell_fields);
static const Field retention_fields[] = {
    COMMON(RetentionIn), PERIOD(RetentionIn),
    FIELD(RetentionIn, first_interval, F_STR, .required = true, .max = 40, .doc = "a date or time in the first period"),
    FIELD(RetentionIn, intervals, F_I64, .required = true, .min = 1, .max = RETENTION_PERIODS_MAX,
        .doc = "number of periods"),
    FIELD(RetentionIn, mode, F_ENUM, .names = MODES,
        .doc = "a row for every period with a start (when left out), only for a person's first matching start, or for "
               "the first event of that name if it matches"),
    FIELD(RetentionIn, measure, F_ENUM, .names = RETENTION_MEASURES,
        .doc = "in that period, or in it or any later one"),
    FIELD(RetentionIn, window, F_ENUM, .names = WINDOWS,
        .doc = "periods of the calendar, or of 24 hours from each person's start"),
    FIELD(RetentionIn, start_event, F_OBJECT, .of = &matcher_shape, .required = true,
        .doc = "what makes a member of a row"),
    FIELD(RetentionIn, return_event, F_OBJECT, .of = &matcher_shape, .required = true,
        .doc = "what counts as coming back"),
    FIELD(RetentionIn, min_occurrences, F_I64, .min = 1, .max = 1000000,
        .doc = "returns needed within one period; left out: 1"),
    FIELD(RetentionIn, brackets, F_LIST, .item = F_I64, .max = RETENTION_PERIODS_MAX,
        .doc = "sizes of the columns in periods: [1,2,4] is 1, 2-3, 4-7"),
    FIELD(RetentionIn, aggregate_by, F_STR, .max = PROP_NAME_BYTES_MAX,
        .doc = "count values of this property instead of people"),
    FIELD(RetentionIn, value, F_OBJECT, .of = &value_shape, .was = offsetof(RetentionIn, had_value),
        .doc = "a number of the returning events instead of people"),
    FIELD(RetentionIn, cell, F_OBJECT, .of = &retention_cell_shape, .was = offsetof(RetentionIn, had_cell),
        .doc = "the people behind this number are wanted"),
};
const Shape question_retention_shape = SHAPE("question_retention", RetentionIn, retention_fields);

static const Field step_fields[] = {
    FIELD(StepIn, name, F_STR, .max = EVENT_NAME_BYTES_MAX, .doc = "name of the event; left out: any event"),
    FIELD(StepIn, props, F_ANY, .doc = "an object: each of these properties has this value"),
    FIELD(StepIn, where, F_ANY, .doc = "an expression over the event's properties"),
    FIELD(StepIn, optional, F_BOOL, .doc = "who leaves it out goes on all the same"),
    FIELD(StepIn, window, F_ANY, .doc = "[n, unit]: at most so long after the step before"),
};
static const Shape step_shape = SHAPE("question_step", StepIn, step_fields);
static const Field exclusion_fields[] = {
    FIELD(ExclusionIn, event, F_OBJECT, .of = &matcher_shape, .required = true, .doc = "who does this is left out"),
    FIELD(ExclusionIn, from_step, F_I64, .min = 0, .max = FUNNEL_STEPS_MAX, .doc = "after this step, from 0"),
    FIELD(ExclusionIn, to_step, F_I64, .required = true, .min = 1, .max = FUNNEL_STEPS_MAX, .doc = "and before this"),
};
static const Shape exclusion_shape = SHAPE("question_exclusion", ExclusionIn, exclusion_fields);
static const Field convert_fields[] = {
    FIELD(ConvertIn, from_step, F_I64, .min = 0, .max = FUNNEL_STEPS_MAX, .doc = "from 0"),
    FIELD(ConvertIn, to_step, F_I64, .required = true, .min = 1, .max = FUNNEL_STEPS_MAX, .doc = "from 0"),
    FIELD(ConvertIn, bins, F_I64, .min = 0, .max = FUNNEL_BINS_MAX, .doc = "left out: by the number of people"),
};
static const Shape convert_shape = SHAPE("question_convert", ConvertIn, convert_fields);
static const Field funnel_cell_fields[] = {
    FIELD(FunnelCellIn, step, F_I64, .min = 0, .max = FUNNEL_STEPS_MAX, .doc = "who reached it; from 0"),
    FIELD(FunnelCellIn, lost, F_BOOL, .doc = "instead: who reached the step before and not this one"),
    GROUP(FunnelCellIn),
    FIELD(FunnelCellIn, bin, F_I64, .min = 0, .max = FUNNEL_BINS_MAX, .was = offsetof(FunnelCellIn, had_bin),
        .doc = "instead: who converted in this bin of time_to_convert"),
};
static const Shape funnel_cell_shape = SHAPE("question_funnel_cell", FunnelCellIn, funnel_cell_fields);
static const Field funnel_fields[] = {
    COMMON(FunnelIn),
    FIELD(FunnelIn, steps, F_LIST, .item = F_OBJECT, .of = &step_shape, .required = true, .min = 1,
        .max = FUNNEL_STEPS_MAX, .doc = "in order"),
    FIELD(FunnelIn, window, F_ANY, .doc = "[n, unit] from the first step, inclusive; left out: [14, \"day\"]"),
    FIELD(FunnelIn, order, F_ENUM, .names = ORDERS,
        .doc = "other events may lie between (when left out), none may, or the steps come in any order"),
    FIELD(FunnelIn, from, F_STR, .required = true, .max = 40, .doc = "entries from this date or time on"),
    FIELD(FunnelIn, to, F_STR, .required = true, .max = 40,
        .doc = "entries until then, inclusive; the window counts past it"),
    FIELD(FunnelIn, exclusions, F_LIST, .item = F_OBJECT, .of = &exclusion_shape, .max = FUNNEL_EXCLUSIONS_MAX,
        .doc = "events that put a person out of the funnel"),
    FIELD(FunnelIn, hold, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "all steps must share this property's value"),
    FIELD(FunnelIn, attribution, F_STR, .max = 20,
        .doc = "whose value a breakdown takes: first_touch (when left out), last_touch, all_events, step:K"),
    FIELD(FunnelIn, count, F_ENUM, .names = COUNTS, .doc = "people (when left out), or every entry"),
    FIELD(FunnelIn, time_to_convert, F_OBJECT, .of = &convert_shape, .was = offsetof(FunnelIn, had_convert),
        .doc = "a histogram of the time between two steps"),
    FIELD(FunnelIn, cell, F_OBJECT, .of = &funnel_cell_shape, .was = offsetof(FunnelIn, had_cell),
        .doc = "the people behind this number are wanted"),
};
const Shape question_funnel_shape = SHAPE("question_funnel", FunnelIn, funnel_fields);

static const Field cycle_cell_fields[] = {
    FIELD(CycleCellIn, row, F_I64, .min = 0, .max = ASK_PERIODS_MAX,
        .doc = "lifecycle: 0 new, 1 returning, 2 resurrecting, 3 dormant; stickiness: number of periods"),
    FIELD(CycleCellIn, or_more, F_BOOL, .doc = "stickiness: in so many periods or more"),
    FIELD(CycleCellIn, period, F_I64, .min = 0, .max = ASK_PERIODS_MAX, .doc = "lifecycle: from 0"),
    GROUP(CycleCellIn),
};
static const Shape cycle_cell_shape = SHAPE("question_cycle_cell", CycleCellIn, cycle_cell_fields);
static const Field cycle_fields[] = {
    COMMON(CycleIn), PERIOD(CycleIn),
    FIELD(CycleIn, first_interval, F_STR, .required = true, .max = 40, .doc = "a date or time in the first period"),
    FIELD(CycleIn, intervals, F_I64, .required = true, .min = 1, .max = RETENTION_PERIODS_MAX,
        .doc = "number of periods"),
    FIELD(CycleIn, event, F_OBJECT, .of = &matcher_shape, .required = true, .doc = "what counts as being active"),
    FIELD(CycleIn, cell, F_OBJECT, .of = &cycle_cell_shape, .was = offsetof(CycleIn, had_cell),
        .doc = "the people behind this number are wanted"),
};
const Shape question_cycle_shape = SHAPE("question_cycle", CycleIn, cycle_fields);

static const Field item_fields[] = {
    FIELD(ItemIn, kind, F_ENUM, .names = ITEMS, .required = true,
        .doc = "values of a property of one event, or names of events"),
    FIELD(ItemIn, event, F_STR, .max = EVENT_NAME_BYTES_MAX, .doc = "of prop: the event"),
    FIELD(ItemIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "of prop: the property"),
};
static const Shape item_shape = SHAPE("question_item", ItemIn, item_fields);
static const Field paths_fields[] = {
    COMMON(PathsIn),
    FIELD(PathsIn, item, F_OBJECT, .of = &item_shape, .required = true, .doc = "what a path is made of"),
    FIELD(PathsIn, from, F_STR, .required = true, .max = 40, .doc = "date or time, inclusive"),
    FIELD(PathsIn, to, F_STR, .required = true, .max = 40, .doc = "date or time, inclusive"),
    FIELD(PathsIn, start_point, F_STR, .max = 2000, .doc = "paths: they begin at its first occurrence"),
    FIELD(PathsIn, end_point, F_STR, .max = 2000, .doc = "paths: they end at its first occurrence"),
    FIELD(PathsIn, after, F_OBJECT, .of = &matcher_shape, .was = offsetof(PathsIn, had_after),
        .doc = "sequences: the items after a person's first such event"),
    FIELD(PathsIn, depth, F_I64, .min = 1, .max = PATHS_DEPTH_MAX, .doc = "items of a path; left out: 5"),
    FIELD(PathsIn, limit, F_I64, .min = 1, .max = PATHS_EDGES_MAX, .doc = "edges or sequences told; left out: 50"),
    FIELD(PathsIn, session_gap, F_I64, .min = 1, .max = 100000, .doc = "minutes without an event; left out: 30"),
    FIELD(PathsIn, drop_query, F_BOOL, .doc = "of URLs only what stands before ? and #"),
    FIELD(PathsIn, mask_ids, F_BOOL, .doc = "parts of URL paths that are numbers or long ids stand for any"),
    FIELD(PathsIn, mask, F_LIST, .item = F_STR, .max = PATHS_PATTERNS_MAX,
        .doc = "patterns of URL paths, * for one part: /order/*"),
    FIELD(PathsIn, cell, F_LIST, .item = F_STR, .max = PATHS_DEPTH_MAX,
        .doc = "the people behind this edge or sequence are wanted"),
};
const Shape question_paths_shape = SHAPE("question_paths", PathsIn, paths_fields);

static const Field features_fields[] = {
    COMMON(FeaturesIn), PERIOD(FeaturesIn),
    FIELD(FeaturesIn, first_interval, F_STR, .required = true, .max = 40, .doc = "a date or time in the first period"),
    FIELD(FeaturesIn, intervals, F_I64, .required = true, .min = 1, .max = ASK_PERIODS_MAX, .doc = "number of periods"),
    FIELD(FeaturesIn, active, F_OBJECT, .of = &matcher_shape, .doc = "who counts as active; left out: any event"),
    FIELD(FeaturesIn, event, F_OBJECT, .of = &matcher_shape, .doc = "which events are uses; left out: any event"),
    FIELD(FeaturesIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX,
        .doc = "the property that names the feature; left out: the event's name"),
    FIELD(FeaturesIn, little, F_DOUBLE, .min = 0, .max = 1, .doc =
        "used by a smaller share is little used; left out: 0.05"),
    FIELD(FeaturesIn, feature, F_STR, .max = PROP_TEXT_BYTES_MAX, .doc = "the people who used this one are wanted"),
    FIELD(FeaturesIn, without, F_BOOL, .doc = "instead the active people who did not"),
};
const Shape question_features_shape = SHAPE("question_features", FeaturesIn, features_fields);

static const Field findings_cell_fields[] = {
    FIELD(FindingsCellIn, event, F_STR, .required = true, .max = EVENT_NAME_BYTES_MAX, .doc = "as a row names it"),
    FIELD(FindingsCellIn, value, F_STR, .max = PROP_TEXT_BYTES_MAX, .was = offsetof(FindingsCellIn, had_value),
        .doc = "of the property, where the row has one"),
    FIELD(FindingsCellIn, times, F_I64, .min = 1, .max = 5, .doc = "the row's level"),
    FIELD(FindingsCellIn, days, F_I64, .min = 1, .max = 3, .doc = "or this"),
    FIELD(FindingsCellIn, without, F_BOOL, .doc = "instead those who did not"),
    FIELD(FindingsCellIn, left, F_BOOL, .doc = "instead those who left"),
};
static const Shape findings_cell_shape = SHAPE("question_findings_cell", FindingsCellIn, findings_cell_fields);
static const Field findings_fields[] = {
    COMMON(FindingsIn),
    FIELD(FindingsIn, from, F_STR, .required = true, .max = 40, .doc = "stories that begin from this date or time on"),
    FIELD(FindingsIn, to, F_STR, .required = true, .max = 40, .doc = "and before this"),
    FIELD(FindingsIn, start_event, F_OBJECT, .of = &matcher_shape, .required = true, .doc = "what begins a story"),
    FIELD(FindingsIn, return_event, F_OBJECT, .of = &matcher_shape,
        .doc = "what counts as having stayed; left out: any"),
    FIELD(FindingsIn, event, F_OBJECT, .of = &matcher_shape, .doc = "behaviours looked at; left out: all events"),
    FIELD(FindingsIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "its values are looked at as well"),
    FIELD(FindingsIn, early, F_I64, .min = 1, .max = FINDINGS_EARLY_MAX, .was = offsetof(FindingsIn, had_early),
        .doc = "days of the story that are looked at; left out: 7"),
    FIELD(FindingsIn, stay_from, F_I64, .min = 1, .max = FINDINGS_STAY_MAX, .was = offsetof(FindingsIn, had_stay_from),
        .doc = "who comes back from this day on ... left out: 8"),
    FIELD(FindingsIn, stay_to, F_I64, .min = 1, .max = FINDINGS_STAY_MAX, .was = offsetof(FindingsIn, had_stay_to),
        .doc = "... until this one has stayed; left out: 14"),
    FIELD(FindingsIn, window, F_ENUM, .names = WINDOWS, .doc = "days of the calendar, or of 24 hours from the start"),
    FIELD(FindingsIn, min_people, F_I64, .min = 1, .max = 1000000000, .doc = "on either side; left out: 30"),
    FIELD(FindingsIn, min_support, F_DOUBLE, .min = 0, .max = 1, .doc = "share of people who did it; left out: 0.01"),
    FIELD(FindingsIn, cell, F_OBJECT, .of = &findings_cell_shape, .was = offsetof(FindingsIn, had_cell),
        .doc = "the people of this finding are wanted"),
};
const Shape question_findings_shape = SHAPE("question_findings", FindingsIn, findings_fields);

static const char *const WHO[] = { "viewed", "entered", "left", "bounced", "clicked", NULL };
static const Field visits_cell_fields[] = {
    GROUP(VisitsCellIn),
    FIELD(VisitsCellIn, page, F_STR, .max = PROP_TEXT_BYTES_MAX, .doc = "pages: the page as a row names it"),
    FIELD(VisitsCellIn, who, F_ENUM, .names = WHO,
        .doc = "pages: what they did there; sessions: bounced, or everybody when left out"),
};
static const Shape visits_cell_shape = SHAPE("question_visits_cell", VisitsCellIn, visits_cell_fields);
#define VISITS \
    COMMON(VisitsIn), \
    FIELD(VisitsIn, from, F_STR, .required = true, .max = 40, .doc = "sessions that begin from this date or time on"), \
    FIELD(VisitsIn, to, F_STR, .required = true, .max = 40, .doc = "and before this"), \
    FIELD(VisitsIn, event, F_OBJECT, .of = &matcher_shape, .was = offsetof(VisitsIn, had_event), \
        .doc = "what is a view; left out: $pageview"), \
    FIELD(VisitsIn, session_gap, F_I64, .min = 1, .max = 100000, .doc = "minutes without an event; left out: 30"), \
    FIELD(VisitsIn, cell, F_OBJECT, .of = &visits_cell_shape, .was = offsetof(VisitsIn, had_cell), \
        .doc = "the people behind a row are wanted")
static const Field sessions_fields[] = { VISITS, PERIOD(VisitsIn) };
const Shape question_sessions_shape = SHAPE("question_sessions", VisitsIn, sessions_fields);
static const Field pages_fields[] = {
    VISITS,
    FIELD(VisitsIn, prop, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "of a view: its page; left out: $path"),
    FIELD(VisitsIn, drop_query, F_BOOL, .doc = "of URLs only what stands before ? and #"),
    FIELD(VisitsIn, mask_ids, F_BOOL, .doc = "parts of URL paths that are numbers or long ids stand for any"),
    FIELD(VisitsIn, click, F_OBJECT, .of = &matcher_shape, .was = offsetof(VisitsIn, had_click),
        .doc = "what is a click on the page"),
    FIELD(VisitsIn, dwell, F_OBJECT, .of = &matcher_shape, .was = offsetof(VisitsIn, had_dwell),
        .doc = "events that tell how long a page was looked at"),
    FIELD(VisitsIn, measure, F_STR, .max = PROP_NAME_BYTES_MAX, .doc = "their number: seconds, or how far"),
    FIELD(VisitsIn, limit, F_I64, .min = 1, .max = PATHS_EDGES_MAX, .doc = "rows told; left out: 50"),
};
const Shape question_pages_shape = SHAPE("question_pages", VisitsIn, pages_fields);
