#include "tests/test.h"
#include "base/clock.h"
#include "net/easy.h"
#include "net/http_client.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The second belt: a handle that was pinned to nothing still connects to judged addresses only. */
TEST(a_handle_refuses_addresses_that_were_not_judged)
{
    struct sockaddr_in at = { .sin_family = AF_INET }, judged;
    socklen_t n = sizeof at;
    char url[64];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    ok(net_start(cx, &(NetConfig){ 0 }));
    for (int right = 0; right < 2; right++) {
        GuardTarget t = { .host = "localhost", .port = ntohs(at.sin_port), .literal = true, .n = 1 };
        AUTO_EASY e = { 0 };
        judged = at;
        if (!right) inet_pton(AF_INET, "8.8.8.8", &judged.sin_addr);
        memcpy(&t.at[0], &judged, sizeof judged);
        ok(easy_open(cx, &t, "http", clock_mono() + 300, &e));
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", t.port);
        assert_int_equal(curl_easy_setopt(e.curl, CURLOPT_URL, url), CURLE_OK);
        CURLcode code = curl_easy_perform(e.curl);
        assert_int_equal(e.strayed, !right);
        assert_int_equal(code, right ? CURLE_OPERATION_TIMEDOUT : CURLE_COULDNT_CONNECT);   /* nobody answers there */
    }
    close(listener);
    net_stop();
}
