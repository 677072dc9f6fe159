/*
 * json_out.c
 *	  Writes JSON, and refuses what would not be JSON.
 */
#include "json_out.h"

#include <string.h>

void
json_begin(struct json_out *json, struct buf *out, bool pretty)
{
	*json = (struct json_out){.out = out, .pretty = pretty};
}

static void
new_line(struct json_out *json)
{
	int i;

	buf_char(json->out, '\n');
	for (i = 0; i < json->depth; i++)
		buf_str(json->out, "  ");
}

/* before_item -- the comma and the line in front of a key or an element. */
static void
before_item(struct json_out *json)
{
	if (json->has_items[json->depth])
		buf_char(json->out, ',');
	json->has_items[json->depth] = true;
	if (json->pretty && json->depth > 0)
		new_line(json);
}

/* before_value -- is a value allowed here?  Writes what stands in front. */
static bool
before_value(struct json_out *json)
{
	const bool is_second = json->depth == 0 && json->has_items[0];

	if (json->bad || is_second ||
		(json->in_object[json->depth] && !json->after_key))
	{
		json->bad = true;
		return false;
	}
	if (!json->after_key)
		before_item(json);
	json->after_key = false;
	return true;
}

static void
open_nest(struct json_out *json, bool is_object)
{
	if (!before_value(json))
		return;
	if (json->depth == JSON_MAX_DEPTH)
	{
		json->bad = true;
		return;
	}
	buf_char(json->out, is_object ? '{' : '[');
	json->depth++;
	json->in_object[json->depth] = is_object;
	json->has_items[json->depth] = false;
}

static void
close_nest(struct json_out *json, bool is_object)
{
	bool had_items;

	if (json->bad || json->depth == 0 || json->after_key ||
		json->in_object[json->depth] != is_object)
	{
		json->bad = true;
		return;
	}
	had_items = json->has_items[json->depth];
	json->depth--;
	if (json->pretty && had_items)
		new_line(json);
	buf_char(json->out, is_object ? '}' : ']');
}

void
json_object(struct json_out *json)
{
	open_nest(json, true);
}

void
json_object_end(struct json_out *json)
{
	close_nest(json, true);
}

void
json_array(struct json_out *json)
{
	open_nest(json, false);
}

void
json_array_end(struct json_out *json)
{
	close_nest(json, false);
}

/*
 * utf8_length -- bytes of the character at "p", 0 when it is not UTF-8.
 *
 * Overlong forms, surrogates and what lies above U+10FFFF are not.
 */
static size_t
utf8_length(const unsigned char *p, size_t len)
{
	size_t n = *p < 0xc2   ? 0
			   : *p < 0xe0 ? 2
			   : *p < 0xf0 ? 3
			   : *p < 0xf5 ? 4
						   : 0;
	size_t i;

	if (*p < 0x80)
		return 1;
	if (n == 0 || n > len)
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
		(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void
put_escaped(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *which = c != '\0' ? strchr(from, c) : NULL;

	buf_char(out, '\\');
	if (which != NULL)
	{
		buf_char(out, to[which - from]);
		return;
	}
	buf_str(out, "u00");
	buf_char(out, hex[c >> 4]);
	buf_char(out, hex[c & 15]);
}

static void
put_string(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *) text;
	size_t i = 0;

	buf_char(out, '"');
	while (i < len)
	{
		size_t n = utf8_length(p + i, len - i);

		if (n == 0)
		{
			buf_str(out, "\xef\xbf\xbd");
			i++;
			continue;
		}
		if (n == 1 && (p[i] < 0x20 || p[i] == '"' || p[i] == '\\'))
			put_escaped(out, p[i]);
		else
			buf_append(out, p + i, n);
		i += n;
	}
	buf_char(out, '"');
}

void
json_key_n(struct json_out *json, const char *key, size_t len)
{
	if (json->bad || !json->in_object[json->depth] || json->after_key)
	{
		json->bad = true;
		return;
	}
	before_item(json);
	put_string(json->out, key, len);
	buf_str(json->out, json->pretty ? ": " : ":");
	json->after_key = true;
}

void
json_key(struct json_out *json, const char *key)
{
	json_key_n(json, key, strlen(key));
}

void
json_string_n(struct json_out *json, const char *text, size_t len)
{
	if (before_value(json))
		put_string(json->out, text, len);
}

void
json_string(struct json_out *json, const char *text)
{
	json_string_n(json, text, strlen(text));
}

void
json_raw(struct json_out *json, const char *text, size_t len)
{
	if (before_value(json))
		buf_append(json->out, text, len);
}

void
json_int(struct json_out *json, int64_t value)
{
	if (before_value(json))
		buf_int(json->out, value);
}

void
json_bool(struct json_out *json, bool value)
{
	if (before_value(json))
		buf_str(json->out, value ? "true" : "false");
}

void
json_null(struct json_out *json)
{
	if (before_value(json))
		buf_str(json->out, "null");
}

bool
json_done(const struct json_out *json)
{
	return !json->bad && json->depth == 0 && json->has_items[0] &&
		   !json->out->failed;
}
