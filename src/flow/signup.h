/* signup: the one place that knows what a sign-up touches: a code, a mail, a person, consents, the anonymous past,
 * an event.
 *
 * signup_start() answers alike for known and unknown addresses. signup_finish() makes the person with its
 * consents, its actors and its
 * outbox row in one transaction, or lets a known one in. */
#ifndef LIUKE_SIGNUP_H
#define LIUKE_SIGNUP_H
#include "domain/consent/consent.h"
#include "domain/identity/identity.h"
#include "domain/people/people.h"

typedef struct SignupStart {
    Str email, anon;             /* anon: the page's anonymous id, or empty */
    Str client;                  /* the address it came from */
    Str product;
} SignupStart;
/* *ret_code: the id to give back with the digits. INVALID "email"; LIMITED code_wait. */
Status signup_start(Cx *, const Keys *, const SignupStart *, int64_t *ret_code) MUST_USE;

typedef struct SignupConsent { Str purpose, wording; bool granted; } SignupConsent;
typedef struct SignupFinish {
    int64_t code;
    Str digits, client, form;
    Str policy, policy_text;     /* version, and what its hash is made of */
    const SignupConsent *consents; size_t n_consents;
} SignupFinish;
enum { SIGNUP_CONSENTS_MAX = 8 };
/* INVALID "code" code_wrong (with the tries left) or code_over; "consents" consent_needed without a granted
 * "policy". *ret_new: the person is
 * born now. */
Status signup_finish(Cx *, const Keys *, const SignupFinish *, Person *ret, bool *ret_new) MUST_USE;
#endif
