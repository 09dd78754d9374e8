/* proxy: whose word about the client's address counts. */
#ifndef LIUKE_HTTP_PROXY_H
#define LIUKE_HTTP_PROXY_H
#include <sys/socket.h>
#include "base/base.h"

enum { IP_TEXT_MAX = 46, PROXIES_MAX = 64 };
/* IPv4 as ::ffff:a.b.c.d. */
typedef struct Ip { uint8_t b[16]; } Ip;
typedef struct IpRange { Ip net; int bits; } IpRange;
typedef struct ProxySet { IpRange ranges[PROXIES_MAX]; size_t n; } ProxySet;

Ip     proxy_ip(const struct sockaddr *);                  /* all zero for another family */
bool   proxy_parse(Str, Ip *ret);
size_t proxy_text(Ip, char ret[IP_TEXT_MAX]);
bool   proxy_trusts(const ProxySet *, Ip);
/* INVALID bad_proxy, field trusted_proxies. */
Status proxy_open(Cx *, const char *const *texts, size_t n, ProxySet *ret) MUST_USE;
/* The last address of an X-Forwarded-For list that is not a trusted proxy's; the peer's own where it is not trusted. */
Ip     proxy_client(const ProxySet *, Ip peer, Str forwarded);
#endif
