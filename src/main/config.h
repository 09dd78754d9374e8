/* config: liuke.conf, LIUKE_KEY variables and --key options, all by the same names; later ones win.
 *
 * An unknown key is an error with its line. Only what must be known before the records open
 * stands here; everything else is a setting in the records. */
#ifndef LIUKE_CONFIG_H
#define LIUKE_CONFIG_H
#include "base/arena.h"

typedef struct Config {
    const char *data;            /* the folder */
    const char *key_file;        /* NULL: beside the folder, <data>.key */
    const char *bind;
    const char *postgres;        /* conninfo; NULL: SQLite in the folder */
    const char *tls_cert, *tls_key;
    const char *proxies;         /* comma separated addresses and ranges */
    const char *allow_private;   /* hosts and ranges that outgoing calls may reach all the same */
    const char *public_url;
    const char *smtp, *smtp_user, *smtp_password, *mail_from;   /* smtp: host or host:port; 465 and 587 use TLS */
    const char *zone, *lang, *product;       /* first start only: then settings */
    int64_t port;
    const char *const *words; int n_words;   /* what is no option */
    bool demo, json, csv, help, as_new, yes;
    const char *map, *columns, *source, *format, *out, *from, *to, *kind, *consent, *reason, *name;
} Config;
/* Reads the file named by --config (or DATA/liuke.conf when it is there), then the environment, then argv. */
Status config_read(Cx *, int argc, char **argv, Config *ret) MUST_USE;
void   config_help(int fd, Lang);
#endif
