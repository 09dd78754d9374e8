#include "http/peer_test.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/limits.h"

static Reply r;

TEST(every_kind_of_route_answers_over_a_socket)
{
    Http *h = peer_server(cx, peer_config());
    int fd = peer_open(http_port(h));
    for (int i = 0; i < 3; i++) {             /* on one connection */
        peer_put(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        peer_reply(fd, &r);
        assert_int_equal(r.code, 200);
        assert_string_equal(r.body, "{\"hello\":true}");
        assert_string_equal(peer_header(&r, "x-content-type-options"), "nosniff");
        peer_put(fd, "POST /log HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345");
        peer_reply(fd, &r);
        assert_int_equal(r.code, 200);
        assert_string_equal(r.body, "{\"success\":true}");
        peer_put(fd, "POST /log?now HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
        peer_reply(fd, &r);
        assert_int_equal(r.code, 200);
        peer_put(fd, "POST /log?broken HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
        peer_reply(fd, &r);
        assert_int_equal(r.code, 500);
        peer_put(fd, "GET /people/per_%E4%BD%A0?q=a+b%26c&lang=zh HTTP/1.1\r\nHost: x\r\n"
                 "Cookie: a=1; sid=\"s=2\"\r\n\r\n");
        peer_reply(fd, &r);
        assert_int_equal(r.code, 200);
        assert_string_equal(r.body, "{\"id\":\"per_你\",\"q\":\"a b&c\",\"addr\":\"127.0.0.1\",\"tls\":false,"
                            "\"cookie\":\"s=2\"}");
        assert_memory_equal(peer_header(&r, "x-request-id"), "req_", 4);
        peer_put(fd, "POST /names HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"
                 "{\"name\":\"小明\"}");
        peer_reply(fd, &r);
        assert_int_equal(r.code, 201);
        assert_string_equal(r.body, "{\"name\":\"小明\",\"length\":6}");
    }
    close(fd);
    peer_stop(h);
}
