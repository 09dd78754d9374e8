#include "flow/ingest_event.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/scrub.h"
#include "flow/props.h"
#include <string.h>
#include <strings.h>

static const int64_t DAY_MS = 86400000;

/* By length first: this runs for every key of every event. */
static IngestMember member_of(Str k)
{
#define K(text, member) if (memcmp(k.p, text, sizeof text - 1) == 0) return INGEST_##member
    switch (k.n) {
    case 4:  K("type", TYPE); K("name", NAME); break;
    case 5:  K("event", EVENT); break;
    case 6:  K("userId", USER); K("sentAt", SENT); K("traits", TRAITS); break;
    case 7:  K("context", CONTEXT); K("groupId", GROUP); K("channel", CHANNEL); break;
    case 8:  K("category", CATEGORY); break;
    case 9:  K("messageId", MESSAGE); K("timestamp", TIMESTAMP); break;
    case 10: K("properties", PROPERTIES); K("previousId", PREVIOUS); break;
    case 11: K("anonymousId", ANON); break;
    case 17: K("originalTimestamp", ORIGINAL); break;
    default: break;
    }
#undef K
    return INGEST_MEMBERS_;
}
static void gather(const JsonNode *e, IngestItem *ret)
{
    const JsonNode *key = json_first(e);
    *ret = (IngestItem){ 0 };
    for (size_t i = 0; i < e->n; i++) {
        const JsonNode *v = json_next(key);
        ret->of[member_of(key->s)] = v->kind == JSON_NULL ? NULL : v;
        key = json_next(v);
    }
}
/* Is s one of the names, in any case? */
static bool among(Str s, const Str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s.n == names[i].n && strncasecmp(s.p, names[i].p, s.n) == 0) return true;
    return false;
}
Str ingest_event_message_id(const JsonNode *e) { return json_str_of(json_get(e, S("messageId"))); }
Str ingest_event_name(const JsonNode *e) { return json_str_of(json_get(e, S("event"))); }

/* Ids: numbers become text, everything else is checked and limited. */
static Status id_of(Cx *cx, const JsonNode *v, Str field, Str *ret)
{
    *ret = (Str){ 0 };
    if (!v) return ST_OK;
    if (v->kind == JSON_INT) {
        Buf b = buf_new(cx->arena, 32);
        buf_i64(&b, v->i);
        *ret = buf_str(&b);
        return b.bad ? fail(cx, ST_NO_MEM, "id_of") : ST_OK;
    }
    if (v->kind != JSON_STR)
        return refuse(cx, ST_INVALID, field, MSG_wrong_type, PARAMS({ .name = "want", .text = S("string") }));
    *ret = v->s;
    return ST_OK;
}
static bool placeholder(Str id)
{
    static const Str none[] = { S_INIT("anonymous"), S_INIT("guest"), S_INIT("distinctid"), S_INIT("distinct_id"),
        S_INIT("id"), S_INIT("not_authenticated"), S_INIT("email"), S_INIT("undefined"), S_INIT("true"),
        S_INIT("false"), S_INIT("null"), S_INIT("none"), S_INIT("0"), S_INIT("nan"), S_INIT("[object Object]"),
        S_INIT("unknown"), S_INIT("nil"), S_INIT("-1") };
    return among(id, none, COUNT(none));
}
Status ingest_actor(Cx *cx, const Keys *keys, const char *kind, Str id, Str field, Hash128 *ret)
{
    if (id.n > ID_BYTES_MAX)
        return refuse(cx, ST_INVALID, field, MSG_too_long, PARAMS({ .name = "max", .value = ID_BYTES_MAX }));
    if (str_trim(id).n == 0) return refuse(cx, ST_INVALID, field, MSG_required, NO_PARAMS);
    for (size_t i = 0; i < id.n; i++)
        if ((unsigned char)id.p[i] < 0x20 || id.p[i] == 0x7f)
            return refuse(cx, ST_INVALID, field, MSG_bad_text, NO_PARAMS);
    if (placeholder(id)) return refuse(cx, ST_INVALID, field, MSG_placeholder_id, NO_PARAMS);
    *ret = keys_actor(keys, str_z(kind), id);
    return ST_OK;
}

bool ingest_event_time(const JsonNode *v, int64_t *ret)
{
    if (!v) return false;
    int64_t t;
    if (v->kind == JSON_STR) {
        if (!clock_parse(v->s, &t) || t < INGEST_TIME_FIRST) return false;
        *ret = t;
        return true;
    }
    if (v->kind == JSON_INT && v->i > 0 && v->i <= INGEST_TIME_LAST) *ret = v->i;
    else if (v->kind == JSON_DOUBLE && v->d >= 1 && v->d < (double)INGEST_TIME_LAST) *ret = (int64_t)v->d;
    else return false;
    return true;
}
/* Segment's correction: received - (sent - claimed), kept within what we can know. */
static void times(const Cx *cx, const IngestEnvelope *env, const IngestItem *it, Event *e)
{
    int64_t claimed = 0, sent = 0;

    e->received = cx->now;
    const JsonNode *said = it->of[INGEST_ORIGINAL] ? it->of[INGEST_ORIGINAL] : it->of[INGEST_TIMESTAMP];
    if (!ingest_event_time(said, &claimed)) claimed = 0;
    if (!ingest_event_time(it->of[INGEST_SENT], &sent)) sent = env->sent;
    e->claimed = claimed;
    e->sent = sent;
    e->time = claimed ? claimed : cx->now;
    bool believable = sent && sent <= cx->now + DAY_MS;
    if (claimed && believable) e->time = claimed + (cx->now - sent);
    if (e->time > cx->now) e->time = cx->now;
    if (e->time < INGEST_TIME_FIRST) e->time = INGEST_TIME_FIRST;
}

static const Str type_names[] = { S_INIT("track"), S_INIT("identify"), S_INIT("page"), S_INIT("screen"),
                                  S_INIT("group"), S_INIT("alias") };
static const Str stored_names[] = { S_INIT(""), S_INIT("$identify"), S_INIT("$pageview"), S_INIT("$screen"),
                                    S_INIT("$group"), S_INIT("$alias") };
static Status type_of(Cx *cx, const IngestEnvelope *env, const IngestItem *it, IngestType *ret)
{
    Str t = json_str_of(it->of[INGEST_TYPE]);
    if (t.n == 0) t = env->type;
    for (int i = 0; i < INGEST_TYPES_; i++)
        if (str_eq(t, type_names[i])) { *ret = (IngestType)i; return ST_OK; }
    if (t.n == 0) return refuse(cx, ST_INVALID, S("type"), MSG_required, NO_PARAMS);
    return refuse(cx, ST_INVALID, S("type"), MSG_not_one_of,
                  PARAMS({ .name = "names", .text = S("identify, track, page, screen, group, alias") }));
}
static Status name_of(Cx *cx, IngestType type, const IngestItem *it, Str *ret)
{
    *ret = stored_names[type];
    if (type != INGEST_T_TRACK) return ST_OK;
    Str name = str_trim(json_str_of(it->of[INGEST_EVENT]));
    if (name.n == 0) return refuse(cx, ST_INVALID, S("event"), MSG_required, NO_PARAMS);
    if (name.n > EVENT_NAME_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("event"), MSG_too_long,
            PARAMS({ .name = "max", .value = EVENT_NAME_BYTES_MAX }));
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20) return refuse(cx, ST_INVALID, S("event"), MSG_bad_text, NO_PARAMS);
    int scrubbed;
    return scrub_text(cx, name, ret, &scrubbed);
}

/* Traits that tell who somebody is: sealed, never stored in plain (decisions: personal data). */
static bool personal(Str key)
{
    static const Str names[] = { S_INIT("email"), S_INIT("$email"), S_INIT("mail"), S_INIT("phone"), S_INIT("$phone"),
        S_INIT("mobile"), S_INIT("tel"), S_INIT("telephone"), S_INIT("phone_number"), S_INIT("phonenumber"),
        S_INIT("name"), S_INIT("$name"), S_INIT("firstname"), S_INIT("first_name"), S_INIT("lastname"),
        S_INIT("last_name"), S_INIT("fullname"), S_INIT("full_name"), S_INIT("nickname"), S_INIT("realname"),
        S_INIT("real_name"), S_INIT("username"), S_INIT("user_name"), S_INIT("address"), S_INIT("birthday"),
        S_INIT("birthdate"), S_INIT("birth_date"), S_INIT("dob"), S_INIT("avatar"), S_INIT("idcard"),
        S_INIT("id_card"), S_INIT("id_number"), S_INIT("ip"), S_INIT("wechat"), S_INIT("weixin"), S_INIT("qq") };
    return among(key, names, COUNT(names));
}
/* Of an ordinary event's properties only what can be nothing but personal: "name" there is mostly a product's. */
static bool personal_property(Str key)
{
    static const Str names[] = { S_INIT("email"), S_INIT("$email"), S_INIT("phone"), S_INIT("$phone"),
        S_INIT("mobile"), S_INIT("telephone"), S_INIT("phone_number"), S_INIT("phonenumber"), S_INIT("first_name"),
        S_INIT("firstname"), S_INIT("last_name"), S_INIT("lastname"), S_INIT("id_card"), S_INIT("idcard"),
        S_INIT("ip"), S_INIT("$ip") };
    return among(key, names, COUNT(names));
}
typedef struct Sealing { Buf text; JsonW json; bool any; } Sealing;
static void seal_begin(Cx *cx, Sealing *s)
{
    *s = (Sealing){ .text = buf_new(cx->arena, INGEST_EVENT_BYTES * 2) };
    s->json = (JsonW){ .b = &s->text };
}
static void seal_put(Sealing *s, Str key, const JsonNode *v, Str text)
{
    s->json.b = &s->text;
    if (!s->any) jsonw_open(&s->json, '{');
    s->any = true;
    jsonw_key(&s->json, key);
    if (v) jsonw_node(&s->json, v);
    else jsonw_str(&s->json, text);
}
static Status seal_end(Cx *cx, const IngestEnvelope *env, Sealing *s, Str *ret)
{
    if (!s->any) return ST_OK;
    jsonw_close(&s->json, '}');
    if (s->text.bad) return fail(cx, ST_NO_MEM, "seal");
    return keys_seal(cx, env->keys, S("log|sealed"), buf_str(&s->text), ret);
}
typedef bool Personal(Str key);
static Status check_object(Cx *cx, const JsonNode *o, Str field)
{
    if (!o || o->kind == JSON_OBJECT) return ST_OK;
    return refuse(cx, ST_INVALID, field, MSG_wrong_type, PARAMS({ .name = "want", .text = S("object") }));
}
static Status add_members(Cx *cx, Props *ps, const JsonNode *o, Personal *is_personal, Sealing *s)
{
    if (!o) return ST_OK;
    props_layer(ps);
    const JsonNode *key = json_first(o);
    for (size_t i = 0; i < o->n; i++) {
        const JsonNode *v = json_next(key);
        if (!is_personal(key->s)) TRY(props_add_node(cx, ps, key->s, v));
        else if (s && v->kind != JSON_NULL) seal_put(s, key->s, v, (Str){ 0 });
        key = json_next(v);
    }
    return ST_OK;
}

/* Context: what we name, what we leave out, and the rest under "context." */
static const struct { Str key, as; } page_names[] = {
    { S_INIT("url"), S_INIT("$url") }, { S_INIT("path"), S_INIT("$path") }, { S_INIT("referrer"), S_INIT("$referrer") },
    { S_INIT("title"), S_INIT("$title") }, { S_INIT("search"), S_INIT("") }, { S_INIT("tab_url"), S_INIT("") },
    { S_INIT("initial_referrer"), S_INIT("$initial_referrer") }, { S_INIT("initial_referring_domain"), S_INIT("") },
    { S_INIT("referring_domain"), S_INIT("") },
};
static const struct { Str key, as; } context_names[] = {
    { S_INIT("locale"), S_INIT("$locale") }, { S_INIT("timezone"), S_INIT("$timezone") },
    { S_INIT("userAgent"), S_INIT("$user_agent") },
    { S_INIT("sessionId"), S_INIT("$session_id") }, { S_INIT("groupId"), S_INIT("group_id") },
    { S_INIT("ip"), S_INIT("") }, { S_INIT("traits"), S_INIT("") }, { S_INIT("userAgentData"), S_INIT("") },
    { S_INIT("consent"), S_INIT("") },
};
static Status add_page(Cx *cx, Props *ps, const JsonNode *page)
{
    const JsonNode *found[COUNT(page_names)] = { 0 }, *key = json_first(page);
    for (size_t i = 0; key && page->kind == JSON_OBJECT && i < page->n; i++, key = json_next(json_next(key)))
        for (size_t k = 0; k < COUNT(page_names); k++)
            if (str_eq(key->s, page_names[k].key)) found[k] = json_next(key);
    for (size_t i = 0; i < COUNT(page_names); i++) {
        const JsonNode *v = found[i];
        Str as = page_names[i].as;
        if (v && as.n && v->kind == JSON_STR && v->s.n) TRY(props_add_node(cx, ps, as, v));
    }
    return ST_OK;
}
/* utm_campaign arrives as campaign.name, every other utm_x as campaign.x. */
static Status add_campaign(Cx *cx, Props *ps, const JsonNode *c)
{
    const JsonNode *key = c->kind == JSON_OBJECT ? json_first(c) : NULL;
    for (size_t i = 0; key && i < c->n; i++) {
        const JsonNode *v = json_next(key);
        Buf b = buf_new(cx->arena, PROP_NAME_BYTES_MAX);
        buf_addz(&b, "$utm_");
        buf_add(&b, str_is(key->s, "name") ? S("campaign") : key->s);
        if (b.bad)
            return refuse(cx, ST_INVALID, S("context.campaign"), MSG_too_long,
                PARAMS({ .name = "max", .value = PROP_NAME_BYTES_MAX }));
        if (v->kind != JSON_OBJECT) TRY(props_add_node(cx, ps, buf_str(&b), v));
        key = json_next(v);
    }
    return ST_OK;
}
static Status add_library(Cx *cx, Props *ps, const JsonNode *lib)
{
    const JsonNode *name = json_get(lib, S("name")), *version = json_get(lib, S("version"));
    if (json_str_of(name).n) TRY(props_add_node(cx, ps, S("$lib"), name));
    return json_str_of(version).n ? props_add_node(cx, ps, S("$lib_version"), version) : ST_OK;
}
static Status add_other(Cx *cx, Props *ps, Str key, const JsonNode *v)
{
    for (size_t i = 0; i < COUNT(context_names); i++)
        if (str_eq(key, context_names[i].key)) {
            Str as = context_names[i].as;
            return as.n && v->kind != JSON_OBJECT ? props_add_node(cx, ps, as, v) : ST_OK;
        }
    Buf b = buf_new(cx->arena, PROP_NAME_BYTES_MAX);
    buf_addz(&b, "context.");
    buf_add(&b, key);
    if (b.bad)
        return refuse(cx, ST_INVALID, S("context"), MSG_too_long,
            PARAMS({ .name = "max", .value = PROP_NAME_BYTES_MAX }));
    return props_add_node(cx, ps, buf_str(&b), v);
}
static Status add_context(Cx *cx, Props *ps, const JsonNode *ctx)
{
    const JsonNode *key = ctx ? json_first(ctx) : NULL;
    props_layer(ps);
    for (size_t i = 0; key && i < ctx->n; i++) {
        const JsonNode *v = json_next(key);
        if (str_is(key->s, "page")) TRY(add_page(cx, ps, v));
        else if (str_is(key->s, "campaign")) TRY(add_campaign(cx, ps, v));
        else if (str_is(key->s, "library")) TRY(add_library(cx, ps, v));
        else TRY(add_other(cx, ps, key->s, v));
        key = json_next(v);
    }
    return ST_OK;
}
/* A page call repeats the page in its properties: under the same names as the context's. */
static Status add_page_call(Cx *cx, Props *ps, const IngestItem *it)
{
    const JsonNode *o = it->of[INGEST_PROPERTIES], *key = o ? json_first(o) : NULL;
    props_layer(ps);
    for (size_t i = 0; key && i < o->n; i++) {
        const JsonNode *v = json_next(key);
        Str as = key->s;
        for (size_t k = 0; k < COUNT(page_names); k++)
            if (str_eq(as, page_names[k].key)) { as = page_names[k].as; break; }
        if (as.n && !personal_property(as)) TRY(props_add_node(cx, ps, as, v));
        key = json_next(v);
    }
    const JsonNode *name = it->of[INGEST_NAME], *category = it->of[INGEST_CATEGORY];
    if (json_str_of(name).n && !props_has(ps, S("name"))) TRY(props_add_node(cx, ps, S("name"), name));
    if (json_str_of(category).n && !props_has(ps, S("category")))
        TRY(props_add_node(cx, ps, S("category"), category));
    return ST_OK;
}

/* The event's own context wins over the envelope's, key by key. */
static const JsonNode *context_get(const IngestEnvelope *env, const JsonNode *ctx, Str key)
{
    const JsonNode *v = json_get(ctx, key);
    return v ? v : json_get(env->context, key);
}
static bool consented(const IngestEnvelope *env, const JsonNode *ctx)
{
    if (env->source->consent != CONSENT_ASK) return true;
    const JsonNode *c = context_get(env, ctx, S("consent")), *p = json_get(c, S("categoryPreferences"));
    const JsonNode *v = json_get(p ? p : c, S("analytics"));
    return v && v->kind == JSON_BOOL && v->b;
}
static bool bot(Str agent)
{
    if (agent.n == 0) return false;
    static const char *const signs[] = { "bot", "crawl", "spider", "slurp", "headless", "lighthouse", "monitor" };
    char low[512];
    size_t n = agent.n < sizeof low ? agent.n : sizeof low - 1;
    for (size_t i = 0; i < n; i++)
        low[i] = (char)(agent.p[i] >= 'A' && agent.p[i] <= 'Z' ? agent.p[i] + 32 : agent.p[i]);
    for (size_t i = 0; i < COUNT(signs); i++) if (memmem(low, n, signs[i], strlen(signs[i]))) return true;
    return false;
}
bool ingest_event_bot(const IngestEnvelope *env, const JsonNode *ctx)
{
    if (env->trust >= TRUST_SECRET) return false;
    Str agent = json_str_of(context_get(env, ctx, S("userAgent")));
    return bot(agent.n ? agent : env->user_agent);
}
static Status client_side(Cx *cx, const IngestEnvelope *env, const JsonNode *ctx, Props *ps, Sealing *s, Event *e)
{
    Str ip = json_str_of(context_get(env, ctx, S("ip")));

    if (ingest_event_bot(env, ctx)) e->flags |= EVENT_BOT;
    if (str_is(ip, "0.0.0.0")) return ST_OK;              /* the client asks not to keep it */
    if (env->trust >= TRUST_SECRET) {
        if (ip.n && ip.n < 64) seal_put(s, S("ip"), NULL, ip);
        return ST_OK;
    }
    if (env->subnet.n) TRY(props_add(cx, ps, INGEST_SUBNET, (Prop){ .kind = PROP_STR, .s = env->subnet }));
    if (env->addr.n) seal_put(s, S("ip"), NULL, env->addr);
    return ST_OK;
}
Status ingest_event_seal_addr(Cx *cx, const IngestEnvelope *env, Str *ret)
{
    Sealing s;
    seal_begin(cx, &s);
    if (env->trust < TRUST_SECRET && env->addr.n) seal_put(&s, S("ip"), NULL, env->addr);
    return seal_end(cx, env, &s, ret);
}

typedef struct Who { Str user, anon, previous; } Who;
static Status who_of(Cx *cx, IngestType type, const IngestItem *it, Who *ret)
{
    TRY(id_of(cx, it->of[INGEST_USER], S("userId"), &ret->user));
    TRY(id_of(cx, it->of[INGEST_ANON], S("anonymousId"), &ret->anon));
    TRY(id_of(cx, it->of[INGEST_PREVIOUS], S("previousId"), &ret->previous));
    if (ret->user.n == 0 && (ret->anon.n == 0 || type == INGEST_T_ALIAS))
        return refuse(cx, ST_INVALID, S("userId"), MSG_required, NO_PARAMS);
    if (type == INGEST_T_ALIAS && ret->previous.n == 0)
        return refuse(cx, ST_INVALID, S("previousId"), MSG_required, NO_PARAMS);
    return ST_OK;
}
static Status add_join(Cx *cx, const IngestEnvelope *env, const char *kind, Str id, Str field, Hash128 user,
    Entry *ret, size_t *ret_n)
{
    Join j = { .id = id_new(cx), .user = user, .time = cx->now, .trust = env->trust };
    TRY(ingest_actor(cx, env->keys, kind, id, field, &j.anon));
    ret[(*ret_n)++] = (Entry){ .kind = ENTRY_JOIN, .join = j };
    return ST_OK;
}
static Status joins(Cx *cx, const IngestEnvelope *env, IngestType type, const Who *w, Hash128 user, Entry *ret,
    size_t *ret_n)
{
    if (type == INGEST_T_IDENTIFY && w->user.n && w->anon.n)
        return add_join(cx, env, "anon", w->anon, S("anonymousId"), user, ret, ret_n);
    if (type != INGEST_T_ALIAS || str_eq(w->previous, w->user)) return ST_OK;
    TRY(add_join(cx, env, "anon", w->previous, S("previousId"), user, ret, ret_n));
    /* Known to known needs a secret key. */
    return env->trust >= TRUST_SECRET ? add_join(cx, env, "user", w->previous, S("previousId"), user, ret,
        ret_n) : ST_OK;
}
static Status add_group(Cx *cx, Props *ps, const IngestItem *it)
{
    Str group;
    TRY(id_of(cx, it->of[INGEST_GROUP], S("groupId"), &group));
    if (group.n == 0) return refuse(cx, ST_INVALID, S("groupId"), MSG_required, NO_PARAMS);
    return props_add_str(cx, ps, S("group_id"), group);
}
static Status properties(Cx *cx, const IngestEnvelope *env, IngestType type, const IngestItem *it,
    const JsonNode *ctx, Props *ps, Event *e)
{
    Sealing s;
    TRY(check_object(cx, it->of[INGEST_PROPERTIES], S("properties")));
    TRY(check_object(cx, it->of[INGEST_CONTEXT], S("context")));
    seal_begin(cx, &s);
    Sealing *keep = env->trust >= TRUST_SECRET ? &s : NULL;   /* a public key never writes a personal field */

    ps->unwanted = personal_property;
    TRY(client_side(cx, env, ctx, ps, &s, e));                /* first: nobody else says where a call came from */
    if (type == INGEST_T_GROUP) TRY(add_group(cx, ps, it));
    if (type == INGEST_T_IDENTIFY || type == INGEST_T_GROUP) {
        const JsonNode *also = context_get(env, ctx, S("traits"));
        TRY(check_object(cx, it->of[INGEST_TRAITS], S("traits")));
        TRY(check_object(cx, also, S("context.traits")));
        TRY(add_members(cx, ps, it->of[INGEST_TRAITS], personal, keep));
        TRY(add_members(cx, ps, also, personal, keep));
    } else if (type == INGEST_T_PAGE || type == INGEST_T_SCREEN) {
        TRY(add_page_call(cx, ps, it));
    } else {
        TRY(add_members(cx, ps, it->of[INGEST_PROPERTIES], personal_property, keep));
    }
    TRY(add_context(cx, ps, ctx));
    if (env->context != ctx) TRY(add_context(cx, ps, env->context));
    const JsonNode *channel = it->of[INGEST_CHANNEL];
    if (channel && channel->kind == JSON_STR) TRY(props_add_node(cx, ps, S("$channel"), channel));
    return seal_end(cx, env, &s, &e->sealed);
}
static Status message_of(Cx *cx, const IngestEnvelope *env, const IngestItem *it, Hash128 *ret)
{
    Str id;
    TRY(id_of(cx, it->of[INGEST_MESSAGE], S("messageId"), &id));
    if (id.n > MESSAGE_ID_BYTES_MAX)
        return refuse(cx, ST_INVALID, S("messageId"), MSG_too_long,
            PARAMS({ .name = "max", .value = MESSAGE_ID_BYTES_MAX }));
    if (id.n) *ret = keys_message(env->keys, env->source->id, id);
    return ST_OK;
}
/* Everything of an event but its properties. */
static Status head(Cx *cx, const IngestEnvelope *env, IngestType type, const IngestItem *it, Who *who, Event *e,
    bool *ret_consented)
{
    if (!e->name.p) TRY(name_of(cx, type, it, &e->name));
    TRY(who_of(cx, type, it, who));
    TRY(ingest_actor(cx, env->keys, who->user.n ? "user" : "anon", who->user.n ? who->user : who->anon,
                     who->user.n ? S("userId") : S("anonymousId"), &e->actor));
    TRY(message_of(cx, env, it, &e->message));
    *ret_consented = consented(env, it->of[INGEST_CONTEXT] ? it->of[INGEST_CONTEXT] : env->context);
    if (*ret_consented) times(cx, env, it, e);
    return ST_OK;
}
Status ingest_event_head(Cx *cx, const IngestEnvelope *env, IngestType type, const IngestItem *it, Event *e,
    bool *ret_consented)
{
    Who who;
    return head(cx, env, type, it, &who, e, ret_consented);
}
Status ingest_event_read(Cx *cx, const IngestEnvelope *env, const JsonNode *node, IngestRead *ret)
{
    Who who;
    bool kept = true;
    IngestRead r = { .n = 0 };
    Event e = { .source = (uint16_t)env->source->number, .trust = env->trust, .flags = env->flags };

    if (node->kind != JSON_OBJECT)
        return refuse(cx, ST_INVALID, S("batch"), MSG_wrong_type, PARAMS({ .name = "want", .text = S("object") }));
    if (node->len > INGEST_EVENT_BYTES)
        return refuse(cx, ST_INVALID, S("event"), MSG_too_long, PARAMS({ .name = "max", .value = INGEST_EVENT_BYTES }));
    gather(node, &r.item);
    const JsonNode *ctx = r.item.of[INGEST_CONTEXT] ? r.item.of[INGEST_CONTEXT] : env->context;
    TRY(type_of(cx, env, &r.item, &r.type));
    TRY(head(cx, env, r.type, &r.item, &who, &e, &kept));
    if (kept) {
        TRY(properties(cx, env, r.type, &r.item, ctx, &r.props, &e));
        TRY(joins(cx, env, r.type, &who, e.actor, r.entries, &r.n));
        e.props = r.props.p;
        e.n_props = r.props.n;
        r.entries[r.n++] = (Entry){ .kind = ENTRY_EVENT, .event = e };
    }
    *ret = r;
    return ST_OK;
}
