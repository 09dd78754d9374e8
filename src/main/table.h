/* table: rows of cells for a terminal, in columns as wide as they need, or as CSV. */
#ifndef LIUKE_TABLE_H
#define LIUKE_TABLE_H
#include "base/buf.h"

enum { TABLE_COLUMNS = 200 };
typedef struct Table { Cx *cx; bool csv; Buf cells; size_t n, width, row_at; } Table;
/* The head is the first row; how many cells it has is how many every row has. */
Table table_new(Cx *, bool csv);
void  table_text(Table *, Str);
void  table_int(Table *, int64_t);
void  table_number(Table *, double, int digits);           /* after the point; CSV: all of them */
void  table_none(Table *);                                 /* – , CSV: empty */
void  table_end_row(Table *);
/* All of it on standard output: the first column to the left, numbers to the right. */
Status table_print(Table *) MUST_USE;
#endif
