/* Of any bytes: an expression is read or refused at a place, in words that can be shown; read again it is the same. */
#include <string.h>
#include "base/utf8.h"
#include "domain/audience/audience.h"
#include "tests/fuzz/fuzz.h"

FUZZ_SEEDS(
    S_INIT("{\"all\":[{\"trait\":\"plan\",\"op\":\"is\",\"value\":\"专业版\"},{\"did\":{\"event\":\"Purchase\","
           "\"where\":{\"any\":[{\"prop\":\"price\",\"op\":\"ge\",\"value\":100},{\"not\":{\"prop\":\"tags\",\"op\":"
           "\"contains\",\"value\":\"x\"}}]},\"times\":{\"ge\":3,\"le\":9},\"days\":{\"ge\":2},\"sum\":{\"prop\":"
           "\"price\",\"gt\":1.5},\"since\":{\"last\":{\"event\":\"T\"}},\"within\":[30,\"day\"]}}]}"),
    S_INIT("{\"any\":[{\"first\":{\"event\":\"S\",\"calendar\":[1,\"week\"]}},{\"last_seen\":{\"before\":[9,"
           "\"day\"]}},{\"silent\":{\"usual\":3,\"at_least\":[7,\"day\"]}},{\"flag\":\"staff\"},"
           "{\"in\":\"seg_0000000000001\"}]}"),
    S_INIT("{\"not\":{\"sequence\":{\"steps\":[{\"event\":\"a\"},{},{\"where\":[]}],\"span\":[1,\"hour\"],\"from\":"
           "\"2026-01-01\",\"to\":\"2026-02-01T12:00Z\"}}}"),
    S_INIT("[{\"prop\":\"$source\",\"op\":\"in\",\"value\":[\"a\",\"b\"]},{\"prop\":\"p\",\"op\":\"set\"}]"));

static void check_why(const Cx *cx)
{
    Buf b = buf_new(cx->arena, 16 << 10);
    Str field = str_z(cx->why.field);
    buf_msg(&b, cx->lang, &cx->why);
    FUZZ_CHECK(!b.bad && b.n && utf8_good(field) == field.n);
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const AudienceSpeaks speaks[] = { AUDIENCE_OF_PEOPLE, AUDIENCE_OF_EVENTS, AUDIENCE_OF_BOTH };
    Str text = { (const char *)data, size };
    Cx cx = fuzz_cx();
    AudienceScope scope = { .week_start = 1 };
    FUZZ_CHECK(zone_get(&cx, S("UTC"), &scope.zone) == ST_OK);
    for (size_t i = 0; i < COUNT(speaks); i++) {
        const Audience *a;
        cx.lang = (Lang)(i & 1);
        Status st = audience_parse(&cx, &scope, text, "filter", speaks[i], &a);
        FUZZ_CHECK(st == ST_OK || st == ST_INVALID);
        if (st != ST_OK) check_why(&cx);
        FUZZ_CHECK(audience_parse(&cx, &scope, text, "filter", speaks[i], &a) == st);
    }
    return 0;
}
