/*
 * json_canon.c
 *	  One text for requests that mean the same.
 *
 * The text is written to the buffer as it is read.  When an object ends, its
 * members stand there one after the other; unless they are in order already,
 * they are put in order by way of a copy.  An object of depth d is so copied
 * at most d times, each at the speed of memcpy().
 */
#include "json_canon.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../extension/contract.h"

/* A member as it stands in the buffer: "name":value, without commas. */
struct member
{
	size_t at;
	size_t name_len; /* with its quotes */
	size_t len;
};

struct canon
{
	const char *at;
	const char *end;
	struct buf *out;
	struct member *members; /* a stack: of all objects that are open */
	size_t nmembers;
	size_t room;
	int depth;
};

static void put_value(struct canon *canon);

static char
next(struct canon *canon)
{
	while (canon->at < canon->end && strchr(" \t\r\n", *canon->at) != NULL)
		canon->at++;
	return canon->at < canon->end ? *canon->at : '\0';
}

static void
put_string(struct canon *canon)
{
	const char *from = canon->at++;

	while (canon->at < canon->end && *canon->at != '"')
		canon->at += *canon->at == '\\' ? 2 : 1;
	canon->at++;
	if (canon->at > canon->end)
		canon->at = canon->end;
	buf_append(canon->out, from, (size_t) (canon->at - from));
}

/* put_word -- a number, true, false or null. */
static void
put_word(struct canon *canon)
{
	const char *from = canon->at;

	while (canon->at < canon->end && strchr(" \t\r\n,]}", *canon->at) == NULL)
		canon->at++;
	if (canon->at == from) /* not JSON: still, never stand still */
		canon->at++;
	buf_append(canon->out, from, (size_t) (canon->at - from));
}

static void
put_array(struct canon *canon)
{
	canon->at++;
	buf_char(canon->out, '[');
	while (next(canon) != ']' && canon->at < canon->end)
	{
		put_value(canon);
		if (next(canon) == ',')
		{
			canon->at++;
			buf_char(canon->out, ',');
		}
	}
	canon->at++;
	buf_char(canon->out, ']');
}

/* ------------------------------------------------------------------------
 * Objects
 */

static bool
remember(struct canon *canon, struct member member)
{
	if (canon->nmembers == canon->room)
	{
		size_t room = canon->room > 0 ? canon->room * 2 : 32;
		struct member *members =
			realloc(canon->members, room * sizeof(*members));

		if (members == NULL)
		{
			canon->out->failed = true;
			return false;
		}
		canon->members = members;
		canon->room = room;
	}
	canon->members[canon->nmembers++] = member;
	return true;
}

static int
compare_names(const char *data, const struct member *a, const struct member *b)
{
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(data + a->at, data + b->at, len);

	if (order != 0 || a->name_len == b->name_len)
		return order;
	return a->name_len < b->name_len ? -1 : 1;
}

/*
 * sort -- by name, and where names are the same by place: a merge sort, as
 * qsort() is not stable and cannot be given the text.
 */
static void
sort(const char *data, struct member *members, struct member *scrap, size_t n)
{
	const size_t half = n / 2;
	size_t a = 0;
	size_t b = half;
	size_t to = 0;

	if (n < 2)
		return;
	sort(data, members, scrap, half);
	sort(data, members + half, scrap, n - half);
	memcpy(scrap, members, n * sizeof(*members));
	while (a < half || b < n)
	{
		bool take_a =
			b == n ||
			(a < half && compare_names(data, &scrap[a], &scrap[b]) <= 0);

		members[to++] = take_a ? scrap[a++] : scrap[b++];
	}
}

static bool
is_sorted(const char *data, const struct member *members, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (compare_names(data, &members[i - 1], &members[i]) >= 0)
			return false;
	return true;
}

/*
 * order_members -- the object that begins at "begin" and whose members, with
 * commas, are the rest of the buffer.
 */
static void
order_members(struct canon *canon, size_t begin, struct member *members,
			  size_t n)
{
	struct buf *out = canon->out;
	const size_t len = out->len - begin;
	struct member *scrap;
	char *copy;
	size_t i;

	if (out->failed || is_sorted(out->data, members, n))
		return;
	scrap = malloc(n * sizeof(*scrap));
	copy = malloc(len);
	if (scrap == NULL || copy == NULL)
	{
		out->failed = true;
		goto done;
	}
	sort(out->data, members, scrap, n);
	memcpy(copy, out->data + begin, len);
	out->len = begin;
	for (i = 0; i < n; i++)
	{
		const struct member *m = &members[i];

		/* names are compared in the copy: the buffer is being written */
		if (i + 1 < n && members[i + 1].name_len == m->name_len &&
			memcmp(copy + (members[i + 1].at - begin),
				   copy + (m->at - begin),
				   m->name_len) == 0)
			continue;
		if (out->len > begin)
			buf_char(out, ',');
		buf_append(out, copy + (m->at - begin), m->len);
	}

done:
	free(copy);
	free(scrap);
}

static void
put_object(struct canon *canon)
{
	const size_t first = canon->nmembers;
	size_t begin;

	canon->at++;
	buf_char(canon->out, '{');
	begin = canon->out->len;
	while (next(canon) == '"')
	{
		struct member member = {.at = canon->out->len};

		put_string(canon);
		member.name_len = canon->out->len - member.at;
		if (next(canon) == ':')
			canon->at++;
		buf_char(canon->out, ':');
		put_value(canon);
		member.len = canon->out->len - member.at;
		if (!remember(canon, member))
			return;
		if (next(canon) == ',')
		{
			canon->at++;
			buf_char(canon->out, ',');
		}
	}
	canon->at++;
	if (canon->nmembers > first + 1)
		order_members(canon,
					  begin,
					  canon->members + first,
					  canon->nmembers - first);
	canon->nmembers = first;
	buf_char(canon->out, '}');
}

/* put_value -- recursive, as deep as the checker has allowed. */
static void
put_value(struct canon *canon)
{
	const char c = next(canon);

	if (canon->out->failed || ++canon->depth > TALLY_MAX_JSON_DEPTH + 1)
	{
		canon->out->failed = true;
		canon->at = canon->end;
		return;
	}
	if (c == '{')
		put_object(canon);
	else if (c == '[')
		put_array(canon);
	else if (c == '"')
		put_string(canon);
	else
		put_word(canon);
	canon->depth--;
}

void
json_canon(struct buf *out, const char *text, size_t len)
{
	struct canon canon = {.at = text, .end = text + len, .out = out};

	put_value(&canon);
	free(canon.members);
}
