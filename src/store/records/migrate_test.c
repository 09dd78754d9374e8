#include "tests/records_world.h"
#include "store/records/migrate.h"
#include <stdlib.h>
#include <string.h>

static const Migration list[] = {
    { 1, "people", S_INIT("CREATE TABLE p(id BIGINT PRIMARY KEY, name TEXT NOT NULL) STRICT; -- 人; 'it''s\n"
                          "INSERT INTO p(id, name) VALUES (1, 'BIGINT; --'), (2, 'TEXT')") },
    { 2, "mail", S_INIT("ALTER TABLE p ADD COLUMN mail BYTES;\nCREATE INDEX p_mail ON p(mail);") },
    { 3, "split", S_INIT("CREATE TABLE q(id BIGINT PRIMARY KEY REFERENCES p(id), score DOUBLE) STRICT;"
                         "INSERT INTO q(id, score) SELECT id, 0.5 FROM p") },
    { 4, "gone", S_INIT("DROP TABLE q") },
};
static int version(Cx *cx)
{
    int n = -1;
    ok(records_version(cx, &n));
    return n;
}
static Status reopen(Cx *cx, const RecordsConfig *config, const Migration *from, size_t n)
{
    if (cx->records) {
        records_done(cx);
        records_close(cx->records);
        cx->records = NULL;
    }
    return records_open_with(cx, config, from, n, &cx->records);
}
static void done(Cx *cx)
{
    records_done(cx);
    records_close(cx->records);
    cx->records = NULL;
}
static int64_t number(Cx *cx, Sql sql)
{
    int64_t n = -1;
    ok(db_i64(cx, sql, NO_BINDS, &n));
    return n;
}
/* These open their own records: the world only gives the place. */
static const RecordsConfig *place(Cx *cx)
{
    static RecordsConfig config;
    world_records_done(cx);
    config = world_records_config();
    return &config;
}
BOTH(every_earlier_version_is_brought_up_to_date_and_keeps_its_rows)
{
    for (size_t from = 0; from <= COUNT(list); from++) {
        const RecordsConfig *config = place(cx);
        ok(reopen(cx, config, list, from));
        assert_int_equal(version(cx), from);
        for (size_t to = from; to <= COUNT(list); to++) {
            ok(reopen(cx, config, list, to));
            assert_int_equal(version(cx), to);
            if (to > 0)
                assert_int_equal(number(cx, SQL("SELECT count(*) FROM p WHERE name IN ('BIGINT; --', 'TEXT')")), 2);
            if (to == 3) assert_int_equal(number(cx, SQL("SELECT count(*) FROM q WHERE score = 0.5")), 2);
        }
        done(cx);
    }
}
BOTH(a_changed_or_newer_migration_refuses_with_a_reason)
{
    const RecordsConfig *config = place(cx);
    Migration other[COUNT(list)];
    memcpy(other, list, sizeof list);
    other[1].text = S("ALTER TABLE p ADD COLUMN mail BYTES ;");
    ok(reopen(cx, config, list, 3));
    assert_int_equal(reopen(cx, config, list, 2), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_records_newer);
    assert_int_equal(cx->why.params[0].value, 3);
    assert_int_equal(cx->why.params[1].value, 2);
    assert_int_equal(records_open_with(cx, config, other, COUNT(other), &cx->records), ST_INVALID);
    assert_int_equal(cx->why.msg, MSG_records_changed);
    assert_int_equal(cx->why.params[0].value, 2);
    memcpy(other, list, sizeof list);
    other[0].number = 5;
    assert_int_equal(records_open_with(cx, config, other, COUNT(other), &cx->records), ST_INVALID);
    ok(records_open_with(cx, config, list, 3, &cx->records));
    assert_int_equal(version(cx), 3);
    done(cx);
}
BOTH(a_migration_that_fails_leaves_the_version_before_it)
{
    static const Migration bad[] = {
        { 1, "one", S_INIT("CREATE TABLE one(id BIGINT PRIMARY KEY) STRICT") },
        { 2, "two", S_INIT("CREATE TABLE two(id BIGINT PRIMARY KEY) STRICT; INSERT INTO none VALUES (1)") },
    };
    const RecordsConfig *config = place(cx);
    assert_int_equal(reopen(cx, config, bad, 2), ST_BUG);
    assert_non_null(strstr(cx->why.log, "none"));
    ok(reopen(cx, config, bad, 1));
    assert_int_equal(version(cx), 1);
    Rows *r;
    assert_int_equal(rows_open(cx, SQL("SELECT 1 FROM two"), NO_BINDS, &r), ST_BUG);
    done(cx);
}
#ifdef LIUKE_FAULT
static void upgrade_with_faults(Cx *cx, FaultKind kind)
{
    for (long n = 0;; n++) {
        const RecordsConfig *config = place(cx);
        ok(reopen(cx, config, list, 1));
        done(cx);
        fault_arm(kind, n);
        Status st = records_open_with(cx, config, list, COUNT(list), &cx->records);
        bool fired = fault_fired(kind);
        fault_arm(kind, -1);
        assert_true(fired ? st != ST_OK || kind == FAULT_AGAIN : st == ST_OK);
        if (st != ST_OK) {                        /* what stands is a whole version: it goes on from there */
            assert_true(st == ST_IO || st == ST_BUSY || st == ST_NO_MEM);
            ok(reopen(cx, config, list, COUNT(list)));
        }
        assert_int_equal(version(cx), COUNT(list));
        assert_int_equal(number(cx, SQL("SELECT count(mail) FROM p")), 0);
        done(cx);
        if (!fired) break;
        assert_in_range(n, 0, 200);
    }
}
BOTH(an_upgrade_that_fails_anywhere_can_be_done_again)
{
    upgrade_with_faults(cx, FAULT_DB);
    upgrade_with_faults(cx, FAULT_ALLOC);
    upgrade_with_faults(cx, FAULT_AGAIN);
}
#endif
TEST(words_are_replaced_only_where_they_are_words)
{
    static const Word words[] = { { "BYTES", "BLOB" }, { "STRICT", "" }, { 0 } };
    Str got;
    ok(migrate_text(cx, S("a BYTES, BYTES_2 \"BYTES\" 'BYTES''BYTES' -- BYTES\nBYTES) STRICT"), words, &got));
    assert_str(got, "a BLOB, BYTES_2 \"BYTES\" 'BYTES''BYTES' -- BYTES\nBLOB) ");
    ok(migrate_text(cx, S("'BYTES"), words, &got));
    assert_str(got, "'BYTES");
    ok(migrate_text(cx, S("-- BYTES"), words, &got));
    assert_str(got, "-- BYTES");
}
TEST(the_program_s_own_migrations_are_numbered_without_gaps)
{
    (void)cx;
    assert_in_range(migrate_list_n, 1, 10000);
    for (size_t i = 0; i < migrate_list_n; i++) assert_int_equal(migrate_list[i].number, i + 1);
}
