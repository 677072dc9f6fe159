/*-------------------------------------------------------------------------
 *
 * series_column.c
 *	  A column of a source, or a path into one that holds JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/scansup.h"
#include "utils/builtins.h"

#include "series/spec/series_column.h"

/* What ends an unquoted member of a path inside a measure. */
#define MEMBER_ENDS ".,()\" \t\n\r\f"

/*
 * read_quoted -- what is between double quotes, two of which stand for one.
 * Returns where it ends, or NULL when it never does or is empty.
 */
static char *
read_quoted(char *p, char **name)
{
	char *out = *name = palloc(strlen(p) + 1);

	for (p++; *p != '\0'; p++)
	{
		if (*p == '"' && *++p != '"')
		{
			*out = '\0';
			return out == *name ? NULL : p;
		}
		*out++ = *p;
	}
	return NULL;
}

char *
series_name_read(char *p, char **name)
{
	char *start = p;

	if (*p == '"')
		return read_quoted(p, name);
	while (isalnum((unsigned char) *p) || *p == '_' || *p == '$' ||
		   IS_HIGHBIT_SET(*p))
		p++;
	if (p == start)
		return NULL;
	*name = downcase_identifier(start, (int) (p - start), false, false);
	return p;
}

/*
 * read_members -- ".member.member ...", to where none of "ends" follows.
 * Returns where that is, or NULL when a member is missing.
 */
static char *
read_members(char *p, const char *ends, SeriesColumn *c)
{
	/* No more members than dots. */
	c->path = palloc((strlen(p) + 1) * sizeof(char *));
	while (*p == '.')
	{
		char **member = &c->path[c->npath++];

		if (*++p == '"')
		{
			if ((p = read_quoted(p, member)) == NULL)
				return NULL;
		}
		else
		{
			size_t len = strcspn(p, ends);

			if (len == 0)
				return NULL;
			*member = pnstrdup(p, len);
			p += len;
		}
	}
	return p;
}

/* resolve -- find the column, and see that a path can go into it. */
static void
resolve(const SeriesSource *source, SeriesColumn *c)
{
	SeriesSourceColumn found;

	if (!series_source_column(source, c->column, &found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of %s does not exist",
						c->column,
						source->shown)));
	c->type = found.type;
	c->collation = found.collation;
	if (c->npath > 0 && !series_column_is_json(c))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"%s\" is a path into column \"%s\", which is of "
						"type %s",
						c->name,
						c->column,
						format_type_be(c->type)),
				 errhint("A path goes into a column of type jsonb or json.")));
}

void
series_column_find(const SeriesSource *source, const char *text,
				   SeriesColumn *c)
{
	SeriesSourceColumn found;
	char *p = pstrdup(text);

	memset(c, 0, sizeof(*c));
	c->name = pstrdup(text);
	c->column = c->name;
	if (!series_source_column(source, text, &found))
	{
		size_t len = strcspn(p, ".");

		if (*p == '"')
			p = read_quoted(p, &c->column);
		else
		{
			c->column = pnstrdup(p, len);
			if (!series_source_column(source, c->column, &found))
				c->column = downcase_identifier(p, (int) len, false, false);
			p += len;
		}
		if (p == NULL || *c->column == '\0' ||
			(p = read_members(p, ".", c)) == NULL || *p != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is no column and no path", text),
					 errhint("Write column, or column.member for what is in "
							 "a column of JSON; quote names that hold dots: "
							 "column.\"a.b\".")));
		/* The error then names what was written. */
		if (c->npath == 0 && text[0] != '"')
			c->column = c->name;
	}
	resolve(source, c);
}

char *
series_column_read(const SeriesSource *source, char *p, SeriesColumn *c)
{
	char *start = p;

	memset(c, 0, sizeof(*c));
	if ((p = series_name_read(p, &c->column)) == NULL)
		return NULL;
	if ((p = read_members(p, MEMBER_ENDS, c)) == NULL)
		return NULL;
	c->name = c->npath == 0 ? c->column : pnstrdup(start, p - start);
	resolve(source, c);
	return p;
}

/* document_sql -- the column, as jsonb when it is json. */
static void
document_sql(StringInfo sql, const SeriesColumn *c)
{
	if (c->type == JSONOID)
		appendStringInfo(sql,
						 "q.%s::pg_catalog.jsonb",
						 quote_identifier(c->column));
	else
		appendStringInfo(sql, "q.%s", quote_identifier(c->column));
}

void
series_column_sql(StringInfo sql, const SeriesColumn *c, SeriesParams *params)
{
	if (c->npath == 0)
	{
		document_sql(sql, c);
		return;
	}
	appendStringInfoChar(sql, '(');
	document_sql(sql, c);
	appendStringInfo(sql,
					 " OPERATOR(pg_catalog.#>) $%d)",
					 series_params_add_path(params, c->path, c->npath));
}

void
series_column_sql_text(StringInfo sql, const SeriesColumn *c,
					   SeriesParams *params)
{
	if (c->npath == 0)
	{
		appendStringInfo(sql, "q.%s", quote_identifier(c->column));
		return;
	}
	appendStringInfo(sql,
					 "(q.%s OPERATOR(pg_catalog.#>>) $%d)",
					 quote_identifier(c->column),
					 series_params_add_path(params, c->path, c->npath));
}
