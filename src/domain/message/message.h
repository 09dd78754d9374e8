/* message: mails to people, from the template to the server's last answer.
 *
 * A mail is queued in the transaction of its cause, taken under a lease, sent by the mail job, and settled:
 * sent, failed, or queued again later. It is delivered at least once: who dies between sending and settling
 * leaves a mail that goes out again under the same Message-ID. A permanent refusal stops at once; others are tried
 * MAIL_TRIES_MAX times, 1, 2, 4 ... minutes apart (a tenth more or less), until the mail is of no more use.
 * Without a mail server mails become test mails, for staff to read. This is not a mailing list: no consent, no
 * attention budget, no unsubscribing.
 *
 * Tables:  mail (nobody else reads or writes it). Address and contents are sealed, the contents blanked once settled.
 * Memory:  every Str in a returned value lives in cx->arena. */
#ifndef LIUKE_MESSAGE_H
#define LIUKE_MESSAGE_H
#include "base/crypto.h"
#include "store/records/records.h"

typedef enum MailState { MAIL_QUEUED = 1, MAIL_SENT = 2, MAIL_FAILED = 3, MAIL_TEST = 4 } MailState;   /* stored */

typedef struct MailDraft {
    Str to, kind;                /* kind: a fixed word, never personal */
    Lang lang;
    Str subject, text, html;     /* html may be empty */
    int64_t person;              /* 0: nobody we know yet */
    int64_t expires;             /* ms: of no use afterwards; 0: never */
} MailDraft;
typedef struct MailRow {         /* a draft sealed, ready for a transaction */
    int64_t id, person, expires, created;
    Str kind, lang, to, subject, text, html;
    uint8_t to_index[16];
} MailRow;
/* Outside a transaction. INVALID "email" bad_email, "subject" too_long, "text" too_large. */
Status message_mail_prepare(Cx *, const Keys *, const MailDraft *, MailRow *ret) MUST_USE;
/* In the caller's transaction. */
Status message_mail_add(Cx *, const MailRow *) MUST_USE;

/* The mail with a sign-up code, kind "signup_code", of use for CODE_MINUTES. product: its name, "" is INVALID. */
typedef struct CodeMail { Str to, code, product; Lang lang; int64_t person; } CodeMail;
Status message_code_mail(Cx *, const Keys *, const CodeMail *, MailRow *ret) MUST_USE;
Status message_code_draft(Cx *, const CodeMail *, MailDraft *ret) MUST_USE;   /* the same, open: for a preview */

typedef struct MailTaken {
    int64_t id, lease, expires;
    int tries;                   /* this one included */
    Str to, subject, text, html;
} MailTaken;
/* Take the mail that is due longest,
    for MAIL_LEASE_MS from cx->now. NOT_FOUND: nothing is due. IO: it cannot be opened,
 * and is settled as failed. Two callers never hold the same mail before its lease ends. */
Status message_take_due(Cx *, const Keys *, MailTaken *ret) MUST_USE;

typedef struct MailOutcome { bool sent, retry; int code; Msg reason; Str answer; } MailOutcome;
  /* as SmtpReply has them */
/* *ret: what became of it. The answer loses addresses before it is kept. NOT_FOUND: the lease ended,
    another has it (a
 * mail that was sent is marked so all the same). */
Status message_settle(Cx *, const MailTaken *, const MailOutcome *, MailState *ret) MUST_USE;
int64_t message_retry_ms(int64_t id, int tries);          /* from try number `tries` to the next */

/* No mail server: queued mails that are due become test mails, at most `limit`. */
Status message_keep_as_test(Cx *, size_t limit) MUST_USE;
/* Opened; newest first, ids below `before` (0: from the newest), at most LIST_LIMIT_MAX. For staff only. */
typedef struct MailView { int64_t id, created; Str kind, lang, to, subject, text, html; } MailView;
Status message_test_outbox(Cx *, const Keys *, int64_t before, size_t limit, const MailView **ret,
    size_t *ret_n) MUST_USE;

/* What the delivery log shows; nothing sealed. */
typedef struct MailStatus { int64_t id, created, settled, next_at; MailState state; int tries, code; Str kind,
    reason, answer; } MailStatus;
Status message_mail_status(Cx *, int64_t id, MailStatus *ret) MUST_USE;       /* NOT_FOUND */

/* Delete what was ever sent to a person and to an address. In the caller's transaction. */
void   message_to_index(const Keys *, Str email, uint8_t ret[16]);
Status message_erase(Cx *, int64_t person, const uint8_t to_index[16]) MUST_USE;
#endif
