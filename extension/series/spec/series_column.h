/*
 * series_column.h
 *	  A column of a source, or a path into one that holds JSON.
 *
 *	  price						the column price
 *	  properties.user.country	what stands at {user,country} in properties
 *	  properties."a.b".0		members in quotes where they hold dots; a number
 *								is also an index of a list
 *
 * Members are case-sensitive.
 */
#ifndef TALLY_SERIES_COLUMN_H
#define TALLY_SERIES_COLUMN_H

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"

#include "series/spec/series_source.h"

typedef struct SeriesColumn
{
	char *name;	  /* as the caller wrote it */
	char *column; /* of the source, not quoted */
	Oid type;	  /* of the column, below any domain */
	Oid collation;
	int npath; /* 0: the column itself; otherwise it is jsonb or json */
	char **path;
} SeriesColumn;

/*
 * The column or path that all of "text" is.  What is exactly the name of a
 * column is that column, even with dots in it.  42703 where the column is not
 * there, 42804 for a path into what is not JSON, 22023 for what is neither.
 */
extern void series_column_find(const SeriesSource *source, const char *text,
							   SeriesColumn *c);

/*
 * The same for an expression at "p", in which an unquoted column is folded to
 * lower case as in SQL.  Returns where it ends, or NULL where there is none.
 */
extern char *series_column_read(const SeriesSource *source, char *p,
								SeriesColumn *c);

/* An identifier at "p", quoted or folded; where it ends, NULL for none. */
extern char *series_name_read(char *p, char **name);

static inline bool
series_column_is_json(const SeriesColumn *c)
{
	return c->type == JSONBOID || c->type == JSONOID;
}

/*
 * Appends an expression over the alias "q" that gives the value: of a path as
 * jsonb (not null, but a JSON null, where the member is null) and as text.
 */
extern void series_column_sql(StringInfo sql, const SeriesColumn *c,
							  SeriesParams *params);
extern void series_column_sql_text(StringInfo sql, const SeriesColumn *c,
								   SeriesParams *params);

#endif
