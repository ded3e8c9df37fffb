/* SPDX-License-Identifier: Apache-2.0 */
#include "load/inputs.h"

#include "lib/sys/file.h"

void load_inputs_init(struct load_inputs *inputs, struct arena *arena)
{
    *inputs = (struct load_inputs){.arena = arena};
}

enum err load_inputs_add_word(struct load_inputs *inputs, struct slice word)
{
    if (inputs->word_count == LOAD_WORDS_MAX)
        return ERR_LIMIT;
    struct slice copy = arena_copy(inputs->arena, word);
    if (!copy.ptr)
        return ERR_NOMEM;
    inputs->words[inputs->word_count++] = copy;
    return ERR_OK;
}

enum err load_inputs_place_file(struct load_inputs *inputs, struct slice path, size_t bytes, char **ret_place)
{
    if (inputs->file_count == LOAD_INPUTS_MAX || bytes > LOAD_INPUTS_BYTES_MAX - inputs->file_bytes)
        return ERR_LIMIT;
    struct slice name = arena_copy(inputs->arena, path);
    char *place = arena_alloc(inputs->arena, bytes + 1);
    if (!name.ptr || !place)
        return ERR_NOMEM;
    place[bytes] = '\0';
    inputs->files[inputs->file_count++] = (struct load_input){name, {place, bytes}};
    inputs->file_bytes += bytes;
    *ret_place = place;
    return ERR_OK;
}

enum err load_inputs_add_file(struct load_inputs *inputs, struct slice path, struct slice content)
{
    char *place;
    TRY(load_inputs_place_file(inputs, path, content.len, &place));
    (void)slice_put(place, content);
    return ERR_OK;
}

static const struct load_input *find(const struct load_inputs *inputs, struct slice path)
{
    for (uint32_t i = 0; i < inputs->file_count; i++)
        if (slice_equal(inputs->files[i].path, path))
            return &inputs->files[i];
    return NULL;
}

static enum err read_from_disk(struct load_inputs *inputs, struct slice path, size_t bytes_max)
{
    struct file_content content;
    struct slice name = arena_copy(inputs->arena, path); /* for its NUL */
    if (!name.ptr)
        return ERR_NOMEM;
    TRY(file_read(name.ptr, bytes_max, &content));
    enum err err = load_inputs_add_file(inputs, path, slice_of(content.data, content.bytes));
    file_content_deinit(&content);
    return err;
}

enum err load_inputs_read(struct load_inputs *inputs, struct slice path, size_t bytes_max, struct slice *ret_content)
{
    const struct load_input *file = find(inputs, path);
    if (!file && inputs->is_closed)
        return ERR_NOT_FOUND;
    if (!file) {
        TRY(read_from_disk(inputs, path, bytes_max));
        file = &inputs->files[inputs->file_count - 1];
    }
    if (file->content.len > bytes_max)
        return ERR_LIMIT;
    *ret_content = file->content;
    return ERR_OK;
}
