/* SPDX-License-Identifier: Apache-2.0 */
/* Days are counted in the proleptic Gregorian calendar, with years that begin in March: the leap day is then the last
 * of its year and needs no case of its own. */
#include "lib/http/date.h"

#include "lib/http/scan.h"

#define DAY_SECONDS 86400
#define ERA_YEARS   400
#define ERA_DAYS    146097                  /* days in 400 years */
#define EPOCH_DAYS  719468                  /* from 0000-03-01 to 1970-01-01 */
#define SECONDS_MIN (-INT64_C(62135596800)) /* 0001-01-01 */
#define SECONDS_MAX INT64_C(253402300799)   /* 9999-12-31T23:59:59 */
#define SHORT_PIVOT 70

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const long_day_names[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                              "Thursday", "Friday", "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct date {
    int year;
    int month; /* 0..11 */
    int day;   /* 1..31 */
    int hour;
    int minute;
    int second;
    int week_day; /* 0: Sunday */
};

static int64_t days_of(int year, int month, int day)
{
    int64_t y = month < 2 ? year - 1 : year;
    int64_t month_from_march = (month + 10) % 12;
    int64_t era = (y >= 0 ? y : y - (ERA_YEARS - 1)) / ERA_YEARS;
    int64_t year_of_era = y - era * ERA_YEARS;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static struct date date_of(int64_t unix_seconds)
{
    int64_t seconds = MIN(MAX(unix_seconds, SECONDS_MIN), SECONDS_MAX) - SECONDS_MIN;
    int64_t days = seconds / DAY_SECONDS + SECONDS_MIN / DAY_SECONDS + EPOCH_DAYS; /* from 0000-03-01, positive */
    int second_of_day = (int)(seconds % DAY_SECONDS);
    int64_t era = days / ERA_DAYS;
    int64_t day_of_era = days % ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = (int)(day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100));
    int month_from_march = (5 * day_of_year + 2) / 153;
    int month = (month_from_march + 2) % 12;
    return (struct date){
        .year = (int)(year_of_era + era * ERA_YEARS) + (month < 2),
        .month = month,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
        .hour = second_of_day / 3600,
        .minute = second_of_day / 60 % 60,
        .second = second_of_day % 60,
        .week_day = (int)((days + 3) % 7), /* 0000-03-01 was a Wednesday */
    };
}

static void put_digits(char *out, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
}

void http_date_format(char out[HTTP_DATE_BYTES], int64_t unix_seconds)
{
    struct date date = date_of(unix_seconds);
    static const char form[HTTP_DATE_BYTES] = "Sun, 06 Nov 1994 08:49:37 GMT";
    memcpy(out, form, sizeof form);
    memcpy(out, day_names[date.week_day], 3);
    put_digits(out + 5, date.day, 2);
    memcpy(out + 8, month_names[date.month], 3);
    put_digits(out + 12, date.year, 4);
    put_digits(out + 17, date.hour, 2);
    put_digits(out + 20, date.minute, 2);
    put_digits(out + 23, date.second, 2);
}

/* Cuts `count` digits from the front. */
static bool cut_digits(struct slice *text, size_t count, int *ret_value)
{
    int value = 0;
    if (text->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!scan_is(text->ptr[i], SCAN_DIGIT))
            return false;
        value = value * 10 + (text->ptr[i] - '0');
    }
    *ret_value = value;
    *text = slice_skip(*text, count);
    return true;
}

static bool cut_text(struct slice *text, const char *expected)
{
    struct slice prefix = slice_of_text(expected);
    if (!slice_starts(*text, prefix))
        return false;
    *text = slice_skip(*text, prefix.len);
    return true;
}

static bool cut_month(struct slice *text, int *ret_month)
{
    for (int month = 0; month < 12; month++)
        if (cut_text(text, month_names[month])) {
            *ret_month = month;
            return true;
        }
    return false;
}

static bool cut_time(struct slice *text, struct date *date)
{
    return cut_digits(text, 2, &date->hour) && cut_text(text, ":") && cut_digits(text, 2, &date->minute) &&
           cut_text(text, ":") && cut_digits(text, 2, &date->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool parse_fixdate(struct slice text, struct date *date)
{
    return cut_text(&text, day_names[date->week_day]) && cut_text(&text, ", ") && cut_digits(&text, 2, &date->day) &&
           cut_text(&text, " ") && cut_month(&text, &date->month) && cut_text(&text, " ") &&
           cut_digits(&text, 4, &date->year) && cut_text(&text, " ") && cut_time(&text, date) && slice_is(text, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool parse_rfc850(struct slice text, struct date *date)
{
    bool is_it = cut_text(&text, long_day_names[date->week_day]) && cut_text(&text, ", ") &&
                 cut_digits(&text, 2, &date->day) && cut_text(&text, "-") && cut_month(&text, &date->month) &&
                 cut_text(&text, "-") && cut_digits(&text, 2, &date->year) && cut_text(&text, " ") &&
                 cut_time(&text, date) && slice_is(text, " GMT");
    if (is_it)
        date->year += date->year < SHORT_PIVOT ? 2000 : 1900;
    return is_it;
}

/* Sun Nov  6 08:49:37 1994 */
static bool parse_asctime(struct slice text, struct date *date)
{
    bool is_it = cut_text(&text, day_names[date->week_day]) && cut_text(&text, " ") && cut_month(&text, &date->month) &&
                 cut_text(&text, " ");
    is_it = is_it && (cut_text(&text, " ") ? cut_digits(&text, 1, &date->day) : cut_digits(&text, 2, &date->day));
    return is_it && cut_text(&text, " ") && cut_time(&text, date) && cut_text(&text, " ") &&
           cut_digits(&text, 4, &date->year) && text.len == 0;
}

static bool is_real(const struct date *date)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    if (date->year < 1 || date->day < 1 || date->day > month_days[date->month])
        return false;
    if (date->month == 1 && date->day == 29 && !is_leap)
        return false;
    return date->hour < 24 && date->minute < 60 && date->second <= 60; /* 60: a leap second */
}

enum err http_date_parse(struct slice text, int64_t *ret_unix_seconds)
{
    for (int week_day = 0; week_day < 7; week_day++) {
        struct date date = {.week_day = week_day};
        bool is_short_year = false;
        if (!parse_fixdate(text, &date) && !parse_asctime(text, &date)) {
            date = (struct date){.week_day = week_day};
            is_short_year = parse_rfc850(text, &date);
            if (!is_short_year)
                continue;
        }
        if (!is_real(&date))
            return ERR_SYNTAX;
        int64_t days = days_of(date.year, date.month, date.day);
        if (!is_short_year && (days + EPOCH_DAYS + 3) % 7 != week_day)
            return ERR_SYNTAX;
        *ret_unix_seconds = days * DAY_SECONDS + (int64_t)date.hour * 3600 + (int64_t)date.minute * 60 + date.second;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}
