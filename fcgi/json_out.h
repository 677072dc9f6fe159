/*
 * json_out.h
 *	  Writes JSON, compact or indented, and refuses what would not be JSON.
 *
 * A key outside an object, a value without its key, an end that does not fit
 * its beginning: the writer is "bad" from there on and json_done() says so.
 * Strings are taken as UTF-8; bytes that are not become U+FFFD.
 */
#ifndef TALLY_JSON_OUT_H
#define TALLY_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define JSON_MAX_DEPTH 32

struct json_out
{
	struct buf *out;
	bool pretty;
	bool bad;
	bool after_key; /* a key was written, its value not yet */
	int depth;
	bool in_object[JSON_MAX_DEPTH + 1]; /* [0] is the document */
	bool has_items[JSON_MAX_DEPTH + 1];
};

void json_begin(struct json_out *json, struct buf *out, bool pretty);

void json_object(struct json_out *json);
void json_object_end(struct json_out *json);
void json_array(struct json_out *json);
void json_array_end(struct json_out *json);

void json_key(struct json_out *json, const char *key);
void json_key_n(struct json_out *json, const char *key, size_t len);
void json_string(struct json_out *json, const char *text);
void json_string_n(struct json_out *json, const char *text, size_t len);
void json_int(struct json_out *json, int64_t value);
void json_bool(struct json_out *json, bool value);
void json_null(struct json_out *json);

/* A value that is JSON already: trusted, not looked at. */
void json_raw(struct json_out *json, const char *text, size_t len);

/* True when exactly one whole document was written. */
bool json_done(const struct json_out *json);

#endif
