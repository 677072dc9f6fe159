/*
 * keys_file.h
 *	  A snapshot of the keys in a file: hashes only, mode 0600.
 */
#ifndef TALLY_KEYS_FILE_H
#define TALLY_KEYS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"

/* Replaces the file as a whole.  A failure is logged. */
bool keys_file_save(const char *path, const struct snapshot *snap);

/*
 * The file's snapshot, at the age it has now, for whoever calls to free.  NULL
 * when there is no file, or none that is whole: logged unless it is missing.
 */
struct snapshot *keys_file_load(const char *path, int64_t now_ms,
								int64_t wall_ms);

#endif
