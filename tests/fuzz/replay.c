/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files: every input of the corpus and every input that ever crashed it, without libFuzzer.
 * Arguments are files or folders. An empty folder fails: a corpus that went missing must not pass silently. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    struct stat status;
    if (fstat(fileno(file), &status) != 0) {
        perror(path);
        exit(1);
    }
    /* An exact allocation, so that AddressSanitizer sees the first byte read past the input. */
    size_t bytes = (size_t)status.st_size;
    uint8_t *data = malloc(bytes ? bytes : 1);
    if (!data || fread(data, 1, bytes, file) != bytes) {
        perror(path);
        exit(1);
    }
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, bytes);
    free(data);
    return 1;
}

static size_t run_path(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(status.st_mode))
        return run_file(path);
    DIR *folder = opendir(path);
    size_t count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char child[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        count += run_path(child);
    }
    if (folder)
        closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += run_path(argv[i]);
    printf("%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
