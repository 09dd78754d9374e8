#include "main/config.h"
#include "base/buf.h"
#include "base/fs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum OptKind { OPT_TEXT, OPT_NUMBER, OPT_FLAG } OptKind;
typedef struct Opt { const char *key; OptKind kind; size_t at; bool in_file; const char *zh, *en; } Opt;
#define O(k, kind, member, in_file, zh, en) { k, kind, offsetof(Config, member), in_file, zh, en }
static const Opt opts[] = {
    O("data", OPT_TEXT, data, false, "数据目录（默认 liuke-data）", "the data folder (default liuke-data)"),
    O("key-file", OPT_TEXT, key_file, true, "密钥文件（默认在数据目录旁边）", "the key file (default: beside the data folder)"),
    O("bind", OPT_TEXT, bind, true, "监听地址（默认 127.0.0.1）", "the address to listen on (default 127.0.0.1)"),
    O("port", OPT_NUMBER, port, true, "监听端口（默认 8410）", "the port to listen on (default 8410)"),
    O("postgres", OPT_TEXT, postgres, true, "改用 PostgreSQL 存记录：连接串",
        "keep the records in PostgreSQL: a connection string"),
    O("tls-cert", OPT_TEXT, tls_cert, true, "HTTPS 证书（PEM）", "certificate for HTTPS (PEM)"),
    O("tls-key", OPT_TEXT, tls_key, true, "HTTPS 私钥（PEM）", "private key for HTTPS (PEM)"),
    O("trusted-proxies", OPT_TEXT, proxies, true, "可信代理的地址或网段，逗号分隔",
        "addresses or ranges of trusted proxies, comma separated"),
    O("allow-private", OPT_TEXT, allow_private, true, "允许外呼访问的内网地址，逗号分隔",
        "private hosts that outgoing calls may reach, comma separated"),
    O("public-url", OPT_TEXT, public_url, true, "访客看到的地址，如 https://t.example.com",
        "the address visitors see, such as https://t.example.com"),
    O("smtp", OPT_TEXT, smtp, true, "发信服务器 主机:端口（不填则邮件留在测试发件箱）",
      "mail server as host:port (without one mails stay in the test outbox)"),
    O("smtp-user", OPT_TEXT, smtp_user, true, "发信用户名", "user name at the mail server"),
    O("smtp-password", OPT_TEXT, smtp_password, true, "发信密码", "password at the mail server"),
    O("mail-from", OPT_TEXT, mail_from, true, "发件人地址", "the address mails come from"),
    O("zone", OPT_TEXT, zone, true, "首次启动：产品时区", "first start: the product's time zone"),
    O("lang", OPT_TEXT, lang, true, "界面语言：zh 或 en", "language: zh or en"),
    O("product", OPT_TEXT, product, true, "首次启动：产品名称", "first start: the product's name"),
    O("config", OPT_TEXT, help, false, "配置文件", "the configuration file"),
    O("map", OPT_TEXT, map, false, "导入：列的对应关系", "import: what the columns mean"),
    O("columns", OPT_TEXT, columns, false, "导入：没有表头时的列名，逗号分隔", "import: names of the columns of a file without a "
                                                            "head"),
    O("source", OPT_TEXT, source, false, "导入：来源名称", "import: name of the source"),
    O("format", OPT_TEXT, format, false, "导入导出格式：csv、ndjson、access",
        "format of import and export: csv, ndjson, access"),
    O("as-new", OPT_FLAG, as_new, false, "导入：当作新文件", "import: treat the file as a new one"),
    O("out", OPT_TEXT, out, false, "写到这个文件", "write to this file"),
    O("from", OPT_TEXT, from, false, "起始时间（含）", "from this time on"),
    O("to", OPT_TEXT, to, false, "截止时间（不含）", "up to, not including, this time"),
    O("kind", OPT_TEXT, kind, false, "来源类型：web、app、server", "kind of source: web, app, server"),
    O("consent", OPT_TEXT, consent, false, "来源的同意方式：ask、assumed、off", "consent of a source: ask, assumed, off"),
    O("reason", OPT_TEXT, reason, false, "为何视为已同意", "why consent is assumed"),
    O("demo", OPT_FLAG, demo, false, "演示：播放一个模拟产品", "demo: play a simulated product"),
    O("json", OPT_FLAG, json, false, "以 JSON 输出", "print JSON"),
    O("csv", OPT_FLAG, csv, false, "以 CSV 输出", "print CSV"),
    O("yes", OPT_FLAG, yes, false, "不再询问", "do not ask again"),
    O("help", OPT_FLAG, help, false, "显示帮助", "show this help"),
};
static const Opt *find(Str key, bool in_file)
{
    for (size_t i = 0; i < COUNT(opts); i++) {
        const char *k = opts[i].key;
        size_t n = strlen(k), j = 0;
        while (j < n && j < key.n && (key.p[j] == k[j] || (key.p[j] == '_' && k[j] == '-'))) j++;
        if (j == n && j == key.n && (!in_file || opts[i].in_file)) return &opts[i];
    }
    return NULL;
}
static Status put(Cx *cx, Config *c, const Opt *o, Str value)
{
    char *at = (char *)c + o->at;
    int64_t n;
    if (o->kind == OPT_FLAG) {
        *(bool *)(void *)at = true;
        return ST_OK;
    }
    if (o->kind == OPT_NUMBER) {
        if (!str_i64(value, &n) || n < 0 || n > 65535)
            return refuse(cx, ST_INVALID, str_z(o->key), MSG_out_of_range,
                          PARAMS({ .name = "min", .value = 0 }, { .name = "max", .value = 65535 }));
        *(int64_t *)(void *)at = n;
        return ST_OK;
    }
    Str kept = arena_str(cx->arena, value);
    if (!kept.p) return fail(cx, ST_NO_MEM, "config");
    *(const char **)(void *)at = kept.p;
    return ST_OK;
}
static Status file_line(Cx *cx, Config *c, Str line, int64_t number)
{
    Str key, value = line;
    line = str_trim(line);
    if (line.n == 0 || line.p[0] == '#') return ST_OK;
    key = str_trim(str_cut(&value, '='));
    const Opt *o = find(key, true);
    if (!o) return refuse(cx, ST_INVALID, key, MSG_config_line, PARAMS({ .name = "line", .value = number }));
    return put(cx, c, o, str_trim(value));
}
static Status read_file(Cx *cx, Config *c, const char *path, bool must)
{
    Str text;
    Status st = fs_read_all(cx, fs_posix(), path, 1 << 20, &text);
    if (st == ST_NOT_FOUND && !must) return ST_OK;
    if (st == ST_NOT_FOUND)
        return refuse(cx, ST_NOT_FOUND, S("config"), MSG_no_file, PARAMS({ .name = "file", .text = str_z(path) }));
    TRY(st);
    for (int64_t n = 1; text.n; n++) TRY(file_line(cx, c, str_cut(&text, '\n'), n));
    return ST_OK;
}
static Status read_environment(Cx *cx, Config *c)
{
    for (size_t i = 0; i < COUNT(opts); i++) {
        char name[40] = "LIUKE_";
        if (!opts[i].in_file && strcmp(opts[i].key, "data") != 0) continue;
        for (size_t j = 0; opts[i].key[j] && j < 30; j++)
            name[6 + j] = (char)(opts[i].key[j] == '-' ? '_' : opts[i].key[j] - 32);
        const char *v = getenv(name);
        if (v) TRY(put(cx, c, &opts[i], str_z(v)));
    }
    return ST_OK;
}
static Status read_arguments(Cx *cx, Config *c, int argc, char **argv)
{
    const char **words = ARENA_MANY(cx->arena, const char *, (size_t)argc + 1);
    if (!words) return fail(cx, ST_NO_MEM, "config");
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || !argv[i][2]) {
            words[c->n_words++] = argv[i];
            continue;
        }
        Str value = str_z(argv[i] + 2), key = str_cut(&value, '=');
        const Opt *o = find(key, false);
        if (!o) return refuse(cx, ST_INVALID, key, MSG_unknown_option, NO_PARAMS);
        if (o->kind != OPT_FLAG && !value.p) {
            if (++i == argc) return refuse(cx, ST_INVALID, key, MSG_required, NO_PARAMS);
            value = str_z(argv[i]);
        }
        if (strcmp(o->key, "config") != 0) TRY(put(cx, c, o, value));
    }
    c->words = words;
    return ST_OK;
}
static const char *argument(int argc, char **argv, const char *key)
{
    size_t n = strlen(key);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], key, n) != 0) continue;
        if (argv[i][n] == '=') return argv[i] + n + 1;
        if (argv[i][n] == 0 && i + 1 < argc) return argv[i + 1];
    }
    return NULL;
}
Status config_read(Cx *cx, int argc, char **argv, Config *ret)
{
    const char *file = argument(argc, argv, "--config"), *data = argument(argc, argv, "--data");
    char path[1024];

    *ret = (Config){ .data = "liuke-data", .bind = "127.0.0.1", .port = 8410 };
    if (!data) data = getenv("LIUKE_DATA");
    snprintf(path, sizeof path, "%s/liuke.conf", data ? data : ret->data);
    TRY(read_file(cx, ret, file ? file : path, file != NULL));
    TRY(read_environment(cx, ret));
    TRY(read_arguments(cx, ret, argc, argv));
    if (ret->key_file) return ST_OK;
    size_t n = strlen(ret->data);
    while (n > 1 && ret->data[n - 1] == '/') n--;
    Buf b = buf_new(cx->arena, 1100);
    buf_add(&b, (Str){ ret->data, n });
    buf_add(&b, (Str){ ".key", 5 });
    if (b.bad) return fail(cx, ST_NO_MEM, "config");
    ret->key_file = b.p;
    return ST_OK;
}
void config_help(int fd, Lang lang)
{
    for (size_t i = 0; i < COUNT(opts); i++)
        dprintf(fd, "  --%-16s %s\n", opts[i].key, lang == LANG_ZH ? opts[i].zh : opts[i].en);
}
