/* walread: the frames of one log file, in order, through a window that grows to the largest frame.
 *
 * A frame's slices live until the next call on the same WalRead. */
#ifndef LIUKE_WALREAD_H
#define LIUKE_WALREAD_H
#include "base/fs.h"
#include "store/events/frame.h"

typedef struct WalRead {
    Fs      fs;
    FsFile *file;
    int64_t start, pos, limit;   /* of the file; of the next frame; bytes from here on do not count */
    FrameIs is;                  /* why walread_next() found none: FRAME_NONE, FRAME_SHORT or FRAME_DAMAGED */
    bool    broken;              /* some bytes could not be read at all */
    char   *buf;
    size_t  n, cap;
    int64_t at;                  /* position of buf[0] */
} WalRead;

/* start is the file's, from where to begin, limit where to end at the latest (the file's size is minded). */
Status walread_open(Cx *, Fs, const char *path, int64_t start, int64_t from, int64_t limit, WalRead *ret) MUST_USE;
void   walread_close(WalRead *);
/* The whole frame at pos; when pos stands inside one, that one. NOT_FOUND: there is none, pos stays; else NO_MEM. */
Status walread_next(Cx *, WalRead *, Frame *ret) MUST_USE;
/* Moves pos to the next whole frame that begins behind it. NOT_FOUND: none does. */
Status walread_resync(Cx *, WalRead *) MUST_USE;
#endif
