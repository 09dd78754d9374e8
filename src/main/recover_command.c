#include "base/crypto.h"
#include "main/commands.h"
#include <stdio.h>
#include <string.h>

/* The recovery code is read from standard input, not from the arguments: those end up in a shell's history. */
int command_recover(Cx *cx, const Config *c)
{
    char line[256];

    fprintf(stderr, cx->lang == LANG_ZH ? "请输入恢复码，回车结束：\n" : "Enter the recovery code, then Return:\n");
    if (!fgets(line, sizeof line, stdin)) line[0] = 0;
    Status st = crypto_start(cx);
    if (st == ST_OK) st = keys_recover(cx, c->key_file, str_trim(str_z(line)));
    memset(line, 0, sizeof line);
    if (st != ST_OK) return command_complain(cx, cx->lang);
    printf(cx->lang == LANG_ZH ? "密钥文件已恢复：%s\n" : "the key file is back: %s\n", c->key_file);
    return 0;
}
