#include "api/event_out.h"
#include <string.h>

static const char digits[] = "0123456789abcdef";

void event_out_person(JsonW *w, const App *app, Hash128 actor)
{
    Hash128 root = events_root(app->events, actor);
    char text[40] = "vis_";
    for (int i = 0; i < 16; i++) {
        text[4 + i] = digits[root.a >> (60 - 4 * i) & 15];
        text[20 + i] = digits[root.b >> (60 - 4 * i) & 15];
    }
    jsonw_str(w, (Str){ text, 36 });
}
bool event_out_parse(Str s, Hash128 *ret)
{
    uint64_t part[2] = { 0 };
    if (s.n != 36 || memcmp(s.p, "vis_", 4) != 0) return false;
    for (size_t i = 0; i < 32; i++) {
        const char *at = memchr(digits, s.p[4 + i], 16);
        if (!at) return false;
        part[i / 16] = part[i / 16] << 4 | (unsigned)(at - digits);
    }
    *ret = (Hash128){ part[0], part[1] };
    return true;
}
static Str cut(Str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--;
    return (Str){ s.p, n };
}
static void prop_out(JsonW *w, const Prop *p, size_t max_text)
{
    jsonw_key(w, p->name);
    switch ((PropKind)p->kind) {
    case PROP_NULL:   jsonw_null(w); break;
    case PROP_BOOL:   jsonw_bool(w, p->b); break;
    case PROP_INT:    jsonw_i64(w, p->i); break;
    case PROP_DOUBLE: jsonw_double(w, p->d); break;
    case PROP_STR:    jsonw_str(w, cut(p->s, max_text)); break;
    case PROP_LIST:
        jsonw_open(w, '[');
        for (size_t i = 0; i < p->list.n; i++) jsonw_str(w, cut(p->list.p[i], max_text));
        jsonw_close(w, ']');
        break;
    }
}
void event_out_event(JsonW *w, const App *app, const Event *e, size_t max_props, size_t max_text)
{
    const Source *s = source_by_number(app->sources, e->source);
    jsonw_open(w, '{');
    jsonw_key(w, S("name"));     jsonw_str(w, e->name);
    jsonw_key(w, S("time"));     jsonw_time(w, e->time);
    jsonw_key(w, S("received")); jsonw_time(w, e->received);
    jsonw_key(w, S("source"));   jsonw_str(w, s ? s->name : S(""));
    jsonw_key(w, S("person"));   event_out_person(w, app, e->actor);
    jsonw_key(w, S("trust"));    jsonw_i64(w, e->trust);
    jsonw_key(w, S("service"));  jsonw_bool(w, e->flags & EVENT_SERVICE);
    jsonw_key(w, S("props"));    jsonw_open(w, '{');
    for (size_t i = 0; i < e->n_props && i < max_props; i++) prop_out(w, &e->props[i], max_text);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}
static const Field event_fields[] = {
    { .key = "name", .type = F_STR, .required = true },
    { .key = "time", .type = F_TIME, .required = true },
    { .key = "received", .type = F_TIME, .required = true },
    { .key = "source", .type = F_STR, .required = true },
    { .key = "person", .type = F_STR, .required = true },
    { .key = "trust", .type = F_I64, .required = true, .max = 3,
        .doc = "0 public key, 1 the person's session, 2 secret key or import, 3 liuke" },
    { .key = "service", .type = F_BOOL, .required = true, .doc = "liuke's own record, hidden from analysis" },
    { .key = "props", .type = F_ANY, .required = true },
};
const Shape event_out_shape = { .name = "event", .fields = event_fields, .n = COUNT(event_fields),
    .size = sizeof(Event) };
