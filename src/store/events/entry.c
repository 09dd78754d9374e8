#include "store/events/entry.h"
#include "base/arena.h"
#include "store/events/le.h"

/* Where the fixed parts stand; the picture is in docs/storage.md. */
enum { AT_KIND = 4, AT_TRUST = 5, AT_FLAGS = 6, AT_HAS = 7, AT_SOURCE = 8, AT_PROPS = 10, AT_RECEIVED = 12,
       AT_ACTOR = 20, EVENT_FIXED = 36, HEAD = 8 };
enum { JOIN_SIZE = HEAD + 8 + 16 + 16 + 8, UNJOIN_SIZE = HEAD + 8 + 8 + 8, FLAG_SIZE = HEAD + 16 + 8 };
enum { HAS_MESSAGE = 1, HAS_CLAIMED = 2, HAS_SENT = 4, HAS_SEALED = 8, HAS_ALL = 15 };
/* Of one like another, where bit 8 says that it has a name of its own. */
enum { KIND_LIKE = 5, LIKE_HAS = 5, LIKE_BACK = 6, LIKE_ACTOR = 9, LIKE_FIXED = 25, BACK_MAX = 0xffffff };
enum { HAS_NAME = 8, HAS_CHANGED = 16, CLAIMED_IS_TIME = 32, LIKE_ALL = 63 };

static uint64_t apart(int64_t a, int64_t b) { return le_zigzag((uint64_t)a - (uint64_t)b); }
static int64_t  beside(int64_t a, uint64_t zigzag) { return (int64_t)((uint64_t)a + le_unzigzag(zigzag)); }
static size_t   text_size(Str s) { return le_varint_size(s.n) + s.n; }
static char    *put_text(char *p, Str s)
{
    p = le_put_varint(p, s.n);
    if (s.n) memcpy(p, s.p, s.n);
    return p + s.n;
}
static uint8_t has_of(const Event *e)
{
    return (uint8_t)((e->message.a | e->message.b ? HAS_MESSAGE : 0) | (e->claimed ? HAS_CLAIMED : 0) |
                     (e->sent ? HAS_SENT : 0) | (e->sealed.n ? HAS_SEALED : 0));
}
static size_t value_size(const Prop *p)
{
    size_t n = 1;
    switch ((PropKind)p->kind) {
    case PROP_NULL:   return n;
    case PROP_BOOL:   return n + 1;
    case PROP_INT:    return n + le_varint_size(le_zigzag((uint64_t)p->i));
    case PROP_DOUBLE: return n + 8;
    case PROP_STR:    return n + text_size(p->s);
    case PROP_LIST:   break;
    }
    n += le_varint_size(p->list.n);
    for (size_t i = 0; i < p->list.n; i++) n += text_size(p->list.p[i]);
    return n;
}
static char *put_value(char *to, const Prop *p)
{
    switch ((PropKind)p->kind) {
    case PROP_NULL:   return to;
    case PROP_BOOL:   *to++ = (char)p->b; return to;
    case PROP_INT:    return le_put_varint(to, le_zigzag((uint64_t)p->i));
    case PROP_DOUBLE: memcpy(to, &p->d, 8); return to + 8;
    case PROP_STR:    return put_text(to, p->s);
    case PROP_LIST:   break;
    }
    to = le_put_varint(to, p->list.n);
    for (size_t i = 0; i < p->list.n; i++) to = put_text(to, p->list.p[i]);
    return to;
}
static size_t event_size(const Event *e)
{
    size_t n = EVENT_FIXED + le_varint_size(apart(e->time, e->received)) + text_size(e->name);
    if (e->message.a | e->message.b) n += 16;
    if (e->claimed) n += le_varint_size(apart(e->claimed, e->received));
    if (e->sent) n += le_varint_size(apart(e->sent, e->received));
    if (e->sealed.n) n += text_size(e->sealed);
    for (size_t i = 0; i < e->n_props; i++) n += text_size(e->props[i].name) + value_size(e->props + i);
    return n;
}
size_t entry_size(const Entry *e)
{
    switch (e->kind) {
    case ENTRY_EVENT:  return event_size(&e->event);
    case ENTRY_JOIN:   return JOIN_SIZE;
    case ENTRY_UNJOIN: return UNJOIN_SIZE;
    case ENTRY_FLAG:   return FLAG_SIZE;
    }
    return 0;
}
static char *put_event(char *to, const Event *e)
{
    uint8_t has = has_of(e);
    to[AT_TRUST] = (char)e->trust;
    to[AT_FLAGS] = (char)e->flags;
    to[AT_HAS] = (char)has;
    le_put16(to + AT_SOURCE, e->source);
    le_put16(to + AT_PROPS, (uint16_t)e->n_props);
    le_put64(to + AT_RECEIVED, (uint64_t)e->received);
    to = le_put128(to + AT_ACTOR, e->actor);
    if (has & HAS_MESSAGE) to = le_put128(to, e->message);
    to = le_put_varint(to, apart(e->time, e->received));
    if (has & HAS_CLAIMED) to = le_put_varint(to, apart(e->claimed, e->received));
    if (has & HAS_SENT) to = le_put_varint(to, apart(e->sent, e->received));
    to = put_text(to, e->name);
    if (has & HAS_SEALED) to = put_text(to, e->sealed);
    for (size_t i = 0; i < e->n_props; i++) {
        *to++ = (char)e->props[i].kind;
        to = put_value(put_text(to, e->props[i].name), e->props + i);
    }
    return to;
}
char *entry_put(char *to, const Entry *e)
{
    char *start = to, *at = to + HEAD;
    memset(to, 0, HEAD);
    to[AT_KIND] = (char)e->kind;
    switch (e->kind) {
    case ENTRY_EVENT: at = put_event(to, &e->event); break;
    case ENTRY_JOIN:
        to[AT_TRUST] = (char)e->join.trust;
        at = le_put64(at, (uint64_t)e->join.id);
        at = le_put128(at, e->join.anon);
        at = le_put128(at, e->join.user);
        at = le_put64(at, (uint64_t)e->join.time);
        break;
    case ENTRY_UNJOIN:
        at = le_put64(at, (uint64_t)e->unjoin.id);
        at = le_put64(at, (uint64_t)e->unjoin.join);
        at = le_put64(at, (uint64_t)e->unjoin.time);
        break;
    case ENTRY_FLAG:
        to[AT_TRUST] = (char)e->flag.set;
        to[AT_FLAGS] = (char)e->flag.clear;
        at = le_put128(at, e->flag.actor);
        at = le_put64(at, (uint64_t)e->flag.time);
        break;
    }
    le_put32(start, (uint32_t)(at - start));
    return at;
}
static uint8_t like_has(const Event *model, const Event *e)
{
    bool at_time = e->claimed && e->claimed == e->time;
    return (uint8_t)((e->message.a | e->message.b ? HAS_MESSAGE : 0) | (at_time ? CLAIMED_IS_TIME : 0) |
                     (e->claimed && !at_time ? HAS_CLAIMED : 0) | (e->sent ? HAS_SENT : 0) |
                     (str_eq(e->name, model->name) ? 0 : HAS_NAME) | (e->n_props ? HAS_CHANGED : 0));
}
static size_t bits_size(size_t n) { return (n + 7) / 8; }
size_t entry_like_size(const Event *model, const Event *e)
{
    uint8_t has = like_has(model, e);
    size_t n = LIKE_FIXED + le_varint_size(apart(e->time, model->received));
    if (has & HAS_MESSAGE) n += 16;
    if (has & HAS_CLAIMED) n += le_varint_size(apart(e->claimed, model->received));
    if (has & HAS_SENT) n += le_varint_size(apart(e->sent, model->received));
    if (has & HAS_NAME) n += text_size(e->name);
    if (has & HAS_CHANGED) n += bits_size(model->n_props);
    for (size_t i = 0; i < e->n_props; i++) n += value_size(e->props + i);
    return n;
}
void entry_like_move(char *like, size_t back)
{
    like[LIKE_BACK] = (char)back;
    le_put16(like + LIKE_BACK + 1, (uint16_t)(back >> 8));
}
char *entry_like_put(char *start, size_t back, const Event *model, const Event *e, const uint8_t *which)
{
    uint8_t has = like_has(model, e);
    start[AT_KIND] = KIND_LIKE;
    start[LIKE_HAS] = (char)has;
    entry_like_move(start, back);
    char *to = le_put128(start + LIKE_ACTOR, e->actor);
    if (has & HAS_MESSAGE) to = le_put128(to, e->message);
    to = le_put_varint(to, apart(e->time, model->received));
    if (has & HAS_CLAIMED) to = le_put_varint(to, apart(e->claimed, model->received));
    if (has & HAS_SENT) to = le_put_varint(to, apart(e->sent, model->received));
    if (has & HAS_NAME) to = put_text(to, e->name);
    if (has & HAS_CHANGED) {
        char *bits = to;
        to = memset(to, 0, bits_size(model->n_props));
        to += bits_size(model->n_props);
        for (size_t i = 0; i < e->n_props; i++) {
            bits[which[i] / 8] = (char)(bits[which[i] / 8] | 1 << which[i] % 8);
            *to++ = (char)e->props[i].kind;
            to = put_value(to, e->props + i);
        }
    }
    le_put32(start, (uint32_t)(to - start));
    return to;
}
void entry_form(char *whole) { whole[AT_KIND] = ENTRY_FORM; }

static bool head_event(Str s, EntryHead *ret)
{
    if (s.n < EVENT_FIXED) return false;
    Event *e = &ret->event;
    uint8_t has = (uint8_t)s.p[AT_HAS];
    Cur c = { s.p + EVENT_FIXED, s.p + s.n, (has & ~HAS_ALL) != 0 };
    *e = (Event){ .source = le_get16(s.p + AT_SOURCE), .trust = (uint8_t)s.p[AT_TRUST], .flags = (uint8_t)s.p[AT_FLAGS],
                  .actor = le_get128(s.p + AT_ACTOR), .received = (int64_t)le_get64(s.p + AT_RECEIVED),
                  .n_props = le_get16(s.p + AT_PROPS) };
    if (has & HAS_MESSAGE) {
        Str m = cur_bytes(&c, 16);
        if (m.n) e->message = le_get128(m.p);
    }
    e->time = beside(e->received, cur_varint(&c));
    if (has & HAS_CLAIMED) e->claimed = beside(e->received, cur_varint(&c));
    if (has & HAS_SENT) e->sent = beside(e->received, cur_varint(&c));
    e->name = cur_text(&c);
    if (has & HAS_SEALED) e->sealed = cur_text(&c);
    ret->props = (Str){ c.p, (size_t)(c.end - c.p) };
    return !c.bad && e->n_props <= ret->props.n / 2;          /* a property is two bytes or more */
}
static size_t back_of(const char *like)
{
    return (uint8_t)like[LIKE_BACK] | (size_t)le_get16(like + LIKE_BACK + 1) << 8;
}
/* s, before which so many bytes of its run stand. */
static bool head_like(Str s, size_t before, EntryHead *ret)
{
    size_t back = s.n >= LIKE_FIXED ? back_of(s.p) : 0;
    if (back < EVENT_FIXED || back > before) return false;
    const char *model = s.p - back;
    size_t size = le_get32(model);
    uint8_t has = (uint8_t)s.p[LIKE_HAS];
    if (size > back || (model[AT_KIND] != ENTRY_EVENT && model[AT_KIND] != ENTRY_FORM)) return false;
    if (!head_event((Str){ model, size }, ret)) return false;
    Event *e = &ret->event;
    Cur c = { s.p + LIKE_FIXED, s.p + s.n, (has & ~LIKE_ALL) != 0 };
    e->sealed = (Str){ 0 };
    e->message = (Hash128){ 0 };
    e->actor = le_get128(s.p + LIKE_ACTOR);
    if (has & HAS_MESSAGE) {
        Str m = cur_bytes(&c, 16);
        if (m.n) e->message = le_get128(m.p);
    }
    e->time = beside(e->received, cur_varint(&c));
    e->claimed = has & HAS_CLAIMED ? beside(e->received, cur_varint(&c)) : has & CLAIMED_IS_TIME ? e->time : 0;
    e->sent = has & HAS_SENT ? beside(e->received, cur_varint(&c)) : 0;
    if (has & HAS_NAME) e->name = cur_text(&c);
    ret->changed = (Str){ c.p, (size_t)(c.end - c.p) };
    size_t least = has & HAS_CHANGED ? bits_size(e->n_props) : 0;
    return !c.bad && ret->changed.n >= least && (least || ret->changed.n == 0);
}
static bool head_at(Str bytes, size_t before, EntryHead *ret)
{
    size_t size = bytes.n >= HEAD ? le_get32(bytes.p) : 0;
    if (size < HEAD || size > bytes.n) return false;
    uint8_t kind = (uint8_t)bytes.p[AT_KIND];
    *ret = (EntryHead){ .kind = (EntryKind)kind, .bytes = { bytes.p, size }, .size = size };
    switch (kind) {
    case ENTRY_EVENT:
    case ENTRY_FORM:   return head_event(ret->bytes, ret);
    case KIND_LIKE:
        ret->kind = ENTRY_EVENT;
        return head_like(ret->bytes, before, ret);
    case ENTRY_JOIN:   return size == JOIN_SIZE;
    case ENTRY_UNJOIN: return size == UNJOIN_SIZE;
    case ENTRY_FLAG:   return size == FLAG_SIZE;
    default:           return false;
    }
}
bool entry_next(EntryRun *r, EntryHead *ret)
{
    if (!head_at(r->left, r->before, ret)) return false;
    r->left = (Str){ r->left.p + ret->size, r->left.n - ret->size };
    r->before += ret->size;
    return true;
}

static Status get_list(Cx *cx, Cur *c, Prop *p)
{
    uint64_t n = cur_varint(c);
    if (n > (uint64_t)(c->end - c->p)) return fail(cx, ST_IO, "entry: a list of %llu", (unsigned long long)n);
    Str *list = ARENA_MANY(cx->arena, Str, (size_t)n);
    if (!list) return fail(cx, ST_NO_MEM, "entry: a list of %llu", (unsigned long long)n);
    for (size_t i = 0; i < n; i++) list[i] = cur_text(c);
    p->list.p = list;
    p->list.n = (size_t)n;
    return ST_OK;
}
static Status get_value(Cx *cx, Cur *c, Prop *p)
{
    switch (p->kind) {
    case PROP_NULL:   break;
    case PROP_BOOL:   p->b = cur_u8(c) != 0; break;
    case PROP_INT:    p->i = (int64_t)le_unzigzag(cur_varint(c)); break;
    case PROP_DOUBLE: { uint64_t u = cur_u64(c); memcpy(&p->d, &u, 8); break; }
    case PROP_STR:    p->s = cur_text(c); break;
    case PROP_LIST:   TRY(get_list(cx, c, p)); break;
    default:          c->bad = true;
    }
    return c->bad ? fail(cx, ST_IO, "entry: damaged property") : ST_OK;
}
static Status left_over(Cx *cx, const Cur *c)
{
    return c->p == c->end ? ST_OK : fail(cx, ST_IO, "entry: %zu bytes left over", (size_t)(c->end - c->p));
}
static Status get_changed(Cx *cx, Str changed, Prop *props, size_t n)
{
    const uint8_t *bits = (const uint8_t *)changed.p;
    Cur c = { changed.p + bits_size(n), changed.p + changed.n, false };
    for (size_t i = 0; i < n; i++) {
        if (!(bits[i / 8] >> i % 8 & 1)) continue;
        props[i].kind = cur_u8(&c);
        TRY(get_value(cx, &c, props + i));
    }
    return left_over(cx, &c);
}
Status entry_props(Cx *cx, const EntryHead *h, const Prop **ret)
{
    size_t n = h->event.n_props;
    Cur c = { h->props.p, h->props.p + h->props.n, false };
    *ret = NULL;
    Prop *props = n ? ARENA_MANY(cx->arena, Prop, n) : NULL;
    if (n && !props) return fail(cx, ST_NO_MEM, "entry: %zu properties", n);
    for (size_t i = 0; i < n; i++) {
        props[i].kind = cur_u8(&c);
        props[i].name = cur_text(&c);
        TRY(get_value(cx, &c, props + i));
    }
    TRY(left_over(cx, &c));
    if (h->changed.n) TRY(get_changed(cx, h->changed, props, n));
    *ret = props;
    return ST_OK;
}
Status entry_get(Cx *cx, Str bytes, Entry *ret, size_t *ret_used)
{
    EntryHead h;
    Entry e = { 0 };
    if (!head_at(bytes, BACK_MAX, &h)) return fail(cx, ST_IO, "entry: damaged");
    e.kind = h.kind;
    *ret_used = h.size;
    if (h.kind == ENTRY_EVENT || h.kind == ENTRY_FORM) {
        TRY(entry_props(cx, &h, &h.event.props));
        e.event = h.event;
        *ret = e;
        return ST_OK;
    }
    Cur c = { bytes.p + HEAD, bytes.p + h.size, false };
    switch (h.kind) {
    case ENTRY_EVENT: break;
    case ENTRY_JOIN:
        e.join = (Join){ .id = (int64_t)cur_u64(&c), .trust = (uint8_t)bytes.p[AT_TRUST] };
        e.join.anon = le_get128(cur_bytes(&c, 16).p);
        e.join.user = le_get128(cur_bytes(&c, 16).p);
        e.join.time = (int64_t)cur_u64(&c);
        break;
    case ENTRY_UNJOIN:
        e.unjoin.id = (int64_t)cur_u64(&c);
        e.unjoin.join = (int64_t)cur_u64(&c);
        e.unjoin.time = (int64_t)cur_u64(&c);
        break;
    case ENTRY_FLAG:
        e.flag = (Flag){ .set = (uint8_t)bytes.p[AT_TRUST], .clear = (uint8_t)bytes.p[AT_FLAGS] };
        e.flag.actor = le_get128(cur_bytes(&c, 16).p);
        e.flag.time = (int64_t)cur_u64(&c);
        break;
    }
    *ret = e;
    return ST_OK;
}
