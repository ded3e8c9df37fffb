/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, times (RFC 3339 section 5.6) and durations (appendix A). */
#include "lib/formats/formats_int.h"

#define DATE_CHARS 10
#define TIME_CHARS 8 /* without fraction and offset */
#define BAD        100U

/* Two digits; BAD for anything else. */
ALWAYS_INLINE unsigned two_digits(const char *at)
{
    unsigned tens = (unsigned)(unsigned char)at[0] - '0';
    unsigned ones = (unsigned)(unsigned char)at[1] - '0';
    return tens > 9 || ones > 9 ? BAD : tens * 10 + ones;
}

/* full-date, of DATE_CHARS. Section 5.7: no day that its month does not have. */
static bool date_stands_at(const char *at)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned century = two_digits(at);
    unsigned year = two_digits(at + 2);
    unsigned month = two_digits(at + 5);
    unsigned day = two_digits(at + 8);
    if (at[4] != '-' || at[7] != '-' || century == BAD || year == BAD || month - 1 > 11 || day == 0)
        return false;
    bool is_leap = year % 4 == 0 && (year != 0 || century % 4 == 0);
    return day <= days[month] + (month == 2 && is_leap ? 1U : 0U);
}

/* time-offset, all of the text. */
static bool offset_of(struct slice text, int *ret_minutes)
{
    if (text.len == 1 && (text.ptr[0] == 'Z' || text.ptr[0] == 'z')) {
        *ret_minutes = 0;
        return true;
    }
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':')
        return false;
    unsigned hours = two_digits(text.ptr + 1);
    unsigned minutes = two_digits(text.ptr + 4);
    if (hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (int)(hours * 60 + minutes) * (text.ptr[0] == '-' ? -1 : 1);
    return true;
}

bool is_time(struct slice text)
{
    const char *at = text.ptr;
    int offset;
    if (text.len <= TIME_CHARS || at[2] != ':' || at[5] != ':')
        return false;
    unsigned hour = two_digits(at);
    unsigned minute = two_digits(at + 3);
    unsigned second = two_digits(at + 6);
    size_t end = TIME_CHARS;
    if (at[end] == '.') {
        for (end++; end < text.len && is_digit(at[end]); end++)
            continue;
        if (end == TIME_CHARS + 1)
            return false;
    }
    if (hour > 23 || minute > 59 || second > 60 || !offset_of(slice_skip(text, end), &offset))
        return false;
    /* Section 5.7 and appendix D: a leap second is the last of a day of UTC. */
    const int day = 24 * 60;
    return second < 60 || ((int)(hour * 60 + minute) - offset + day) % day == day - 1;
}

bool is_date(struct slice text)
{
    return text.len == DATE_CHARS && date_stands_at(text.ptr);
}

bool is_date_time(struct slice text)
{
    return text.len > DATE_CHARS && (text.ptr[DATE_CHARS] | 0x20) == 't' && date_stands_at(text.ptr) &&
           is_time(slice_skip(text, DATE_CHARS + 1));
}

/* 1*DIGIT and a unit, in lower case; 0 if that is not what stands there. */
static char skip_element(struct slice *rest)
{
    size_t count = 0;
    while (count < rest->len && is_digit(rest->ptr[count]))
        count++;
    if (count == 0 || count == rest->len)
        return 0;
    char unit = ascii_lower(rest->ptr[count]);
    *rest = slice_skip(*rest, count + 1);
    return unit;
}

/* Elements whose units follow each other without a gap in `units`: the grammar has no P1Y2D and no PT1H2S. */
static bool skip_elements(struct slice *rest, const char *units)
{
    const char *unit = NULL;
    do {
        char found = skip_element(rest);
        unit = !found ? NULL : unit ? (unit[1] == found ? unit + 1 : NULL) : strchr(units, found);
    } while (unit && rest->len && is_digit(rest->ptr[0]));
    return unit != NULL;
}

/* As all literals of ABNF, the letters are of either case. */
bool is_duration(struct slice text)
{
    if (text.len < 2 || ascii_lower(text.ptr[0]) != 'p')
        return false;
    struct slice rest = slice_skip(text, 1);
    struct slice weeks = rest;
    if (skip_element(&weeks) == 'w')
        return weeks.len == 0;
    if (ascii_lower(rest.ptr[0]) != 't' && !skip_elements(&rest, "ymd"))
        return false;
    if (rest.len == 0)
        return true;
    if (ascii_lower(rest.ptr[0]) != 't')
        return false;
    rest = slice_skip(rest, 1);
    return skip_elements(&rest, "hms") && rest.len == 0;
}
