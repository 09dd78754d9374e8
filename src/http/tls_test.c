#include "http/peer_test.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"

/* Made for this test alone: CN=localhost, 127.0.0.1, valid for a hundred years. */
static const char cert_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBkDCCATagAwIBAgIUS6yVRPtsHsHceGuIepkIOqYyglowCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDE4MzAzNloYDzIxMjYxMDMx\n"
    "MTgzMDM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATLsWlnpO4mAKS5ULA4bWn6bz+16gWOhI5UunDddlVB5WMt1ZhWBRue\n"
    "JJkWokhDyGFU5zq7zEt9/agyDjZFKokto2QwYjAdBgNVHQ4EFgQUxrBSOyIhHHOT\n"
    "cbdgT5l6CWzScpgwHwYDVR0jBBgwFoAUxrBSOyIhHHOTcbdgT5l6CWzScpgwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC\n"
    "ICoQmptqWUCE38VW+kYHqvqHiBw11g7e+D9IpjlKs1r4AiEAy8dPhKFDRg5JJUrb\n"
    "FmB0yM+yQmVc6Fz1N4dYfCrZ250=\n"
    "-----END CERTIFICATE-----\n";
static const char key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIgjzWsnFkhq4x7Qn\n"
    "ajztl+R/8u53Z7yh33R/fg7O/92hRANCAATLsWlnpO4mAKS5ULA4bWn6bz+16gWO\n"
    "hI5UunDddlVB5WMt1ZhWBRueJJkWokhDyGFU5zq7zEt9/agyDjZFKokt\n"
    "-----END PRIVATE KEY-----\n";
static const char other_key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRuKX1hW4yOWX+EBe\n"
    "/0pYEvTYW5nnVGxoNemX13KLAY+hRANCAAT645BxyOTzFsHYJqP+msPeTdI+on23\n"
    "CNvJ5vqXO1Th/8/+sQHzggLftenjvJVNX3YW+PsF6DqHpOjBaL4FqTae\n"
    "-----END PRIVATE KEY-----\n";

static const char *put(Cx *cx, const char *dir, const char *name, const char *text)
{
    const char *path;
    ok(fs_replace(cx, fs_posix(), dir, name, str_z(text)));
    ok(fs_path(cx, dir, name, "", &path));
    return path;
}
typedef struct Got { char body[4096], head[4096]; size_t n, head_n; } Got;
static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    Got *g = arg;
    if (g->n + n < sizeof g->body) memcpy(g->body + g->n, p, n);
    g->n += n;
    return one * n;
}
static size_t on_head(char *p, size_t one, size_t n, void *arg)
{
    Got *g = arg;
    if (g->head_n + n < sizeof g->head) memcpy(g->head + g->head_n, p, n);
    g->head_n += n;
    return one * n;
}
static long fetch(CURL *c, int port, const char *path, const char *body, Got *g)
{
    char url[128];
    long code = 0;
    snprintf(url, sizeof url, "https://127.0.0.1:%d%s", port, path);
    *g = (Got){ .n = 0 };
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, g);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, g);
    if (body) curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    else curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    CURLcode rc = curl_easy_perform(c);
    if (rc != CURLE_OK) print_error("%s: %s\n", url, curl_easy_strerror(rc));
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
    return code;
}
TEST(with_a_certificate_every_kind_of_route_answers_over_tls)
{
    const char *dir = test_dir();
    HttpConfig cf = peer_config();
    Got g;
    cf.tls_cert = put(cx, dir, "cert.pem", cert_pem);
    cf.tls_key = put(cx, dir, "key.pem", key_pem);
    Http *h = peer_server(cx, cf);
    CURL *c = curl_easy_init();
    assert_non_null(c);
    curl_easy_setopt(c, CURLOPT_CAINFO, cf.tls_cert);      /* the peer is checked, too */
    for (int i = 0; i < 3; i++) {             /* on one connection */
        assert_int_equal(fetch(c, http_port(h), "/hello", NULL, &g), 200);
        assert_memory_equal(g.body, "{\"hello\":true}", 14);
        assert_non_null(strstr(g.head, "Strict-Transport-Security: max-age=31536000"));
        assert_int_equal(fetch(c, http_port(h), "/people/1", NULL, &g), 200);
        assert_non_null(strstr(g.body, "\"tls\":true"));
        assert_int_equal(fetch(c, http_port(h), "/log", "12345", &g), 200);
        assert_int_equal(fetch(c, http_port(h), "/none", NULL, &g), 404);
        assert_int_equal(fetch(c, http_port(h), "/download", NULL, &g), 200);
        assert_int_equal(g.n, 5 << 20);
    }
    int plain = peer_open(http_port(h));      /* no TLS at all: no answer, and nobody else is disturbed */
    peer_put(plain, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(fetch(c, http_port(h), "/hello", NULL, &g), 200);
    close(plain);
    curl_easy_cleanup(c);
    peer_stop(h);
}
TEST(a_certificate_that_is_missing_or_wrong_does_not_start_and_is_named)
{
    char dir[64];
    snprintf(dir, sizeof dir, "%s", test_dir());
    const char *cert = put(cx, dir, "cert.pem", cert_pem), *key = put(cx, dir, "key.pem", key_pem);
    const char *other = put(cx, dir, "other.pem", other_key_pem), *bad = put(cx, dir, "bad.pem", "nonsense\n");
    const struct { const char *cert, *key, *field; Msg msg; } cases[] = {
        { cert, NULL, "tls_key", MSG_tls_both }, { NULL, key, "tls_cert", MSG_tls_both },
        { "/nowhere/cert.pem", key, "tls_cert", MSG_tls_missing },
        { cert, "/nowhere/key.pem", "tls_key", MSG_tls_missing },
        { cert, bad, "tls_cert", MSG_tls_bad }, { bad, key, "tls_cert", MSG_tls_bad },
        { cert, other, "tls_cert", MSG_tls_bad }, { key, cert, "tls_cert", MSG_tls_bad },
    };
    Http *h;
    for (size_t i = 0; i < COUNT(cases); i++) {
        HttpConfig cf = peer_config();
        cf.tls_cert = cases[i].cert;
        cf.tls_key = cases[i].key;
        assert_int_equal(http_start(cx, &cf, &h), ST_INVALID);
        assert_int_equal(cx->why.msg, cases[i].msg);
        assert_string_equal(cx->why.field, cases[i].field);
    }
}
