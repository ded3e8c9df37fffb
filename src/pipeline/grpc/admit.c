/* SPDX-License-Identifier: Apache-2.0 */
/* What the head of a request says of the messages to come. */
#include "pipeline/flow.h"
#include "pipeline/grpc/grpc_int.h"

#define CODINGS_TAKEN "identity,gzip,deflate"

static void read_timeout(struct request *request);
static bool read_coding(struct request *request, struct grpc_call *call);
static enum coding choose_coding(const struct request *request, const struct grpc_call *call);

bool grpc_is_request(const struct request *request)
{
    return request->head.version_major == 2 && grpc_is_content_type(request_header(request, HTTP_FIELD_CONTENT_TYPE));
}

/* PROTOCOL-HTTP2.md: another media type is answered with 415, so that whoever speaks no gRPC can see what is wrong. */
static void refuse(struct request *request)
{
    if (request->head.version_major != 2) {
        (void)request_fail(request, PROBLEM_VERSION_NOT_SUPPORTED,
                           "Remote procedures are called by gRPC over HTTP/2; this is HTTP/1.");
        return;
    }
    response_field_add(request, "Accept", SLICE_LIT(GRPC_CONTENT_TYPE));
    (void)request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "Remote procedures are called by gRPC: Content-Type is to be " GRPC_CONTENT_TYPE ".");
}

void grpc_admit(struct request *request)
{
    if (!grpc_is_request(request)) {
        refuse(request);
        return;
    }
    struct slice subtype = grpc_content_subtype(request_header(request, HTTP_FIELD_CONTENT_TYPE));
    struct grpc_call *call = arena_alloc_zero(&request->arena, sizeof *call);
    request->grpc = call;
    if (call)
        call->request = request;
    if (!call) {
        (void)request_fail_memory(request);
    } else if (subtype.len && !slice_equal_nocase(subtype, SLICE_LIT("proto"))) {
        (void)request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                           "Messages are taken as Protocol Buffers only, not as \"" SLICE_FMT "\".",
                           SLICE_ARG(slice_first(subtype, 40)));
    } else if (read_coding(request, call)) {
        call->response_coding = choose_coding(request, call);
        read_timeout(request);
    }
}

static struct slice header_named(const struct request *request, struct slice name)
{
    const struct http_header *header = http_head_find_name(&request->head, name);
    return header ? header->value : (struct slice){NULL, 0};
}

static void read_timeout(struct request *request)
{
    struct slice text = header_named(request, SLICE_LIT("grpc-timeout"));
    uint64_t timeout_ns;
    if (!text.ptr)
        return;
    if (grpc_timeout_parse(text, &timeout_ns) != ERR_OK) {
        (void)request_fail(request, PROBLEM_BAD_REQUEST, "grpc-timeout is \"" SLICE_FMT "\", which is no time.",
                           SLICE_ARG(slice_first(text, 40)));
        return;
    }
    request->inference.timeout_ns = MAX(timeout_ns, 1);
    flow_set_deadline(request, request->begin_ns + timeout_ns);
}

static bool is_taken(enum coding coding)
{
    return coding == CODING_IDENTITY || coding == CODING_GZIP || coding == CODING_DEFLATE;
}

static enum err parse_coding(struct slice text, enum coding *ret_coding)
{
    enum coding coding = CODING_IDENTITY;
    if (!slice_equal_nocase(text, SLICE_LIT("identity")))
        TRY(coding_parse(text, &coding));
    if (!is_taken(coding))
        return ERR_UNSUPPORTED;
    *ret_coding = coding;
    return ERR_OK;
}

/* compression.md: a coding that the server does not know is UNIMPLEMENTED, with the ones that it does. */
static bool read_coding(struct request *request, struct grpc_call *call)
{
    struct slice text = header_named(request, SLICE_LIT("grpc-encoding"));
    if (!text.ptr || parse_coding(text, &call->request_coding) == ERR_OK)
        return true;
    response_field_add(request, "grpc-accept-encoding", SLICE_LIT(CODINGS_TAKEN));
    (void)request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                       "grpc-encoding \"" SLICE_FMT "\" is not taken, only " CODINGS_TAKEN ".",
                       SLICE_ARG(slice_first(text, 40)));
    return false;
}

/* Whoever compresses wants to be answered so, if he says that he can read it. */
static enum coding choose_coding(const struct request *request, const struct grpc_call *call)
{
    struct slice rest = header_named(request, SLICE_LIT("grpc-accept-encoding"));
    while (rest.ptr && call->request_coding != CODING_IDENTITY)
        if (slice_equal_nocase(slice_trim(slice_cut(&rest, ',')), slice_of_text(coding_name(call->request_coding))))
            return call->request_coding;
    return CODING_IDENTITY;
}
