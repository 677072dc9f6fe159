/*
 * query_key.c
 *	  What is asked, as one text.
 */
#include "query_key.h"

#include <string.h>

#include "json_canon.h"

static void
put(struct buf *out, const char *text)
{
	buf_append(out, text, strlen(text) + 1);
}

size_t
query_key_build(struct buf *out, const char *project, const char *analysis,
				const char *json, size_t len, bool pretty)
{
	const size_t begin = out->len;
	size_t question;

	put(out, project);
	put(out, analysis);
	json_canon(out, json, len);
	buf_char(out, '\0');
	question = out->len - begin;
	put(out, pretty ? "true" : "false");
	return question;
}

void
query_key_parts(const char *key, const char *parts[QUERY_KEY__COUNT])
{
	int i;

	for (i = 0; i < QUERY_KEY__COUNT; i++)
	{
		parts[i] = key;
		key += strlen(key) + 1;
	}
}
