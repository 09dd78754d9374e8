/* scrub: take e-mail addresses and phone numbers out of text that is about to be stored in plain.
 *
 * An address (also with %40 for @) becomes "[email]". A phone number becomes "[phone]": a mainland mobile
 * (1, 3-9, nine digits; with or without 86, 0086, +86; single spaces or hyphens between digits) or "+" (also %2B)
 * and 8 to 15 digits. A longer run of digits is an id, not a phone, and stays.
 * Cost: a pass of 16 bytes at a time over text that holds neither '@' nor seven digits. */
#ifndef LIUKE_SCRUB_H
#define LIUKE_SCRUB_H
#include "base/arena.h"

/* The text itself when there was nothing to take out, else a copy in the arena. *ret_n: how many were. */
Status scrub_text(Cx *, Str text, Str *ret, int *ret_n) MUST_USE;
bool   scrub_email_is(Str);                  /* all of it one e-mail address, RFC 5321's dot-atom form */
#endif
