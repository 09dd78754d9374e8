/* csv: RFC 4180 rows out of a stream of bytes, and one cell in.
 *
 * The reader is fed pieces of any size and gives whole rows; it takes CR LF and LF, a
 * byte-order mark at stream offset 0, quoted line ends, a last line without an end. An empty line is a row of one
 * empty cell. What is wrong with a row makes it a bad row with its line number, not the end of the file:
 *   csv_quote         a quote inside an unquoted cell or after a closing one: the row ends with that line.
 *                     A quote that does not close within IMPORT_ROW_BYTES_MAX or the stream: the row is its
 *                     first line alone, and reading goes on with the next
 *   csv_row_long      past IMPORT_ROW_BYTES_MAX: skipped to the next line end, .raw is empty
 *   csv_cells         more than IMPORT_COLUMNS_MAX
 *   bad_encoding_row  not UTF-8
 * Rows do not depend on how the stream was cut into pieces.
 *
 *     while (csv_next(cx, csv, (Str){ buf + start, n - start }, base + (int64_t)start, last, &used, &row) == ST_OK)
 *         start += used, take(&row);
 *     start += used;                          -- keep what is left, read more behind it, or stop if last
 *
 * The caller's buffer grows to IMPORT_ROW_BYTES_MAX + 1 at most before used moves on.
 * Memory: a row lives in data and in the Csv until the next csv_next(); nothing is taken from cx->arena. */
#ifndef LIUKE_CSV_H
#define LIUKE_CSV_H
#include "base/buf.h"

typedef struct CsvRow {
    const Str *cells;            /* n of them, quotes undone; none in a bad row */
    size_t  n;
    int64_t line;                /* of the row's start, from 1 */
    int64_t at, end;             /* stream offsets of its first byte and of the next row: reading can resume at end */
    bool    undone;              /* some cell is no slice of data: doubled quotes were undone */
    bool    bad;
    Msg     why;
    int64_t max;                 /* the {max} of why */
    Str     raw;                 /* without the line end */
} CsvRow;
typedef struct Csv Csv;
/* NULL: no memory. Takes 40 kB of the arena, later at most 2 MiB more for rows with doubled quotes. */
Csv   *csv_new(Arena *, char separator);
void   csv_resume(Csv *, int64_t line);       /* the next row stands on this line */
/* Find the next row in data (which starts at stream offset at). OK: *ret is the row. NOT_FOUND: more bytes are needed
 * (last: none will come). Either way *ret_used bytes are done with: the next call starts there. NO_MEM. */
Status csv_next(Cx *, Csv *, Str data, int64_t at, bool last, size_t *ret_used, CsvRow *ret) MUST_USE;
/* One cell as CSV; formula starts (= + - @ tab CR) of text get a leading apostrophe when guard is set. */
void   csv_cell(Buf *, Str, bool first, bool guard);
#endif
