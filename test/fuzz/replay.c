/* Runs a fuzz target on every file of the folders given: replay FOLDER… Fails if there is none, for that would test nothing. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

#define PATH_SIZE_MAX  4096
#define INPUT_SIZE_MAX (1024 * 1024)

/* The input is a block of exactly its size, so that the sanitizer sees a byte read past its end. */
static int replay_file(const char *path)
{
        static uint8_t buffer[INPUT_SIZE_MAX];
        FILE *file = fopen(path, "rb");
        uint8_t *input;
        size_t size;

        if (!file) {
                perror(path);
                return -1;
        }
        size = fread(buffer, 1, sizeof(buffer), file);
        fclose(file);
        input = malloc(size + (size == 0));
        if (!input)
                return -1;
        for (size_t i = 0; i < size; i++)
                input[i] = buffer[i];
        LLVMFuzzerTestOneInput(input, size);
        free(input);
        return 0;
}

/* The number of inputs replayed; -1 if one could not be read. */
static int replay_folder(const char *folder)
{
        DIR *directory = opendir(folder);
        struct dirent *entry;
        int count = 0;

        if (!directory) {
                perror(folder);
                return -1;
        }
        while (count >= 0 && (entry = readdir(directory))) {
                char path[PATH_SIZE_MAX];
                struct stat status;

                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
                        count = replay_file(path) == 0 ? count + 1 : -1;
        }
        closedir(directory);
        return count;
}

int main(int argc, char **argv)
{
        int total = 0;

        for (int i = 1; i < argc; i++) {
                int count = replay_folder(argv[i]);

                if (count < 0)
                        return 1;
                total += count;
        }
        printf("replayed=%d\n", total);
        return total > 0 ? 0 : 1;
}
