#include "store/events/path_url.h"
#include <string.h>

static size_t find_any(Str s, size_t from, const char *chars)
{
    while (from < s.n && !strchr(chars, s.p[from])) from++;
    return from;
}
/* Where the path begins: after scheme and host, if there are. */
static size_t path_from(Str s)
{
    size_t colon = find_any(s, 0, ":/?#");
    if (colon + 2 >= s.n || memcmp(s.p + colon, "://", 3) != 0) return 0;
    return find_any(s, colon + 3, "/?#");
}
static bool is_id(Str part)
{
    size_t digits = 0, hex = 0;
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        bool digit = c >= '0' && c <= '9';
        digits += digit;
        hex += digit || c == '-' || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    return part.n > 0 && (digits == part.n || (part.n >= 16 && hex == part.n && digits > 0));
}
/* A part of a path, and what follows it. */
static Str part_at(Str path, size_t *at)
{
    while (*at < path.n && path.p[*at] == '/') ++*at;
    size_t from = *at;
    while (*at < path.n && path.p[*at] != '/') ++*at;
    return (Str){ path.p + from, *at - from };
}
static bool begins_with(Str path, Str pattern)
{
    size_t at = 0, in = 0;
    for (;;) {
        Str want = part_at(pattern, &in), part = part_at(path, &at);
        if (want.n == 0) return true;
        if (part.n == 0 || (!str_is(want, "*") && !str_eq(want, part))) return false;
    }
}
static bool star_at(Str pattern, size_t which)
{
    size_t in = 0;
    for (size_t i = 0; i < which; i++) if (part_at(pattern, &in).n == 0) return false;
    return str_is(part_at(pattern, &in), "*");
}
static bool is_masked(const PathUrl *u, Str path, Str part, size_t which)
{
    if (u->ids && is_id(part)) return true;
    for (size_t i = 0; i < u->n_patterns; i++)
        if (star_at(u->patterns[i], which) && begins_with(path, u->patterns[i])) return true;
    return false;
}
static void append(char *room, size_t *n, Str s)
{
    if (s.n) memcpy(room + *n, s.p, s.n);
    *n += s.n;
}
static void append_path(const PathUrl *u, Str path, char *room, size_t *n)
{
    for (size_t at = 0, before = 0, which = 0; at < path.n; before = at, which++) {
        Str part = part_at(path, &at);
        append(room, n, (Str){ path.p + before, at - part.n - before });
        append(room, n, part.n && is_masked(u, path, part, which) ? S("*") : part);
    }
}
Str path_url(const PathUrl *u, Str s, char *room)
{
    size_t path = path_from(s), query = find_any(s, path, "?#"), fragment = find_any(s, query, "#"), n = 0;
    append(room, &n, (Str){ s.p, path });
    append_path(u, (Str){ s.p + path, query - path }, room, &n);
    if (!u->drop_query) append(room, &n, (Str){ s.p + query, fragment - query });
    if (!u->drop_fragment) append(room, &n, (Str){ s.p + fragment, s.n - fragment });
    if (n > 1 && room[n - 1] == '/') n--;
    return (Str){ room, n };
}
