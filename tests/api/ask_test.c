/* Questions as they are asked over the API: every kind, filters, the people behind a number, errors by field. */
#include "tests/api/api_world.h"
#include <stdio.h>
#include <string.h>

/* Five people of March 2024, on these days; who is even has the plan "pro". */
static const struct { const char *who, *days; } people[] = { { "u1", "124" }, { "u2", "13" }, { "u3", "1" },
    { "u4", "235" }, { "u5", "3" } };
static void track(World *w, const char *who, const char *event, const char *time, const char *props)
{
    char body[600];
    snprintf(body, sizeof body, "{\"type\":\"track\",\"userId\":\"%s\",\"event\":\"%s\",\"timestamp\":\"%s\","
        "\"properties\":%s}", who, event, time, props);
    call(w, .method = "POST", .path = "/v1/track", .key = w->sk.p, .body = body);
    expect(w, 200, "success");
}
static void fill(World *w)
{
    w->cx->now = INT64_C(1712000000000);                   /* 2024-04-01 */
    for (size_t i = 0; i < COUNT(people); i++)
        for (const char *d = people[i].days; *d; d++) {
            char time[] = "2024-03-00T12:00:00Z", props[100];
            time[9] = *d;
            snprintf(props, sizeof props, "{\"plan\":\"%s\",\"price\":%d,\"url\":\"/p/%c/\"}", i % 2 ? "pro" : "free",
                *d - '0', *d);
            track(w, people[i].who, "open", time, props);
            if (*d == '1') track(w, people[i].who, "buy", "2024-03-01T13:00:00Z", "{\"price\":2.5}");
        }
}
static void ask(World *w, const char *question)
{
    call(w, .method = "POST", .path = "/api/1/ask", .staff = true, .body = question);
}
#define RANGE "\"period\":\"day\",\"timezone\":\"UTC\",\"from\":\"2024-03-01\",\"to\":\"2024-03-06\""
#define GRID "\"period\":\"day\",\"timezone\":\"UTC\",\"first_interval\":\"2024-03-01\",\"intervals\":5"
#define OPEN "{\"name\":\"open\"}"
API(every_kind_of_question_is_answered)
{
    static const char *const asked[][2] = {
        { "{\"kind\":\"trend\",\"event\":" OPEN "," RANGE "}", "\"values\":[3,2,3,1,1]" },
        { "{\"kind\":\"trend\",\"event\":" OPEN ",\"measure\":\"people\"," RANGE "}", "\"total\":5" },
        { "{\"kind\":\"trend\",\"event\":" OPEN ",\"measure\":\"sum\",\"prop\":\"price\"," RANGE "}",
            "\"values\":[3,4,9,4,5]" },
        { "{\"kind\":\"trend\",\"event\":" OPEN ",\"measure\":\"percentile\",\"prop\":\"price\",\"percentile\":50,"
            RANGE "}", "\"total\":2" },
        { "{\"kind\":\"trend\",\"series\":[{\"event\":" OPEN "},{\"event\":{\"name\":\"buy\"}}],"
            "\"formulas\":[\"B / A * 100\"]," RANGE "}", "\"measure\":\"formula\",\"values\":[100,0,0,0,0]" },
        { "{\"kind\":\"trend\",\"event\":" OPEN ",\"breakdown\":[{\"prop\":\"plan\"}]," RANGE "}",
            "\"group\":[\"pro\"],\"other\":false" },
        { "{\"kind\":\"retention\",\"start_event\":" OPEN ",\"return_event\":" OPEN "," GRID "}",
            "\"values\":[3,1,1,1,0]" },
        { "{\"kind\":\"retention\",\"mode\":\"first_time\",\"measure\":\"on_or_after\",\"start_event\":" OPEN
            ",\"return_event\":" OPEN "," GRID "}", "\"values\":[3,2,2,1,0]" },
        { "{\"kind\":\"retention\",\"brackets\":[2,2],\"mode\":\"first_time\",\"start_event\":" OPEN
            ",\"return_event\":" OPEN "," GRID "}", "\"values\":[3,2,1]" },
        { "{\"kind\":\"retention\",\"value\":{\"prop\":\"price\"},\"start_event\":" OPEN ",\"return_event\":" OPEN ","
            GRID "}", "\"amounts\":[3,2,3,4,0]" },
        { "{\"kind\":\"lifecycle\",\"event\":" OPEN "," GRID "}", "\"new\":[3,1,1,0,0]" },
        { "{\"kind\":\"stickiness\",\"event\":" OPEN "," GRID "}", "\"exactly\":[2,1,2,0,0],\"or_more\":[5,3,2,0,0]" },
        { "{\"kind\":\"funnel\",\"steps\":[" OPEN ",{\"name\":\"buy\"}],\"window\":[1,\"day\"],\"timezone\":\"UTC\","
            "\"from\":\"2024-03-01\",\"to\":\"2024-03-06\",\"time_to_convert\":{\"to_step\":1}}",
            "{\"name\":\"buy\",\"people\":3,\"share\":0.6,\"average_seconds\":3600,\"median_seconds\":3600}" },
        { "{\"kind\":\"paths\",\"item\":{\"kind\":\"prop\",\"event\":\"open\",\"prop\":\"url\"},\"session_gap\":10000,"
            "\"timezone\":\"UTC\",\"from\":\"2024-03-01\",\"to\":\"2024-03-06\"}",
            "{\"source\":\"1_/p/1\",\"target\":\"2_/p/2\",\"value\":1}" },
        { "{\"kind\":\"sequences\",\"item\":{\"kind\":\"event\"},\"after\":" OPEN ",\"timezone\":\"UTC\","
            "\"from\":\"2024-03-01\",\"to\":\"2024-03-06\"}", "{\"items\":[\"buy\",\"open\",\"open\"],\"people\":1}" },
        { "{\"kind\":\"findings\",\"start_event\":" OPEN ",\"early\":1,\"stay_from\":1,\"stay_to\":2,\"min_people\":1,"
            "\"timezone\":\"UTC\",\"from\":\"2024-03-01\",\"to\":\"2024-03-06\"}", "\"stories\":5,\"stayed\":3" },
        { "{\"kind\":\"sessions\",\"event\":" OPEN "," RANGE "}", "\"sessions\":13" },
        { "{\"kind\":\"pages\",\"event\":" OPEN ",\"prop\":\"url\",\"timezone\":\"UTC\",\"from\":\"2024-03-01\","
            "\"to\":\"2024-03-06\"}", "{\"page\":\"/p/1\",\"people\":3,\"views\":3" },
        { "{\"kind\":\"features\"," GRID "}", "{\"feature\":\"open\",\"people\":5,\"uses\":10" },
    };
    fill(w);
    for (size_t i = 0; i < COUNT(asked); i++) {
        ask(w, asked[i][0]);
        expect(w, 200, asked[i][1]);
        expect(w, 200, "\"definition\":\"");
        expect(w, 200, "\"missing\":[]");
    }
}
API(filters_and_people_are_expressions_and_the_people_behind_a_number_are_named)
{
    fill(w);
    ask(w, "{\"kind\":\"trend\",\"measure\":\"people\",\"event\":" OPEN "," RANGE
        ",\"filter\":{\"prop\":\"plan\",\"op\":\"is\",\"value\":\"pro\"}}");
    expect(w, 200, "\"total\":2");
    ask(w, "{\"kind\":\"trend\",\"measure\":\"people\",\"event\":" OPEN "," RANGE
        ",\"people\":{\"did\":{\"event\":\"buy\",\"times\":{\"ge\":1},\"from\":\"2024-03-01\","
        "\"to\":\"2024-03-05\"}}}");
    expect(w, 200, "\"total\":3");
    ask(w, "{\"kind\":\"trend\",\"measure\":\"people\",\"event\":{\"name\":\"open\",\"props\":{\"plan\":\"pro\"},"
        "\"where\":{\"prop\":\"price\",\"op\":\"ge\",\"value\":3}}," RANGE ",\"cell\":{\"series\":0}}");
    expect(w, 200, "\"behind\":2,\"behind_people\":[\"vis_");
    ask(w, "{\"kind\":\"retention\",\"start_event\":" OPEN ",\"return_event\":" OPEN "," GRID
        ",\"cell\":{\"row\":0,\"column\":1}}");
    expect(w, 200, "\"behind\":1,\"behind_people\":[\"vis_");
    ask(w, "{\"kind\":\"funnel\",\"steps\":[" OPEN ",{\"name\":\"buy\"}],\"timezone\":\"UTC\",\"from\":\"2024-03-01\","
        "\"to\":\"2024-03-06\",\"cell\":{\"step\":1,\"lost\":true}}");
    expect(w, 200, "\"behind\":2");
    ask(w, "{\"kind\":\"funnel\",\"steps\":[" OPEN ",{\"name\":\"buy\"}],\"timezone\":\"UTC\",\"from\":\"2024-03-01\","
        "\"to\":\"2024-03-06\",\"time_to_convert\":{\"to_step\":1,\"bins\":3},\"cell\":{\"bin\":0}}");
    expect(w, 200, "\"behind\":3");
    ask(w, "{\"kind\":\"paths\",\"item\":{\"kind\":\"prop\",\"event\":\"open\",\"prop\":\"url\"},\"session_gap\":10000,"
        "\"timezone\":\"UTC\",\"from\":\"2024-03-01\",\"to\":\"2024-03-06\",\"cell\":[\"1_/p/1\",\"2_/p/2\"]}");
    expect(w, 200, "\"behind\":1");
    ask(w, "{\"kind\":\"features\"," GRID ",\"feature\":\"buy\",\"without\":true}");
    expect(w, 200, "\"behind\":2");
}
API(what_is_wrong_with_a_question_is_named_by_its_field)
{
    static const char *const wrong[][2] = {
        { "{", "\"code\":\"bad_json\"" },
        { "[]", "\"field\":\"kind\"" },
        { "{\"kind\":\"guess\"}", "\"code\":\"not_one_of\",\"field\":\"kind\"" },
        { "{\"kind\":\"trend\"," RANGE "}", "\"field\":\"event\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"steps\":[]," RANGE "}",
            "\"code\":\"unknown_field\",\"field\":\"steps\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"measure\":\"sum\"," RANGE "}", "\"field\":\"prop\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"measure\":\"percentile\",\"prop\":\"x\"," RANGE "}",
            "\"field\":\"percentile\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"period\":\"day\",\"from\":\"2024-03-02\",\"to\":\"2024-03-02\"}",
            "\"field\":\"to\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"period\":\"day\",\"from\":\"1900-01-01\",\"to\":\"2024-03-02\"}",
            "\"code\":\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"formulas\":[\"A +\"]," RANGE "}", "\"field\":\"formulas[0]\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"filter\":{\"all\":[{\"prop\":\"x\",\"op\":\"like\",\"value\":1}]}," RANGE
            "}", "\"field\":\"filter.all[0].op\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"people\":{\"prop\":\"x\",\"op\":\"set\"}," RANGE "}",
            "\"field\":\"people" },
        { "{\"kind\":\"trend\",\"event\":{\"where\":{\"trait\":\"x\",\"op\":\"set\"}}," RANGE "}",
            "\"field\":\"event.where" },
        { "{\"kind\":\"trend\",\"event\":{},\"cell\":{\"series\":3}," RANGE "}", "\"field\":\"cell\"" },
        { "{\"kind\":\"retention\",\"start_event\":{},\"return_event\":{},\"period\":\"day\","
            "\"first_interval\":\"2024-03-01\",\"intervals\":181}", "\"field\":\"intervals\"" },
        { "{\"kind\":\"funnel\",\"steps\":[],\"from\":\"2024-03-01\",\"to\":\"2024-03-02\"}", "\"field\":\"steps\"" },
        { "{\"kind\":\"funnel\",\"steps\":[{}],\"window\":[0,\"day\"],\"from\":\"2024-03-01\",\"to\":\"2024-03-02\"}",
            "\"code\":\"window_wrong\",\"field\":\"window\"" },
        { "{\"kind\":\"funnel\",\"steps\":[{}],\"attribution\":\"step:1\",\"from\":\"2024-03-01\","
            "\"to\":\"2024-03-02\"}",
            "\"field\":\"attribution\"" },
        { "{\"kind\":\"paths\",\"item\":{\"kind\":\"prop\"},\"from\":\"2024-03-01\",\"to\":\"2024-03-02\"}",
            "\"field\":\"item.prop\"" },
        { "{\"kind\":\"stickiness\",\"event\":{},\"cell\":{\"row\":6}," GRID "}", "\"field\":\"cell.row\"" },
        { "{\"kind\":\"trend\",\"event\":{},\"period\":\"day\",\"timezone\":\"Mars/Olympus\","
            "\"from\":\"2024-03-01\",\"to\":\"2024-03-02\"}", "\"field\":\"timezone\"" },
    };
    fill(w);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ask(w, wrong[i][0]);
        expect(w, 400, wrong[i][1]);
    }
    ask(w, "{\"kind\":\"trend\",\"event\":{}," RANGE "}");
    expect(w, 200, "\"values\":");
}
static bool kept(const World *w)
{
    for (size_t i = 0; i < w->res.n_headers; i++) if (str_is(w->res.headers[i].name, "X-Kept")) return true;
    return false;
}
API(an_answer_is_kept_until_something_new_comes)
{
    static const char question[] = "{\"kind\":\"trend\",\"event\":" OPEN "," RANGE "}";
    fill(w);
    ask(w, question);
    assert_false(kept(w));
    ask(w, question);
    assert_true(kept(w));
    call(w, .method = "POST", .path = "/api/1/ask?fresh=true", .staff = true, .body = question);
    assert_false(kept(w));
    track(w, "u9", "open", "2024-03-01T12:00:00Z", "{}");
    ask(w, question);
    expect(w, 200, "\"values\":[4,2,3,1,1]");
    assert_false(kept(w));
    call(w, .method = "GET", .path = "/api/1/ask/runs", .staff = true);
    expect(w, 200, "{\"items\":[]}");
    call(w, .method = "DELETE", .path = "/api/1/ask/runs/none", .staff = true);
    expect(w, 404, "\"code\":\"not_found\"");
}
