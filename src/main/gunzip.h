/* gunzip: a gzip file as the plain file it holds, so that an import can go back to any byte of it. */
#ifndef LIUKE_GUNZIP_H
#define LIUKE_GUNZIP_H
#include "base/base.h"

bool   gunzip_is(int fd);                    /* does it begin like one? */
/* All of its members, into a file in dir that has no name any more: it goes with *ret_fd. INVALID "file" bad_encoding:
 * damaged or cut off. Cost: the plain file's room on the disk, 64 KiB of memory. */
Status gunzip_open(Cx *, int fd, const char *dir, int *ret_fd) MUST_USE;
#endif
