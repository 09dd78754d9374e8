#include "store/events/shares.h"
#include "tests/test.h"
#include <math.h>

typedef struct Case { int64_t x1, n1, x2, n2; double difference, low, high, p; bool exact; } Case;
/* The first seven are of Newcombe's paper, table II (method 10). p: summed as fractions of whole numbers, or by the
 * normal distribution, outside of this program. */
static const Case CASES[] = {
    { 56, 70, 48, 80, 0.2, 0.0524314724, 0.3338726540, 0.008045081368, false },
    { 9, 10, 3, 10, 0.6, 0.1705227239, 0.8090179735, 0.0197666111, true },
    { 6, 7, 2, 7, 0.5714285714, 0.0582279275, 0.8062496375, 0.1025641026, true },
    { 5, 56, 0, 29, 0.0892857143, -0.0381371479, 0.1925600139, 0.1606214432, true },
    { 0, 10, 0, 20, 0, -0.1611251581, 0.2775327999, 1, true },
    { 10, 10, 0, 20, 1, 0.6790860371, 1, 3.32833916e-08, true },
    { 10, 10, 0, 10, 1, 0.6075093504, 1, 7.744216431e-06, false },
    { 3, 4, 1, 4, 0.5, -0.1354884006, 0.7890832681, 0.4857142857, true },        /* the lady tasting tea */
    { 1, 40, 30, 5000, 0.019, -0.0017308893, 0.1228291871, 0.2194483438, true },
    { 40, 40, 0, 400, 1, 0.9118635788, 1, 9.280152313e-58, true },
    { 2, 2000, 9, 3000, -0.002, -0.0047881476, 0.0009971384, 0.217757695, true },
    { 300, 400, 4000, 6000, 0.0833333333, 0.0371195809, 0.1250278932, 0.0005883510793, false },
};
static void near(double got, double want, double share)
{
    if (!(fabs(got - want) <= share * fabs(want) + 1e-10)) print_error("got %.12g, want %.12g\n", got, want);
    assert_true(fabs(got - want) <= share * fabs(want) + 1e-10);
}
static void tiny(double got, double want) { assert_true(fabs(got / want - 1) < 1e-8); }
TEST(two_shares_differ_by_as_much_as_the_published_numbers)
{
    (void)cx;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const Case *c = &CASES[i];
        Shares s = shares_compare(c->x1, c->n1, c->x2, c->n2), back = shares_compare(c->x2, c->n2, c->x1, c->n1);
        near(s.difference, c->difference, 0);
        near(s.low, c->low, 0);
        near(s.high, c->high, 0);
        tiny(s.p, c->p);
        assert_int_equal(s.exact, c->exact);
        near(back.low, -c->high, 0);
        near(back.high, -c->low, 0);
        tiny(back.p, c->p);
        near(s.lift, c->x2 ? s.share[0] / s.share[1] : 0, 0);
        near(shares_strength(&s), fmax(c->low, -c->high), 0);
        near(shares_strength(&back), shares_strength(&s), 0);
    }
}
TEST(shares_of_all_sizes_stay_within_their_bounds)
{
    static const int64_t n[] = { 1, 2, 30, 1000, 1000000, 2147483647 };
    (void)cx;
    for (size_t i = 0; i < COUNT(n); i++)
        for (size_t k = 0; k < COUNT(n); k++)
            for (int part = 0; part < 16; part++) {
                int64_t x1 = part & 1 ? n[i] : part & 2 ? n[i] / 2 : 0, x2 = part & 4 ? n[k] : part & 8 ? n[k] / 3 : 0;
                Shares s = shares_compare(x1, n[i], x2, n[k]);
                assert_true(s.low <= s.difference && s.difference <= s.high);
                assert_true(s.low >= -1 - 1e-9 && s.high <= 1 + 1e-9);
                assert_true(s.p >= 0 && s.p <= 1 + 1e-9);
            }
}
static void adjusted(const double *p, const double *want, size_t n)
{
    SharesLook looks[8];
    for (size_t i = 0; i < n; i++) looks[i] = (SharesLook){ p[i], i };
    shares_adjust(looks, n);
    for (size_t i = 0; i < n; i++) {
        near(looks[i].p, want[looks[i].which], 0);
        assert_true(i == 0 || looks[i].p >= looks[i - 1].p);
    }
}
TEST(many_looks_are_corrected_as_the_published_numbers)
{
    (void)cx;
    adjusted((double[]){ .898, .138, .007, .964, .538, .006, .138 },
        (double[]){ .964, .2415, .0245, .964, .7532, .0245, .2415 }, 7);
    adjusted((double[]){ .025, .03 }, (double[]){ .03, .03 }, 2);
    adjusted((double[]){ .04 }, (double[]){ .04 }, 1);
    shares_adjust(NULL, 0);
}
