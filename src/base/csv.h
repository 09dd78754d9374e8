/* csv: RFC 4180 rows out of a stream of bytes, and one row in.
 *
 * The reader is fed pieces of any size and gives whole rows; it takes CR LF and LF, a
 * byte-order mark, quoted line ends, a last line without an end. A row past limits, an unclosed
 * quote or a stray one is a bad row with its line number, not the end of the file. */
#ifndef LIUKE_CSV_H
#define LIUKE_CSV_H
#include "base/buf.h"

typedef struct CsvRow { const Str *cells; size_t n; int64_t line; int64_t at, end; bool bad; Msg why; Str raw; } CsvRow;
typedef struct Csv Csv;
Csv   *csv_new(Arena *, char separator);      /* NULL: no memory */
/* Find the next row in data (which starts at stream offset `at`). OK: *ret is the row, its
 * slices live until the next call with another arena_reset; NOT_FOUND: more bytes are needed (last: none will come). */
Status csv_next(Cx *, Csv *, Str data, int64_t at, bool last, size_t *ret_used, CsvRow *ret) MUST_USE;
/* One cell as CSV; formula starts (= + - @ tab) of text get a leading apostrophe when guard is set. */
void   csv_cell(Buf *, Str, bool first, bool guard);
#endif
