/*-------------------------------------------------------------------------
 *
 * path.c
 *	  A property of an event: from a dotted path to its value.
 *
 * Events are read a million at a time, so a path is taken apart once, and each
 * of its parts is looked for where it was in the event before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "contract.h"
#include "filter/describe.h"
#include "filter/path.h"
#include "json/member.h"
#include "sqlstate.h"

#define ERRCODE_TALLY_PROPERTY_NAME TALLY_SQLSTATE(TALLY_ERR_PROPERTY_NAME)

/* What the store keeps in columns; everything else is in the document. */
static const struct
{
	const char *text;
	TallyPathSource source;
} columns[] = {
	{"keen.timestamp", TALLY_PATH_AT},
	{"keen.created_at", TALLY_PATH_RECEIVED_AT},
	{"keen.id", TALLY_PATH_ID},
};

/* check_part -- refuse a name that no property can have. */
static void
check_part(const TallyPath *path, const TallyPathPart *part, const char *what)
{
	if (part->len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_PROPERTY_NAME),
				 errmsg("%s names a property with an empty part", what),
				 errdetail("The property given was %s.",
						   tally_describe_text(path->text, path->text_len)),
				 errhint("A path is names with single dots between them, "
						 "such as user.country.")));
	if (part->len > TALLY_MAX_PROPERTY_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_PROPERTY_NAME),
				 errmsg("%s names a property of more than %d bytes",
						what,
						TALLY_MAX_PROPERTY_NAME_BYTES),
				 errdetail("The name %s has %d bytes.",
						   tally_describe_text(part->name, part->len),
						   part->len)));
}

/* check_length -- refuse a path as a whole, before it is taken apart. */
static void
check_length(const char *text, int len, const char *what)
{
	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_PROPERTY_NAME),
				 errmsg("%s names no property: it is empty", what)));
	if (len > TALLY_MAX_PATH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_PROPERTY_NAME),
				 errmsg("%s names a property by a path of more than %d "
						"bytes",
						what,
						TALLY_MAX_PATH_BYTES),
				 errdetail("The path %s has %d bytes.",
						   tally_describe_text(text, len),
						   len)));
}

TallyPath *
tally_path_parse(const char *text, int len, const char *what)
{
	TallyPath *path;
	const char *start;
	int nparts = 1;

	check_length(text, len, what);

	for (int i = 0; i < len; i++)
		if (text[i] == '.')
			nparts++;

	path = palloc(offsetof(TallyPath, part) + nparts * sizeof(TallyPathPart));
	path->source = TALLY_PATH_PROPERTY;
	path->text = pnstrdup(text, len);
	path->text_len = len;
	path->nparts = nparts;

	start = path->text;
	for (int i = 0; i < nparts; i++)
	{
		const char *dot = strchr(start, '.');

		path->part[i].name = start;
		path->part[i].len = dot ? dot - start : (int) strlen(start);
		path->part[i].place = 0;
		check_part(path, &path->part[i], what);
		start += path->part[i].len + 1;
	}

	for (int i = 0; i < (int) lengthof(columns); i++)
		if (strcmp(path->text, columns[i].text) == 0)
			path->source = columns[i].source;

	return path;
}

/* set_string -- make *value the string of "len" bytes at "text". */
static bool
set_string(JsonbValue *value, char *text, int len)
{
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = len;
	return true;
}

/* lookup_column -- the text of a column, written where the event has room. */
static bool
lookup_column(const TallyPath *path, TallyEvent *event, JsonbValue *value)
{
	char *text;
	TimestampTz t;

	if (path->source == TALLY_PATH_ID)
	{
		static const char hex[] = "0123456789abcdef";
		int n = 0;

		if (!event->has_id)
			return false;
		for (int i = 0; i < UUID_LEN; i++)
		{
			if (i == 4 || i == 6 || i == 8 || i == 10)
				event->id_text[n++] = '-';
			event->id_text[n++] = hex[event->id.data[i] >> 4];
			event->id_text[n++] = hex[event->id.data[i] & 15];
		}
		return set_string(value, event->id_text, n);
	}

	if (!tally_path_instant(path, event, &t))
		return false;
	text = path->source == TALLY_PATH_AT ? event->at_text
										 : event->received_at_text;
	return set_string(value, text, tally_instant_text(t, text));
}

bool
tally_path_lookup(TallyPath *path, TallyEvent *event, JsonbValue *value)
{
	JsonbContainer *container = event->properties;

	if (path->source != TALLY_PATH_PROPERTY)
		return lookup_column(path, event, value);

	for (int i = 0; i < path->nparts; i++)
	{
		TallyPathPart *part = &path->part[i];

		if (container == NULL || !JsonContainerIsObject(container) ||
			!json_member(
				container, part->name, part->len, &part->place, value))
			return false;
		container = value->type == jbvBinary ? value->val.binary.data : NULL;
	}
	return true;
}

bool
tally_path_is_instant(const TallyPath *path)
{
	return path->source == TALLY_PATH_AT ||
		   path->source == TALLY_PATH_RECEIVED_AT;
}

bool
tally_path_instant(const TallyPath *path, const TallyEvent *event,
				   TimestampTz *t)
{
	if (path->source == TALLY_PATH_AT)
	{
		*t = event->at;
		return event->has_at;
	}
	*t = event->received_at;
	return event->has_received_at;
}

int
tally_instant_text(TimestampTz t, char *out)
{
	struct pg_tm tm;
	fsec_t fsec;

	if (TIMESTAMP_NOT_FINITE(t))
		return snprintf(out,
						TALLY_INSTANT_TEXT_BYTES,
						"%s",
						TIMESTAMP_IS_NOBEGIN(t) ? "-infinity" : "infinity");

	/* Without a zone asked for, it is broken down as UTC. */
	if (timestamp2tm(t, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return snprintf(out,
					TALLY_INSTANT_TEXT_BYTES,
					"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
					tm.tm_year,
					tm.tm_mon,
					tm.tm_mday,
					tm.tm_hour,
					tm.tm_min,
					tm.tm_sec,
					(int) (fsec / 1000));
}
