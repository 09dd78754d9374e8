#include "http/turn.h"

void later_done(Later *l, Status st)
{
    Turn *t = l->turn;
    l->st = st;
    int left = atomic_fetch_sub(&l->left, 1) - 1;
    if (left == LATER_LEFT) turn_free(t);     /* the connection is long gone, and perhaps its loop */
    else if (left == 0 && t) turn_done(t);
    else if (left == 0) sem_post(&l->sem);
}
