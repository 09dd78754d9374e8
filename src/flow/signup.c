#include "flow/signup.h"
#include "base/id.h"
#include "base/limits.h"
#include "domain/message/message.h"
#include "flow/ingest.h"
#include "flow/outbox.h"
#include <string.h>

typedef struct Starting { CodeDraft code; MailRow mail; } Starting;
static Status start_tx(Cx *cx, void *arg)
{
    Starting *s = arg;
    TRY(identity_code_add(cx, &s->code));
    return message_mail_add(cx, &s->mail);
}
Status signup_start(Cx *cx, const Keys *keys, const SignupStart *in, int64_t *ret_code)
{
    Starting s = { 0 };
    Hash128 anon = { 0 };
    Str email;

    TRY(people_email_clean(cx, in->email, &email));
    /* the page's, not the visitor's: a bad one joins nothing, and turns nobody away */
    if (in->anon.n && ingest_actor(cx, keys, "anon", in->anon, S("anonymous_id"), &anon) != ST_OK)
        anon = (Hash128){ 0 };
    TRY(identity_code_draft(cx, keys, email, in->client, anon, &s.code));
    TRY(message_code_mail(cx, keys, &(CodeMail){ .to = email, .code = str_z(s.code.digits), .product = in->product,
        .lang = cx->lang }, &s.mail));
    TRY(tx_run(cx, start_tx, &s));
    *ret_code = s.code.id;
    return ST_OK;
}

typedef struct Finishing {
    const SignupFinish *in;
    uint8_t hash[16];
    CodeProof proof;
    /* what the first transaction found out, sealed before the second */
    PersonDraft draft;
    Consent consents[SIGNUP_CONSENTS_MAX];
    int64_t known;               /* whose address it is; 0: nobody's yet */
    Person person;
    bool born, again, analytics;
} Finishing;
static Status try_tx(Cx *cx, void *arg)
{
    Finishing *f = arg;
    return identity_code_try(cx, f->in->code, f->hash, &f->proof);
}
static Status add_consents(Cx *cx, Finishing *f)
{
    for (size_t i = 0; i < f->in->n_consents; i++) {
        f->consents[i].person = f->person.id;
        TRY(consent_add(cx, &f->consents[i]));
    }
    return ST_OK;
}
static Status finish_tx(Cx *cx, void *arg)
{
    Finishing *f = arg;
    int64_t known = 0;
    Status st = people_by_email(cx, f->draft.email_blind, &known);

    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    f->again = known != f->known;   /* somebody proved the same address meanwhile: who it is must be hashed anew */
    f->known = known;
    if (f->again) return ST_OK;
    TRY(identity_code_use(cx, f->in->code));
    f->born = known == 0;
    if (known) TRY(people_get(cx, known, &f->person));
    else TRY(people_add(cx, &f->draft, &f->person));
    TRY(add_consents(cx, f));
    if (f->proof.anon.a || f->proof.anon.b) TRY(people_actor_add(cx, f->person.id, f->proof.anon));
    OutboxFact facts[] = { { "form", f->in->form }, { "way", S("email") } };
    return outbox_add(cx, &(OutboxNote){ .person = f->person.id, .user = f->draft.root, .anon = f->proof.anon,
        .event = f->born ? S("$signup") : S("$login"),
                                         .flags = f->analytics ? 0 : EVENT_SERVICE, .facts = facts,
                                             .n_facts = COUNT(facts) });
}
static Status prepare_consents(Cx *cx, const Keys *keys, Finishing *f)
{
    const SignupFinish *in = f->in;
    bool policy = false;

    if (in->n_consents > SIGNUP_CONSENTS_MAX)
        return refuse(cx, ST_INVALID, S("consents"), MSG_too_many,
            PARAMS({ .name = "max", .value = SIGNUP_CONSENTS_MAX }));
    for (size_t i = 0; i < in->n_consents; i++) {
        const SignupConsent *c = &in->consents[i];
        Consent *to = &f->consents[i];
        policy |= c->granted && str_is(c->purpose, "policy");
        f->analytics |= c->granted && str_is(c->purpose, "analytics");
        *to = (Consent){ .id = id_new(cx), .purpose = c->purpose, .granted = c->granted, .policy = in->policy,
            .wording = c->wording, .form = in->form,
                         .lang = cx->lang == LANG_ZH ? S("zh") : S("en") };
        crypto_sha256(in->policy_text, to->text_hash);
        keys_blind(keys, S("client"), in->client, to->client);
    }
    return policy ? ST_OK : refuse(cx, ST_INVALID, S("consents"), MSG_consent_needed, NO_PARAMS);
}
/* PostgreSQL tells the later of two births of one address by a conflict, SQLite by finding the first. */
static Status settle(Cx *cx, const Keys *keys, Finishing *f)
{
    enum { ROUNDS = 4 };
    Status st = people_by_email(cx, f->draft.email_blind, &f->known);
    if (st != ST_OK && st != ST_NOT_FOUND) return st;
    for (int i = 0; i < ROUNDS; i++) {
        if (f->known) f->draft.root = people_root(keys, f->known);
        st = tx_run(cx, finish_tx, f);
        if (st != ST_OK && st != ST_CONFLICT) return st;
        if (st == ST_OK && !f->again) return ST_OK;
    }
    return fail(cx, ST_BUSY, "an address that many prove at once");
}
/* Two transactions: the try must count even when it is wrong, and sealing must stand outside the second, which
 * also uses the code up: a crash between them leaves the code good. */
Status signup_finish(Cx *cx, const Keys *keys, const SignupFinish *in, Person *ret, bool *ret_new)
{
    Finishing f = { .in = in };
    Str email;

    TRY(prepare_consents(cx, keys, &f));
    identity_code_hash(keys, in->code, str_trim(in->digits), f.hash);
    TRY(tx_run(cx, try_tx, &f));
    if (f.proof.answer == CODE_WRONG && f.proof.tries_left > 0)
        return refuse(cx, ST_INVALID, S("code"), MSG_code_wrong,
            PARAMS({ .name = "left", .value = f.proof.tries_left }));
    if (f.proof.answer != CODE_RIGHT) return refuse(cx, ST_INVALID, S("code"), MSG_code_over, NO_PARAMS);
    TRY(identity_code_open(cx, keys, in->code, f.proof.sealed, &email));
    TRY(people_draft(cx, keys, email, cx->lang == LANG_ZH ? S("zh") : S("en"), in->form, &f.draft));
    TRY(settle(cx, keys, &f));
    *ret = f.person;
    *ret_new = f.born;
    return ST_OK;
}
