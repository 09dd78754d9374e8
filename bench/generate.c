/* generate: a product's events as an export holds them: one CSV in the order in which they arrived, all people mixed.
 *
 *     generate --out PREFIX [--seed N] [--events N] [--people N] [--days N] [--start YYYY-MM-DD] [--repeats N]
 *
 * Writes PREFIX.csv (the events), PREFIX-joins.csv (who an anonymous id turned out to be, when) and PREFIX.json (what
 * was drawn: the seed repeats it). Names, prices, habits, ties and lengths are drawn from the seed.
 *
 * Unkind on purpose: rows are not sorted by person; 2 % arrive late (up to two days); 1 % are sent twice with the same
 * message id (--repeats: how many of 1,000); 30 % of the people have an anonymous past that a sign-up ends, another
 * tenth never signs up; some events of a person have equal times; sessions run across midnight; the channel and the URL
 * change within a session; one in fifty people has no country.
 * Kind on purpose, so that every engine must give the same answer: of two events of one person at the same millisecond
 * at most one is a funnel's step, and `seq` (the row of an event's first arrival) orders them. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY = 86400000, DAYS_MAX = 1000, NAMES = 64, NAMES_MIN = 52, URLS_MAX = 4000, COUNTRIES = 21, DEVICES = 6,
    CHANNELS = 8, PATH_ROOM = 64, OUT_ROOM = 4 << 20, ROW_ROOM = 400, HALF_HOUR = 1800000 };
enum { PAGEVIEW, VIEW, CART, CHECKOUT, PURCHASE, SIGNED_UP, OTHER_NAMES };       /* the first names */
typedef enum Kind { KNOWN, NEWCOMER, JOINED, VISITOR } Kind;

typedef struct Row {
    int64_t  arrival, time;
    uint32_t person, serial, cents;
    uint16_t url;
    uint8_t  name, channel;
    bool     known, again;       /* the user's id is on it; it was sent before */
} Row;
typedef struct Rows { Row *p; size_t n, cap; } Rows;
typedef struct Person {
    int64_t busy;                /* until when the last session went on */
    float   rate;                /* sessions a day while active */
    int16_t first, last, signup; /* days: seen from, to; signs up on (-1: not within the range) */
    uint8_t kind, country, device, hour;                   /* hour: of its evening, UTC */
    bool    signed_up;
} Person;
static const char *const first_names[OTHER_NAMES] = { "$pageview", "view_item", "add_to_cart", "checkout_started",
    "purchase", "signed_up" };
static const char *const verbs[] = { "opened", "searched", "shared", "liked", "saved", "closed", "edited", "uploaded" };
static const char *const things[] = { "Home", "Item", "Profile", "Course", "Video", "Comment", "Invite", "Coupon" };
static const char *const countries[COUNTRIES] = { "", "CN", "US", "IN", "JP", "DE", "BR", "FR", "GB", "ID", "KR", "VN",
    "TH", "MX", "IT", "ES", "CA", "AU", "PL", "TR", "NG" };
static const char *const devices[DEVICES] = { "Android", "iPhone", "Windows", "Mac", "iPad", "Linux" };
static const char *const channels[CHANNELS] = { "direct", "search", "email", "push", "ads", "social", "partner",
    "wechat" };
static const char *const words[] = { "books", "garden", "music", "kitchen", "travel", "sports", "children", "office" };

static struct {
    const char *out;
    uint64_t seed, dice;
    int64_t  start, events;
    uint32_t people;
    int      days, n_names, n_urls, repeats;
    double   name_skew, url_skew, session, churn, tie, switches, to_cart, to_checkout, to_buy, rate_skew;
} o = { .events = 40 * 1000 * 1000, .days = 90, .repeats = 10, .start = INT64_C(1738368000000) };   /* 2025-02-01 */
static struct {
    Person  *people;
    Rows     days[DAYS_MAX];
    char     names[NAMES][32], urls[URLS_MAX][PATH_ROOM];
    uint32_t url_cents[URLS_MAX];
    double   name_sum[NAMES], url_sum[URLS_MAX], country_sum[COUNTRIES], device_sum[DEVICES];
    uint16_t url_at[1 << 16];                /* a table of the URLs' shares: one look instead of a search */
    uint8_t  name_at[1 << 16];
    uint32_t *seq, serial, serials_max, written;
    int64_t  rows, late, again, ties, joined;
    FILE    *csv, *joins;
    char    *buf;
    size_t   used;
} g;

static uint64_t rnd(void)
{
    uint64_t z = (o.dice += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
static uint64_t below(uint64_t n) { return (uint64_t)(((__uint128_t)rnd() * n) >> 64); }
static double unit(void) { return (double)(rnd() >> 11) * 0x1p-53; }
static double between(double a, double b) { return a + (b - a) * unit(); }
static void *need(void *p)
{
    if (p) return p;
    fprintf(stderr, "generate: no memory\n");
    exit(1);
}

/* --- what is drawn once --- */

static void zipf(double *sum, int n, double skew)
{
    double all = 0;
    for (int i = 0; i < n; i++) sum[i] = (all += pow(i + 1, -skew));
    for (int i = 0; i < n; i++) sum[i] /= all;
}
static int pick(const double *sum, int n)
{
    double u = unit();
    int i = 0;
    while (i < n - 1 && sum[i] < u) i++;
    return i;
}
static void draw_parameters(void)
{
    o.n_names = NAMES_MIN + (int)below(NAMES - NAMES_MIN + 1);
    o.n_urls = 1000 + (int)below(URLS_MAX - 1000 + 1);
    o.name_skew = between(0.8, 1.3);
    o.url_skew = between(0.7, 1.1);
    o.session = between(6, 11);
    o.churn = between(0.01, 0.04);
    o.tie = between(0.02, 0.05);
    o.switches = between(0.02, 0.1);
    o.to_cart = between(0.2, 0.4);
    o.to_checkout = between(0.3, 0.6);
    o.to_buy = between(0.4, 0.8);
    o.rate_skew = between(0.8, 1.2);
}
static void draw_texts(void)
{
    for (int i = 0; i < o.n_names; i++) {
        if (i < OTHER_NAMES) snprintf(g.names[i], sizeof g.names[i], "%s", first_names[i]);
        else snprintf(g.names[i], sizeof g.names[i], "%s %s", things[i % 8], verbs[i / 8]);
    }
    zipf(g.name_sum, o.n_names - OTHER_NAMES, o.name_skew);
    zipf(g.url_sum, o.n_urls, o.url_skew);
    zipf(g.country_sum, COUNTRIES - 1, 1);
    zipf(g.device_sum, DEVICES, 0.8);
    for (int i = 0; i < o.n_urls; i++) {
        g.url_cents[i] = (uint32_t)(exp(between(log(200), log(60000))));
        snprintf(g.urls[i], sizeof g.urls[i], "https://shop.example/%s/%" PRIu64 "%s", words[below(8)],
            1000 + below(90000) * 10 + (uint64_t)(i % 10), i % 7 == 3 ? "?ref=list" : "");
    }
    for (int k = 0, i = 0, j = 0; k < 1 << 16; k++) {
        while (i < o.n_urls - 1 && g.url_sum[i] * 65536 <= k) i++;
        while (j < o.n_names - OTHER_NAMES - 1 && g.name_sum[j] * 65536 <= k) j++;
        g.url_at[k] = (uint16_t)i;
        g.name_at[k] = (uint8_t)(OTHER_NAMES + j);
    }
}
static void draw_days(Person *p)
{
    double u = unit();
    p->first = 0;
    p->signup = -1;
    p->kind = u < 0.30 ? JOINED : u < 0.40 ? VISITOR : u < 0.55 ? NEWCOMER : KNOWN;
    if (p->kind != KNOWN) p->first = (int16_t)below((uint64_t)o.days);
    if (p->kind == NEWCOMER) p->signup = p->first;
    if (p->kind == JOINED) {
        double wait = -log(1 - unit()) * 6;
        p->signup = (int16_t)fmin(p->first + wait, o.days - 1);
    }
    double stay = fmin(-log(1 - unit()) / o.churn, o.days);
    if (unit() < 0.15) stay = o.days;                      /* some stay for good */
    p->last = (int16_t)fmin(fmax(p->first + stay, p->signup), o.days - 1);
}
static void draw_people(void)
{
    double visits = 0;
    g.people = need(calloc(o.people, sizeof *g.people));
    for (uint32_t i = 0; i < o.people; i++) {
        Person *p = &g.people[i];
        draw_days(p);
        p->rate = (float)fmin(exp(o.rate_skew * (unit() + unit() + unit() - 1.5) * 2), 12);
        p->country = (uint8_t)(below(50) == 0 ? 0 : 1 + pick(g.country_sum, COUNTRIES - 1));
        p->device = (uint8_t)pick(g.device_sum, DEVICES);
        p->hour = (uint8_t)((p->country * 5U + 11 + below(3)) % 24);
        p->busy = INT64_MIN / 2;
        visits += (double)p->rate * (p->last - p->first + 1);
    }
    double want = (double)o.events / o.session / visits;
    for (uint32_t i = 0; i < o.people; i++) g.people[i].rate = (float)(g.people[i].rate * want);
}

/* --- events --- */

static void add(int day, const Row *r)
{
    Rows *rows = &g.days[day < o.days ? day : o.days - 1];
    if (rows->n == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 4096;
        rows->p = need(realloc(rows->p, rows->cap * sizeof *rows->p));
    }
    rows->p[rows->n++] = *r;
}
static int day_of(int64_t t) { return (int)((t - o.start) / DAY); }
static void emit(Row *r)
{
    uint64_t dice = rnd();
    if (day_of(r->time) >= o.days) return;
    if (g.serial == g.serials_max) {
        fprintf(stderr, "generate: far more events than asked for\n");
        exit(1);
    }
    r->serial = g.serial++;
    r->again = false;
    r->arrival = r->time + (int64_t)(dice & 2047);
    if ((dice >> 11 & 1023) < 20) {                        /* 2 %: the phone was offline */
        r->arrival += (int64_t)(exp(unit() * log(2.0 * DAY / 60000)) * 60000);
        g.late++;
    }
    add(day_of(r->arrival), r);
    if ((int)((dice >> 21 & 65535) * 1000 >> 16) >= o.repeats) return;
    r->again = true;                                       /* 1 %: sent again, for the answer was lost */
    r->arrival += 1000 + (int64_t)(exp(unit() * log(7200)) * 1000);
    g.again++;
    add(day_of(r->arrival), r);
}
static bool is_step(int name) { return name >= VIEW && name <= PURCHASE; }
static int next_name(int last)
{
    uint64_t dice = rnd();
    double u = (double)(dice >> 40) * 0x1p-24;
    if (last == VIEW && u < o.to_cart) return CART;
    if (last == CART && u < o.to_checkout) return CHECKOUT;
    if (last == CHECKOUT && u < o.to_buy) return PURCHASE;
    if (u > 0.70) return PAGEVIEW;
    if (u > 0.58) return VIEW;
    return g.name_at[dice & 65535];
}
static void price(Row *r)
{
    r->cents = 0;
    if (r->name != VIEW && r->name != CART && r->name != PURCHASE) return;
    r->cents = g.url_cents[r->url] * (uint32_t)(1 + (r->name == PURCHASE ? below(3) : 0));
}
static void sign_up(Person *p, Row *r)
{
    if (p->kind == JOINED && day_of(r->time + 1) < o.days) {
        fprintf(g.joins, "%08x-0000-4000-9000-%012x,", r->person, r->person);
        struct tm tm;
        time_t s = (time_t)((r->time + 1) / 1000);
        gmtime_r(&s, &tm);
        fprintf(g.joins, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ,%08x-51a7-4c3e-8d21-%012x,user-%07u,%u\n",
            tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)((r->time + 1) % 1000),
            r->person * 2654435769U, r->person + 1, r->person + 1, 2000000000U + r->person);
        g.joined++;
    }
    p->signed_up = true;
    r->name = SIGNED_UP;
    r->known = true;
    r->cents = 0;
    emit(r);
}
static int64_t gap(uint64_t dice)
{
    uint64_t v = dice & 0xffff;                            /* many short ones, a few long: 0.3 s to 10 minutes */
    return 300 + (int64_t)(v * v >> 17) + ((dice >> 16 & 15) == 0 ? (int64_t)(dice >> 20 & 0x7ffff) : 0);
}
static void session(Person *p, uint32_t person, int64_t t, bool signs)
{
    Row r = { .person = person, .known = p->kind == KNOWN || p->signed_up, .channel = (uint8_t)below(CHANNELS),
        .name = PAGEVIEW };
    int64_t at = signs ? (int64_t)below(4) : -1;
    int last = -1;
    bool step = false;                                     /* there is one at this very time */
    if (p->kind == NEWCOMER) at = signs ? 0 : -1;
    if (t < p->busy + HALF_HOUR) t = p->busy + HALF_HOUR + 1000 + (int64_t)below(HALF_HOUR);
    for (int64_t i = 0; i <= at || (double)(rnd() >> 40) * 0x1p-24 >= 1 / o.session || i == 0; i++) {
        uint64_t dice = rnd();
        r.name = (uint8_t)(last < 0 ? PAGEVIEW : next_name(last));
        bool tie = i && i != at && last != SIGNED_UP && (double)(dice >> 40) * 0x1p-24 < o.tie &&
            !(step && is_step(r.name));
        r.time = t += tie || i == 0 ? 0 : gap(dice);
        step = is_step(r.name) || (tie && step);
        g.ties += tie;
        if ((double)(dice >> 8 & 0xffff) * 0x1p-16 < o.switches) r.channel = (uint8_t)(rnd() & 7);
        if (r.name != CART && r.name != CHECKOUT && r.name != PURCHASE) r.url = g.url_at[rnd() & 65535];
        if (i == at) sign_up(p, &r);
        else {
            price(&r);
            emit(&r);
        }
        last = r.name;
    }
    p->busy = t;
}
static void day(int d)
{
    for (uint32_t i = 0; i < o.people; i++) {
        Person *p = &g.people[i];
        if (d < p->first || d > p->last) continue;
        bool signs = d == p->signup && !p->signed_up;
        double rate = (double)p->rate;
        int n = (int)rate + (unit() < rate - (int)rate);
        if (signs && n == 0) n = 1;
        if (n == 0) continue;
        int64_t about = p->hour * INT64_C(3600000) + (int64_t)((unit() + unit() + unit()) / 3 * DAY);
        int64_t evening = o.start + (int64_t)d * DAY + about % DAY;
        for (int s = 0; s < n && p->busy < o.start + (int64_t)(d + 2) * DAY; s++)
            session(p, i, evening + s * (int64_t)below(5400000), signs && s == 0);
    }
}

/* --- rows as text --- */

static char *put(char *b, const char *s)
{
    size_t n = strlen(s);
    memcpy(b, s, n);
    return b + n;
}
static char *digits(char *b, uint64_t v, int width)
{
    for (int i = width; i-- > 0; v /= 10) b[i] = (char)('0' + v % 10);
    return b + width;
}
static char *number(char *b, uint64_t v)
{
    int width = 1;
    for (uint64_t x = v; x >= 10; x /= 10) width++;
    return digits(b, v, width);
}
static char *hex(char *b, uint64_t v, int width)
{
    for (int i = width; i-- > 0; v >>= 4) b[i] = "0123456789abcdef"[v & 15];
    return b + width;
}
/* Only the id of an event's first arrival is told apart by its number; the rest looks as random as a UUID does. */
static char *put_message(char *b, uint32_t serial)
{
    uint64_t z = (serial ^ o.seed << 20) * UINT64_C(0xD6E8FEB86659FD93);
    z ^= z >> 32;
    z *= UINT64_C(0xD6E8FEB86659FD93);
    b = hex(b, serial * 2654435769U, 8);
    *b++ = '-';
    b = hex(b, z, 4);
    b = put(b, "-4");
    b = hex(b, z >> 16, 3);
    b = put(b, "-a");
    b = hex(b, z >> 28, 3);
    *b++ = '-';
    return hex(b, z * 31 + serial, 12);
}
static char *put_time(char *b, int64_t t)
{
    static int64_t of = -1;
    static char date[11];
    if (t / DAY != of) {
        time_t s = (time_t)(t / 1000);
        struct tm tm;
        gmtime_r(&s, &tm);
        strftime(date, sizeof date, "%Y-%m-%d", &tm);
        of = t / DAY;
    }
    uint32_t ms = (uint32_t)(t % DAY);
    memcpy(b, date, 10);
    b[10] = 'T';
    digits(b + 11, ms / 3600000, 2)[0] = ':';
    digits(b + 14, ms / 60000 % 60, 2)[0] = ':';
    digits(b + 17, ms / 1000 % 60, 2)[0] = '.';
    digits(b + 20, ms % 1000, 3)[0] = 'Z';
    return b + 24;
}
static char *put_who(char *b, const Row *r, const Person *p)
{
    if (r->known) b = digits(put(b, "user-"), r->person + 1, 7);
    *b++ = ',';
    if (p->kind == JOINED || p->kind == VISITOR) {
        b = put(hex(b, r->person * 2654435769U, 8), "-51a7-4c3e-8d21-");
        b = hex(b, r->person + 1, 12);
    }
    return b;
}
static void flush_out(void)
{
    if (fwrite(g.buf, 1, g.used, g.csv) != g.used) {
        perror("generate");
        exit(1);
    }
    g.used = 0;
}
static void put_row(const Row *r)
{
    const Person *p = &g.people[r->person];
    char *b = g.buf + g.used;
    if (!r->again) g.seq[r->serial] = g.written++;
    b = put_message(b, r->serial);
    *b++ = ',';
    b = put_time(b, r->time);
    *b++ = ',';
    b = put(b, g.names[r->name]);
    *b++ = ',';
    b = put_who(b, r, p);
    *b++ = ',';
    b = put(b, g.urls[r->url]);
    *b++ = ',';
    if (r->cents) {
        b = number(b, r->cents / 100);
        *b++ = '.';
        b = digits(b, r->cents % 100, 2);
    }
    *b++ = ',';
    b = put(b, channels[r->channel]);
    *b++ = ',';
    b = put(b, countries[p->country]);
    *b++ = ',';
    b = put(b, devices[p->device]);
    *b++ = ',';
    b = number(b, g.seq[r->serial]);
    *b++ = '\n';
    g.used = (size_t)(b - g.buf);
    g.rows++;
    if (g.used > OUT_ROOM - ROW_ROOM) flush_out();
}
/* By time of arrival within the day, two passes of 14 bits. */
static void sort(Rows *rows, int64_t from)
{
    static size_t at[2][(1 << 14) + 1];
    Row *other = need(malloc(rows->n * sizeof *other + 1));
    memset(at, 0, sizeof at);
    for (size_t i = 0; i < rows->n; i++) {
        int64_t ms = rows->p[i].arrival - from;
        if (ms >= DAY) rows->p[i].arrival = from + DAY - 1, ms = DAY - 1;
        at[0][(ms & 16383) + 1]++;
        at[1][(ms >> 14) + 1]++;
    }
    for (int k = 0; k < 1 << 14; k++) at[0][k + 1] += at[0][k], at[1][k + 1] += at[1][k];
    for (size_t i = 0; i < rows->n; i++) other[at[0][(rows->p[i].arrival - from) & 16383]++] = rows->p[i];
    for (size_t i = 0; i < rows->n; i++) rows->p[at[1][(other[i].arrival - from) >> 14]++] = other[i];
    free(other);
}
static void write_day(int d)
{
    Rows *rows = &g.days[d];
    sort(rows, o.start + (int64_t)d * DAY);
    for (size_t i = 0; i < rows->n; i++) put_row(&rows->p[i]);
    free(rows->p);
    *rows = (Rows){ 0 };
}

/* --- */

static FILE *open_out(const char *suffix)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", o.out, suffix);
    FILE *f = fopen(path, "w");
    if (f) return f;
    perror(path);
    exit(1);
}
static void list_out(FILE *f, const char *key, size_t n, const char *(*text)(size_t))
{
    fprintf(f, ",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) fprintf(f, "%s\"%s\"", i ? "," : "", text(i));
    fputc(']', f);
}
static const char *name_at(size_t i) { return g.names[i]; }
static const char *url_at(size_t i) { return g.urls[i]; }
static const char *country_at(size_t i) { return countries[i]; }
static const char *device_at(size_t i) { return devices[i]; }
static const char *channel_at(size_t i) { return channels[i]; }
static void tell(void)
{
    FILE *f = open_out(".json");
    fprintf(f, "{\"seed\":%" PRIu64 ",\"start\":%" PRId64 ",\"days\":%d,\"people\":%u,\"events\":%u,\"rows\":%" PRId64
        ",\"late\":%" PRId64 ",\"again\":%" PRId64 ",\"ties\":%" PRId64 ",\"joins\":%" PRId64, o.seed, o.start, o.days,
        o.people,
        g.serial, g.rows, g.late, g.again, g.ties, g.joined);
    fprintf(f, ",\"session\":%.2f,\"churn\":%.3f,\"name_skew\":%.2f,\"url_skew\":%.2f", o.session, o.churn,
        o.name_skew, o.url_skew);
    list_out(f, "names", (size_t)o.n_names, name_at);
    list_out(f, "urls", (size_t)o.n_urls, url_at);
    list_out(f, "countries", COUNTRIES, country_at);
    list_out(f, "devices", DEVICES, device_at);
    list_out(f, "channels", CHANNELS, channel_at);
    fprintf(f, "}\n");
    if (fclose(f) != 0) exit(1);
}
static void run(void)
{
    o.dice = o.seed;
    draw_parameters();
    draw_texts();
    draw_people();
    g.csv = open_out(".csv");
    g.joins = open_out("-joins.csv");
    g.buf = need(malloc(OUT_ROOM));
    fprintf(g.csv, "message,time,event,user,anon,url,price,channel,country,device,seq\n");
    fprintf(g.joins, "message,time,anon,user,seq\n");
    g.serials_max = (uint32_t)o.events * 2 + 1000000;
    g.seq = need(calloc(g.serials_max, sizeof *g.seq));
    for (int d = 0; d < o.days; d++) {
        day(d);
        write_day(d);
    }
    flush_out();
    if (fclose(g.csv) != 0 || fclose(g.joins) != 0) {
        perror("generate");
        exit(1);
    }
    tell();
}
static int64_t date(const char *text)
{
    struct tm tm = { 0 };
    char *end = strptime(text, "%Y-%m-%d", &tm);
    return end && !*end ? (int64_t)timegm(&tm) * 1000 : -1;
}
int main(int argc, char **argv)
{
    int64_t people = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *k = argv[i], *v = argv[i + 1];
        if (strcmp(k, "--out") == 0) o.out = v;
        else if (strcmp(k, "--seed") == 0) o.seed = strtoull(v, NULL, 10);
        else if (strcmp(k, "--events") == 0) o.events = strtoll(v, NULL, 10);
        else if (strcmp(k, "--people") == 0) people = strtoll(v, NULL, 10);
        else if (strcmp(k, "--days") == 0) o.days = (int)strtol(v, NULL, 10);
        else if (strcmp(k, "--start") == 0) o.start = date(v);
        else if (strcmp(k, "--repeats") == 0) o.repeats = (int)strtol(v, NULL, 10);
        else argc = 0;
    }
    if (people == 0) people = o.events / 80 + 1;
    o.people = (uint32_t)people;
    if (argc % 2 == 0 || !o.out || o.events < 1000 || o.events > INT64_C(1000000000) || people < 1 ||
        people > 9999998 ||
        o.days < 10 || o.days > DAYS_MAX || o.start < 0) {
        fprintf(stderr, "generate --out PREFIX [--seed N] [--events N] [--people N] [--days N] [--start YYYY-MM-DD] "
            "[--repeats N]\n");
        return 2;
    }
    run();
    return 0;
}
