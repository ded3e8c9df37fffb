/* SPDX-License-Identifier: Apache-2.0 */
/* request_id, access_log, metrics, server_timing, auth, user_context: what they do on the way in and out. The two that shape input and
 * output have tests of their own. */
#include "unit/pipeline/stand.h"

#include "pipeline/keys.h"

#define GET "GET /x HTTP/1.1\r\nHost: a\r\n"

static enum verdict enter(const char *head)
{
    stand_begin(&stand, head, (struct slice){NULL, 0});
    return stage_chain(stand.request);
}

/* --- request_id ------------------------------------------------------------------------------------------------- */

static void takes_a_well_formed_request_id(void **state)
{
    (void)state;
    stand_add(&stand, "request_id", NULL);
    assert_int_equal(enter(GET "X-Request-Id: a.B_9-z\r\n"), VERDICT_NEXT);
    expect_slice(stand.request->id, "a.B_9-z");
    expect_slice(stand_field(&stand, "X-Request-Id"), "a.B_9-z");
}

static void makes_a_request_id_of_16_hex_digits(void **state)
{
    (void)state;
    stand_add(&stand, "request_id", NULL);
    enter(GET);
    uint64_t first;
    uint64_t second;
    assert_int_equal(stand.request->id.len, 16);
    assert_int_equal(text_parse_hex(stand.request->id, &first), ERR_OK);
    enter(GET);
    assert_int_equal(text_parse_hex(stand.request->id, &second), ERR_OK);
    assert_true(first != second);
}

static void passes_over_a_request_id_that_could_do_harm(void **state)
{
    (void)state;
    stand_add(&stand, "request_id", NULL);
    const char *const bad[] = {
        GET "X-Request-Id: a b\r\n",
        GET "X-Request-Id: \r\n",
        GET "X-Request-Id: a\"b\r\n",
        GET "X-Request-Id: one\r\nX-Request-Id: two\r\n",
        GET "X-Request-Id: 0123456789012345678901234567890123456789012345678901234567890123x\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(enter(bad[i]), VERDICT_NEXT);
        assert_int_equal(stand.request->id.len, 16);
    }
}

static void takes_no_request_id_without_trust(void **state)
{
    (void)state;
    stand_add(&stand, "request_id", "trust", "false", NULL);
    enter(GET "X-Request-Id: mine\r\n");
    assert_int_equal(stand.request->id.len, 16);
}

/* --- access_log ------------------------------------------------------------------------------------------------- */

static struct slice logged(enum access_text which)
{
    size_t at = 0;
    for (int i = 0; i < (int)which; i++)
        at += stand.record.lengths[i];
    return slice_of(stand.record.text + at, stand.record.lengths[which]);
}

static void logs_what_the_request_was_and_how_it_ended(void **state)
{
    (void)state;
    stand_add(&stand, "access_log", NULL);
    enter("POST /x HTTP/1.1\r\nHost: a\r\nUser-Agent: probe/1\r\n");
    struct request *request = stand.request;
    request->id = SLICE_LIT("id-1");
    request->identity.tenant = SLICE_LIT("acme");
    request->model_entry = &stand.model_entry;
    request->queue_ns = 5;
    request->sent_bytes = 99;
    request->response.status = 422;
    request->problem = PROBLEM_INVALID_TENSOR;
    chain_complete(request);
    assert_int_equal(stand.records, 1);
    assert_int_equal(stand.record.sink, 7);
    assert_string_equal(opened_log, "-");
    assert_int_equal(stand.record.status, 422);
    assert_int_equal(stand.record.queue_ns, 5);
    assert_int_equal(stand.record.sent_bytes, 99);
    assert_true(stand.record.duration_ns < 60 * NS_PER_S);
    expect_slice(logged(ACCESS_TEXT_request_id), "id-1");
    assert_int_equal(stand.record.method, HTTP_METHOD_POST);
    expect_slice(logged(ACCESS_TEXT_method), "");
    expect_slice(logged(ACCESS_TEXT_path), "/x");
    expect_slice(logged(ACCESS_TEXT_route), "POST /x");
    char peer[IP_TEXT_MAX];
    expect_slice(slice_of(peer, ip_format(&stand.record.peer, peer)), "192.0.2.7");
    assert_int_equal(stand.record.protocol, ACCESS_HTTP11);
    assert_int_equal(stand.record.tls, CONNECTION_PLAIN);
    expect_slice(logged(ACCESS_TEXT_tenant), "acme");
    expect_slice(logged(ACCESS_TEXT_bucket), "");
    expect_slice(logged(ACCESS_TEXT_model), "net");
    assert_int_equal(stand.record.problem, PROBLEM_INVALID_TENSOR);
    expect_slice(logged(ACCESS_TEXT_user_agent), "probe/1");
}

static void takes_a_relative_log_path_from_the_folder_of_the_configuration(void **state)
{
    (void)state;
    stand_add(&stand, "access_log", "path", "access.log", NULL);
    assert_string_equal(opened_log, "/etc/weir/access.log");
    stand_add(&stand, "access_log", "path", "/var/log/weir.log", NULL);
    assert_string_equal(opened_log, "/var/log/weir.log");
}

static void counts_a_line_that_the_log_has_no_room_for(void **state)
{
    (void)state;
    stand_add(&stand, "access_log", NULL);
    stand.is_log_full = true;
    enter(GET);
    chain_complete(stand.request);
    assert_int_equal(stand.records, 0);
    assert_int_equal(counter_read(&stand.worker->meter.log_lines_dropped), 1);
}

static void logs_a_client_that_went_away_as_499(void **state)
{
    (void)state;
    stand_add(&stand, "access_log", NULL);
    enter(GET);
    stand.request->response.status = 200;
    stand.request->is_cancelled = true;
    chain_complete(stand.request);
    assert_int_equal(stand.record.status, 499);
    assert_int_equal(stand.record.problem, PROBLEM_CLIENT_CLOSED);
}

/* --- metrics ---------------------------------------------------------------------------------------------------- */

static void counts_requests_by_status_and_what_is_in_flight(void **state)
{
    (void)state;
    stand_add(&stand, "metrics", NULL);
    struct route_meter *meter = stand.route.meters = stand.meters = calloc(1, sizeof *meter);
    enter(GET);
    assert_int_equal(gauge_read(&meter->in_flight), 1);
    stand.request->response.status = 200;
    chain_complete(stand.request);
    assert_int_equal(gauge_read(&meter->in_flight), 0);
    enter(GET);
    stand.request->is_cancelled = true;
    chain_complete(stand.request);
    assert_int_equal(counter_read(&meter->requests[200 - METER_STATUS_MIN]), 1);
    assert_int_equal(counter_read(&meter->requests[499 - METER_STATUS_MIN]), 1);
    assert_int_equal(histogram_count(&meter->request_time), 2);
}

static void does_without_meters(void **state)
{
    (void)state;
    stand_add(&stand, "metrics", NULL);
    assert_int_equal(enter(GET), VERDICT_NEXT);
    chain_complete(stand.request);
}

/* --- server_timing ---------------------------------------------------------------------------------------------- */

static void tells_what_the_phases_of_a_run_took(void **state)
{
    (void)state;
    stand_add(&stand, "server_timing", NULL);
    enter(GET);
    stand.request->has_outputs = true;
    stand.request->has_job = true;
    stand.request->decode_ns = 1500000;
    stand.request->job.times =
        (struct job_times){.queue_ns = 25000, .gather_ns = 100, .run_ns = 12345678, .scatter_ns = 49};
    chain_response_head(stand.request);
    struct slice value = stand_field(&stand, "Server-Timing");
    assert_true(slice_starts(value, SLICE_LIT("decode;dur=1.5000, queue;dur=0.0250, gather;dur=0.0001, "
                                              "run;dur=12.3457, scatter;dur=0.0000, format;dur=")));
}

/* The job is whatever the request before left there. */
static void tells_no_phases_of_a_run_that_was_not_needed(void **state)
{
    (void)state;
    stand_add(&stand, "server_timing", NULL);
    enter(GET);
    stand.request->has_outputs = true;
    stand.request->decode_ns = 1500000;
    stand.request->job.times = (struct job_times){.queue_ns = 25000, .run_ns = 12345678};
    chain_response_head(stand.request);
    assert_true(slice_starts(stand_field(&stand, "Server-Timing"), SLICE_LIT("decode;dur=1.5000, format;dur=")));
}

static void tells_the_total_of_what_ran_no_model(void **state)
{
    (void)state;
    stand_add(&stand, "server_timing", NULL);
    enter(GET);
    chain_response_head(stand.request);
    assert_true(slice_starts(stand_field(&stand, "Server-Timing"), SLICE_LIT("total;dur=")));
}

static void gives_way_where_there_is_no_room_for_a_field(void **state)
{
    (void)state;
    stand_add(&stand, "server_timing", NULL);
    enter(GET);
    while (stand.request->response.field_count < stand.request->response.field_capacity)
        response_field_add(stand.request, "X", SLICE_LIT("y"));
    chain_response_head(stand.request);
    assert_null(stand_field(&stand, "Server-Timing").ptr);
}

/* --- auth ------------------------------------------------------------------------------------------------------- */

#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY    "weir_abcdefgh_" SECRET

/* A file with one key of the tenant acme. */
static const char *write_keys(void)
{
    static char path[] = "/tmp/weir-keys-XXXXXX";
    const uint8_t salt[KEY_SALT_BYTES] = {1, 2, 3};
    uint8_t hash[CRYPTO_SHA256_BYTES];
    char salt_hex[2 * sizeof salt];
    char hash_hex[2 * sizeof hash];
    assert_int_equal(key_hash(stand.worker->key_verifier.hasher, salt, SLICE_LIT(SECRET), hash), ERR_OK);
    text_format_hex(salt_hex, slice_of(salt, sizeof salt));
    text_format_hex(hash_hex, slice_of(hash, sizeof hash));
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "abcdefgh acme laptop %.*s %.*s 2026-01-01T00:00:00Z - -\n", (int)sizeof salt_hex, salt_hex,
            (int)sizeof hash_hex, hash_hex);
    fclose(file);
    return path;
}

static void add_auth(const char *option, const char *value)
{
    const char *path = write_keys();
    if (stand_add(&stand, "auth", "keys", path, option, value, NULL) != ERR_OK)
        fail_msg("%s", stand.fault);
    remove(path);
}

static void lets_in_who_has_a_key(void **state)
{
    (void)state;
    add_auth(NULL, NULL);
    const char *const good[] = {
        GET "Authorization: Bearer " KEY "\r\n",
        GET "Authorization: bearer  " KEY "\r\n",
        GET "X-API-Key: " KEY "\r\n",
        GET "X-API-Key: " KEY "\r\nAuthorization: Bearer " KEY "\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(enter(good[i]), VERDICT_NEXT);
        expect_slice(stand.request->identity.tenant, "acme");
        expect_slice(stand.request->identity.key_id, "abcdefgh");
        expect_slice(stand.request->identity.key_name, "laptop");
    }
    assert_int_equal(counter_read(&stand.worker->meter.auth_failed), 0);
}

static void refuses_who_has_none_with_a_challenge(void **state)
{
    (void)state;
    add_auth(NULL, NULL);
    assert_int_equal(enter(GET), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_UNAUTHORIZED,
                   "No API key was sent: send Authorization: Bearer <key> or X-API-Key: <key>.");
    expect_slice(stand_field(&stand, "WWW-Authenticate"), "Bearer realm=\"weir\"");
    assert_int_equal(counter_read(&stand.worker->meter.auth_failed), 1);
}

static void refuses_a_wrong_key(void **state)
{
    (void)state;
    add_auth(NULL, NULL);
    const char *const bad[] = {
        GET "Authorization: Bearer weir_abcdefgh_BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
        GET "Authorization: Bearer x\r\n",
        GET "X-API-Key: weir_zzzzzzzz_" SECRET "\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(enter(bad[i]), VERDICT_FAIL);
        expect_problem(&stand, PROBLEM_UNAUTHORIZED, "The API key is unknown, expired or revoked.");
        expect_slice(stand_field(&stand, "WWW-Authenticate"), "Bearer realm=\"weir\"");
        expect_slice(stand.request->identity.tenant, "");
    }
}

static void refuses_another_scheme(void **state)
{
    (void)state;
    add_auth("header", "authorization");
    assert_int_equal(enter(GET "Authorization: Basic " KEY "\r\n"), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_UNAUTHORIZED, "No API key was sent: send Authorization: Bearer <key>.");
    assert_int_equal(enter(GET "X-API-Key: " KEY "\r\n"), VERDICT_FAIL);
}

static void refuses_two_different_keys(void **state)
{
    (void)state;
    add_auth(NULL, NULL);
    assert_int_equal(enter(GET "X-API-Key: " KEY "\r\nAuthorization: Bearer other\r\n"), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_UNAUTHORIZED, "Authorization and X-API-Key hold different keys: send one of them.");
}

static void lets_in_listed_tenants_only(void **state)
{
    (void)state;
    add_auth("tenants", "[globex, initech]");
    assert_int_equal(enter(GET "X-API-Key: " KEY "\r\n"), VERDICT_FAIL);
    expect_problem(&stand, PROBLEM_FORBIDDEN, "The tenant \"acme\" may not use this route.");
    route_chain_clear(&stand.route);
    add_auth("tenants", "[globex, acme]");
    assert_int_equal(enter(GET "X-API-Key: " KEY "\r\n"), VERDICT_NEXT);
}

static void says_which_keys_file_is_missing(void **state)
{
    (void)state;
    assert_int_equal(stand_add(&stand, "auth", "keys", "/nonexistent/keys", NULL), ERR_NOT_FOUND);
    assert_says(stand.fault, "/nonexistent/keys");
}

/* --- user_context ----------------------------------------------------------------------------------------------- */

static uint32_t bucket_of_user(const char *user)
{
    char head[200];
    snprintf(head, sizeof head, GET "X-User-Id: %s\r\n", user);
    assert_int_equal(enter(head), VERDICT_NEXT);
    return stand.request->identity.bucket_index;
}

/* These must never change: an update of weir must not move anybody. */
static void puts_a_subject_into_the_same_bucket_for_ever(void **state)
{
    (void)state;
    stand_add(&stand, "user_context", "buckets", "[a, b, c, d]", "by", "header", NULL);
    char got[17] = "";
    for (int i = 0; i < 16; i++) {
        char user[20];
        snprintf(user, sizeof user, "user-%d", i);
        got[i] = (char)('a' + bucket_of_user(user));
    }
    assert_string_equal(got, "ddaabacbcbdabdad");
}

static void splits_by_weight(void **state)
{
    (void)state;
    stand_add(&stand, "user_context", "buckets", "[control, treatment]", "weights", "[90, 10]", "by", "header", NULL);
    uint32_t treated = 0;
    for (int i = 0; i < 2000; i++) {
        char user[20];
        snprintf(user, sizeof user, "%d", i);
        treated += bucket_of_user(user);
    }
    assert_in_range(treated, 160, 240);
}

static void another_salt_splits_another_way(void **state)
{
    (void)state;
    uint32_t moved = 0;
    uint8_t before[200];
    stand_add(&stand, "user_context", "buckets", "[a, b]", "by", "header", NULL);
    for (uint32_t i = 0; i < 200; i++) {
        char user[20];
        snprintf(user, sizeof user, "%u", i);
        before[i] = (uint8_t)bucket_of_user(user);
    }
    route_chain_clear(&stand.route);
    stand_add(&stand, "user_context", "buckets", "[a, b]", "by", "header", "salt", "second", NULL);
    for (uint32_t i = 0; i < 200; i++) {
        char user[20];
        snprintf(user, sizeof user, "%u", i);
        moved += bucket_of_user(user) != before[i];
    }
    assert_in_range(moved, 60, 140);
}

#define MANY_BUCKETS "[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]"

/* A bucket is remembered with a key; what is remembered is what the hash says, also where two splits share the key. */
static void remembers_the_bucket_that_the_hash_says(void **state)
{
    (void)state;
    uint32_t expected[2];
    static const char *const salts[] = {"first", "second"};
    for (size_t i = 0; i < ARRAY_LEN(salts); i++) {
        route_chain_clear(&stand.route);
        stand_add(&stand, "user_context", "buckets", MANY_BUCKETS, "by", "header", "salt", salts[i], NULL);
        expected[i] = bucket_of_user("acme");
    }
    assert_int_not_equal(expected[0], expected[1]);
    for (size_t last = 0; last < ARRAY_LEN(salts); last++) {
        route_chain_clear(&stand.route);
        add_auth(NULL, NULL);
        stand_add(&stand, "user_context", "buckets", MANY_BUCKETS, "salt", salts[1 - last], NULL);
        stand_add(&stand, "user_context", "buckets", MANY_BUCKETS, "salt", salts[last], NULL);
        for (int round = 0; round < 3; round++) {
            assert_int_equal(enter(GET "X-API-Key: " KEY "\r\n"), VERDICT_NEXT);
            assert_int_equal(stand.request->identity.bucket_index, expected[last]);
        }
    }
}

static void believes_no_memo_of_another_text(void **state)
{
    (void)state;
    add_auth(NULL, NULL);
    stand_add(&stand, "user_context", "buckets", MANY_BUCKETS, NULL);
    assert_int_equal(enter(GET "X-API-Key: " KEY "\r\n"), VERDICT_NEXT);
    uint32_t expected = stand.request->identity.bucket_index;
    struct key_memo *memo = stand.request->identity.memo;
    assert_ptr_equal(memo->text, stand.request->identity.tenant.ptr);
    memo->text = "another";
    memo->number = (expected + 1) % 16;
    assert_int_equal(enter(GET "X-API-Key: " KEY "\r\n"), VERDICT_NEXT);
    assert_int_equal(stand.request->identity.bucket_index, expected);
}

static void a_request_without_a_subject_goes_to_the_first_bucket(void **state)
{
    (void)state;
    stand_add(&stand, "user_context", "buckets", "[safe, bold]", "weights", "[0, 1]", "by", "header", NULL);
    enter(GET);
    expect_slice(stand.request->identity.bucket, "safe");
    enter(GET "X-User-Id: u\r\n");
    expect_slice(stand.request->identity.bucket, "bold");
}

static void splits_single_requests_even_without_names(void **state)
{
    (void)state;
    stand_add(&stand, "user_context", "buckets", "[a, b]", "by", "request", NULL);
    uint32_t second = 0;
    for (int i = 0; i < 200; i++) {
        enter(GET);
        second += stand.request->identity.bucket_index;
    }
    assert_in_range(second, 60, 140);
}

static void shows_tenant_and_bucket_when_asked(void **state)
{
    (void)state;
    add_auth(NULL, NULL);
    stand_add(&stand, "user_context", "buckets", "[only]", "response_headers", "true", NULL);
    enter(GET "X-API-Key: " KEY "\r\n");
    chain_response_head(stand.request);
    expect_slice(stand_field(&stand, "X-Weir-Tenant"), "acme");
    expect_slice(stand_field(&stand, "X-Weir-Bucket"), "only");
    route_chain_clear(&stand.route);
    stand_add(&stand, "user_context", "buckets", "[only]", NULL);
    enter(GET);
    chain_response_head(stand.request);
    assert_null(stand_field(&stand, "X-Weir-Bucket").ptr);
}

static void refuses_buckets_that_cannot_be_meant(void **state)
{
    (void)state;
    assert_int_equal(stand_add(&stand, "user_context", "buckets", "[a, b]", "weights", "[1]", NULL), ERR_INVALID);
    assert_string_equal(stand.fault, "weights has 1 numbers for 2 buckets");
    assert_int_equal(stand_add(&stand, "user_context", "buckets", "[a, b]", "weights", "[0, 0]", NULL), ERR_INVALID);
    assert_string_equal(stand.fault, "weights are all 0: no bucket would be taken");
    assert_int_equal(stand_add(&stand, "user_context", "buckets", "[a, a]", NULL), ERR_INVALID);
    assert_string_equal(stand.fault, "bucket \"a\" is named twice");
    assert_int_equal(stand_add(&stand, "user_context", "buckets", "[a b]", NULL), ERR_INVALID);
    assert_string_equal(stand.fault, "bucket \"a b\" must be 1 to 32 letters, digits or hyphens");
    assert_int_equal(stand_add(&stand, "user_context", "weights", "[1]", NULL), ERR_INVALID);
    assert_int_equal(stand_add(&stand, "user_context", "buckets", "[a]", "by", "header", "header", "X User", NULL),
                     ERR_INVALID);
    assert_string_equal(stand.fault, "header \"X User\" is no name of a header field");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_a_well_formed_request_id),
        TEST(makes_a_request_id_of_16_hex_digits),
        TEST(passes_over_a_request_id_that_could_do_harm),
        TEST(takes_no_request_id_without_trust),
        TEST(logs_what_the_request_was_and_how_it_ended),
        TEST(takes_a_relative_log_path_from_the_folder_of_the_configuration),
        TEST(counts_a_line_that_the_log_has_no_room_for),
        TEST(logs_a_client_that_went_away_as_499),
        TEST(counts_requests_by_status_and_what_is_in_flight),
        TEST(does_without_meters),
        TEST(tells_what_the_phases_of_a_run_took),
        TEST(tells_no_phases_of_a_run_that_was_not_needed),
        TEST(tells_the_total_of_what_ran_no_model),
        TEST(gives_way_where_there_is_no_room_for_a_field),
        TEST(lets_in_who_has_a_key),
        TEST(refuses_who_has_none_with_a_challenge),
        TEST(refuses_a_wrong_key),
        TEST(refuses_another_scheme),
        TEST(refuses_two_different_keys),
        TEST(lets_in_listed_tenants_only),
        TEST(says_which_keys_file_is_missing),
        TEST(puts_a_subject_into_the_same_bucket_for_ever),
        TEST(splits_by_weight),
        TEST(another_salt_splits_another_way),
        TEST(remembers_the_bucket_that_the_hash_says),
        TEST(believes_no_memo_of_another_text),
        TEST(a_request_without_a_subject_goes_to_the_first_bucket),
        TEST(splits_single_requests_even_without_names),
        TEST(shows_tenant_and_bucket_when_asked),
        TEST(refuses_buckets_that_cannot_be_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
