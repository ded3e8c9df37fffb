/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/fault.h"

static struct slice last_name(struct slice path)
{
    const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
    return slash ? slice_skip(path, (size_t)(slash + 1 - path.ptr)) : path;
}

/* How much of the text is `folder` and a slash; 0: it is something else. */
static size_t measure_folder(struct slice text, struct slice folder)
{
    bool is_folder = folder.len && text.len > folder.len && slice_starts(text, folder) && text.ptr[folder.len] == '/';
    return is_folder ? folder.len + 1 : 0;
}

/* How much of a text that begins with a name of a file is not to be told. */
static size_t measure_hidden(const struct config *config, struct slice text)
{
    const struct schemas_config *schemas = &config->schemas;
    size_t bytes = measure_folder(text, schemas->folder_shown);
    if (!bytes)
        bytes = measure_folder(text, schemas->folder);
    if (!bytes && schemas->folder_uri.len && slice_starts(text, schemas->folder_uri))
        bytes = schemas->folder_uri.len;
    if (bytes || !slice_starts(text, SLICE_LIT("file:///")))
        return bytes;
    for (size_t i = 0; i < text.len && !strchr(" \"',;)#", text.ptr[i]); i++)
        if (text.ptr[i] == '/')
            bytes = i + 1;
    return bytes;
}

static bool may_stand_in_name(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || strchr("_./-", c);
}

static void add_message(const struct config *config, struct slice message, struct text *out)
{
    bool is_begin = true;
    while (message.len) {
        size_t hidden = is_begin ? measure_hidden(config, message) : 0;
        message = slice_skip(message, hidden);
        if (hidden && message.len == 0)
            return;
        is_begin = !may_stand_in_name(message.ptr[0]);
        text_add(out, slice_first(message, 1));
        message = slice_skip(message, 1);
    }
}

void fault_format(const struct config *config, const struct report *report, const struct report_note *note,
                  struct text *out)
{
    struct slice path = note->path.len ? note->path : report->path;
    size_t hidden = measure_hidden(config, path);
    text_add(out, hidden ? slice_skip(path, hidden) : last_name(path));
    if (note->place.line)
        text_printf(out, ":%u:%u", note->place.line, note->place.column);
    text_add(out, SLICE_LIT(": "));
    add_message(config, note->message, out);
}
