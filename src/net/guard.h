/* guard: which addresses this program may connect to.
 *
 * A name is resolved once and every address it has is judged: one address that is not
 * public refuses the whole name, so that a name with a public and a private address gets nowhere.
 * The caller connects to what the GuardTarget holds and to nothing else (easy.h does).
 * The allow list is process-wide, set before the first call and only read after. */
#ifndef LIUKE_GUARD_H
#define LIUKE_GUARD_H
#include "base/arena.h"
#include <sys/socket.h>

enum { GUARD_ADDRESSES_MAX = 16, GUARD_HOST_MAX = 253 };
typedef struct GuardTarget {
    char host[GUARD_HOST_MAX + 1];
    int  port;
    bool literal;                /* the host is an address itself */
    size_t n;
    struct sockaddr_storage at[GUARD_ADDRESSES_MAX];   /* port included */
} GuardTarget;
struct addrinfo;

/* Entries: "10.0.0.0/8", "fd00::/8", "127.0.0.1", "hooks.example" (that very name, wherever it points).
 * INVALID "net_allow" bad_range for one that is none of these, too_many past NET_ALLOW_MAX.
 * Replaces the list before. */
Status guard_allow(Cx *, const char *const *entries, size_t n) MUST_USE;

/* Routed on the public internet: not private, loopback, link-local, shared, documentation, multicast
 * or reserved, nor an IPv6 form that carries such an IPv4 address. */
bool   guard_is_public(const struct sockaddr *);

/* host: a name or an address, without brackets. deadline: clock_mono() ms.
 * DENIED "url" net_private; IO when it has no address; BUSY when resolving takes too long. */
Status guard_resolve(Cx *, Str host, int port, int64_t deadline, GuardTarget *ret) MUST_USE;
/* The judgement alone, on addresses already looked up. */
Status guard_judge(Cx *, const struct addrinfo *, GuardTarget *) MUST_USE;
bool   guard_has(const GuardTarget *, const struct sockaddr *);   /* one of its addresses, port included */
/* The n-th address as text, "[...]" around IPv6. */
void   guard_text(const GuardTarget *, size_t n, char ret[64]);
#endif
