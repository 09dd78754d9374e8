#include "http/http.h"
#include <string.h>
#include "base/limits.h"

enum { SHAPES_MAX = 512 };
typedef struct Shapes { const Shape *list[SHAPES_MAX]; size_t n; } Shapes;

static void word(JsonW *w, const char *key, const char *value)
{
    jsonw_key(w, str_z(key));
    jsonw_str(w, str_z(value));
}
static void key_open(JsonW *w, const char *key, char brace)
{
    jsonw_key(w, str_z(key));
    jsonw_open(w, brace);
}
/* The shape and all that it holds, each name once. */
static void collect(Shapes *all, const Shape *s)
{
    if (!s || all->n == SHAPES_MAX) return;
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i]->name, s->name) == 0) return;
    all->list[all->n++] = s;
    for (const Field *f = s->fields; f < s->fields + s->n; f++) collect(all, f->of);
}
static void content(JsonW *w, const Shape *s)
{
    key_open(w, "content", '{');
    key_open(w, "application/json", '{');
    key_open(w, "schema", '{');
    jsonw_key(w, S("$ref"));
    char ref[160] = "#/components/schemas/";
    size_t at = strlen(ref), n = strlen(s->name);
    if (n > sizeof ref - at) n = sizeof ref - at;
    memcpy(ref + at, s->name, n);
    jsonw_str(w, (Str){ ref, at + n });
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}
static void error_reply(JsonW *w)
{
    key_open(w, "default", '{');
    jsonw_key(w, S("$ref"));
    jsonw_str(w, S("#/components/responses/Error"));
    jsonw_close(w, '}');
}
static void replies(JsonW *w, const Route *rt)
{
    Buf code = buf_new(w->b->a, 16);
    buf_i64(&code, rt->gives_code ? rt->gives_code : 200);
    key_open(w, "responses", '{');
    jsonw_key(w, buf_str(&code));
    jsonw_open(w, '{');
    word(w, "description", "done");
    if (rt->gives) content(w, rt->gives);
    jsonw_close(w, '}');
    error_reply(w);
    jsonw_close(w, '}');
}
static void parameters(JsonW *w, const char *path)
{
    if (!strchr(path, '{')) return;
    key_open(w, "parameters", '[');
    for (const char *p = path; (p = strchr(p, '{')) != NULL;) {
        size_t n = strcspn(++p, "}");
        jsonw_open(w, '{');
        jsonw_key(w, S("name"));
        jsonw_str(w, (Str){ p, n });
        word(w, "in", "path");
        jsonw_key(w, S("required"));
        jsonw_bool(w, true);
        key_open(w, "schema", '{');
        word(w, "type", "string");
        jsonw_close(w, '}');
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
static void method_key(JsonW *w, const char *method)
{
    char lower[16];
    size_t n = 0;
    for (; method[n] && n < sizeof lower; n++) lower[n] = (char)(method[n] | 0x20);
    jsonw_key(w, (Str){ lower, n });
}
/* "post_api_1_people_id": stable as long as the path is. */
static void operation_id(JsonW *w, const Route *rt)
{
    Buf b = buf_new(w->b->a, 256);
    for (const char *p = rt->method; *p; p++) buf_addc(&b, (char)(*p | 0x20));
    for (const char *p = rt->path; *p; p++) {
        bool fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (fine) buf_addc(&b, *p);
        else if (b.n && b.p[b.n - 1] != '_' && *p != '}') buf_addc(&b, '_');
    }
    jsonw_key(w, S("operationId"));
    jsonw_str(w, buf_str(&b));
}
static void operation(JsonW *w, const Route *rt)
{
    method_key(w, rt->method);
    jsonw_open(w, '{');
    operation_id(w, rt);
    if (rt->doc) word(w, "summary", rt->doc);
    parameters(w, rt->path);
    if (rt->takes) {
        key_open(w, "requestBody", '{');
        jsonw_key(w, S("required"));
        jsonw_bool(w, true);
        content(w, rt->takes);
        jsonw_close(w, '}');
    }
    replies(w, rt);
    if (rt->may == PUBLIC) {
        key_open(w, "security", '[');
        jsonw_close(w, ']');
    }
    jsonw_close(w, '}');
}
/* A path stands once, with all its methods, where its first route stands. */
static bool is_first(const RouteTable *tables, const Route *rt)
{
    for (const RouteTable *t = tables;; t++)
        for (const Route *o = t->routes; o < t->routes + t->n; o++) {
            if (o == rt) return true;
            if (strcmp(o->path, rt->path) == 0) return false;
        }
}
static void path_item(JsonW *w, const RouteTable *tables, size_t n, const char *path)
{
    jsonw_key(w, str_z(path));
    jsonw_open(w, '{');
    for (const RouteTable *t = tables; t < tables + n; t++)
        for (const Route *rt = t->routes; rt < t->routes + t->n; rt++)
            if (strcmp(rt->path, path) == 0) operation(w, rt);
    jsonw_close(w, '}');
}
static void paths(JsonW *w, const RouteTable *tables, size_t n)
{
    key_open(w, "paths", '{');
    for (const RouteTable *t = tables; t < tables + n; t++)
        for (const Route *rt = t->routes; rt < t->routes + t->n; rt++)
            if (is_first(tables, rt)) path_item(w, tables, n, rt->path);
    jsonw_close(w, '}');
}
static void error_schema(JsonW *w)
{
    static const char *const words[] = { "code", "message" };
    key_open(w, "Error", '{');
    word(w, "type", "object");
    key_open(w, "properties", '{');
    key_open(w, "error", '{');
    word(w, "type", "object");
    key_open(w, "properties", '{');
    for (size_t i = 0; i < COUNT(words); i++) {
        key_open(w, words[i], '{');
        word(w, "type", "string");
        jsonw_close(w, '}');
    }
    key_open(w, "field", '{');
    key_open(w, "type", '[');
    jsonw_str(w, S("string"));
    jsonw_str(w, S("null"));
    jsonw_close(w, ']');
    jsonw_close(w, '}');
    key_open(w, "params", '{');
    word(w, "type", "object");
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}
static void components(JsonW *w, const Shapes *all)
{
    key_open(w, "components", '{');
    key_open(w, "schemas", '{');
    error_schema(w);
    for (size_t i = 0; i < all->n; i++) {
        jsonw_key(w, str_z(all->list[i]->name));
        shape_schema(w, all->list[i]);
    }
    jsonw_close(w, '}');
    key_open(w, "responses", '{');
    key_open(w, "Error", '{');
    word(w, "description", "why not");
    content(w, &(const Shape){ .name = "Error" });
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    key_open(w, "securitySchemes", '{');
    key_open(w, "token", '{');
    word(w, "type", "http");
    word(w, "scheme", "bearer");
    jsonw_close(w, '}');
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}
void openapi_write(JsonW *w, const RouteTable *tables, size_t n, Str server_url)
{
    Shapes all = { .n = 0 };
    for (const RouteTable *t = tables; t < tables + n; t++)
        for (const Route *rt = t->routes; rt < t->routes + t->n; rt++) {
            collect(&all, rt->takes);
            collect(&all, rt->gives);
        }
    jsonw_open(w, '{');
    word(w, "openapi", "3.1.0");
    key_open(w, "info", '{');
    word(w, "title", "liuke");
    word(w, "version", "1");
    jsonw_close(w, '}');
    key_open(w, "servers", '[');
    jsonw_open(w, '{');
    jsonw_key(w, S("url"));
    jsonw_str(w, server_url);
    jsonw_close(w, '}');
    jsonw_close(w, ']');
    key_open(w, "security", '[');
    jsonw_open(w, '{');
    key_open(w, "token", '[');
    jsonw_close(w, ']');
    jsonw_close(w, '}');
    jsonw_close(w, ']');
    paths(w, tables, n);
    components(w, &all);
    jsonw_close(w, '}');
}
