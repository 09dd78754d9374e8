/* html: the sink's type chooses the escape; raw text comes only from a literal. */
#ifndef LIUKE_HTML_H
#define LIUKE_HTML_H
#include "base/buf.h"

typedef struct Html { Buf *b; } Html;
#define HTML_RAW(h, lit) html_raw_((h), S(lit))   /* literals only */
void html_raw_(Html *, Str);
void html_text(Html *, Str);                  /* between tags */
void html_attr(Html *, Str);                  /* inside a double-quoted attribute */
void html_url(Html *, Str);                   /* one query value, percent-encoded */
void html_i64(Html *, int64_t);
#endif
