#include "http/turn.h"

void stream_wake(Stream *s)
{
    if (!s->turn || atomic_exchange(&s->woken, true)) return;
    loop_push(s->turn->loop, &s->turn->woken);
}
