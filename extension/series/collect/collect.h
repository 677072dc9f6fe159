/*
 * collect.h
 *	  tally.collect(): the aggregate that puts rows of a table or query into a
 *	  panel; see collect.c.
 */
#ifndef TALLY_COLLECT_H
#define TALLY_COLLECT_H

#include "lib/stringinfo.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "series/panel/panel.h"

/*
 * Where values come from: a column of the rows, or what stands in it at a path
 * when it is jsonb or json.
 */
typedef struct CollectColumn
{
	const char *column; /* its name, not quoted */
	Oid type;			/* of the column, below any domain */
	Oid collation;
	int npath; /* 0: the column itself */
	char **path;
} CollectColumn;

/*
 * A measure.  With a path its values are numbers of JSON as numeric, when
 * def.type says so, or the text that #>> gives, when it says text: anything
 * that is no number is then skipped, and counted (tally_panel_rejected).
 */
typedef struct CollectMeasure
{
	TallyMeasure def;
	bool of_rows; /* count(*): "from" means nothing */
	CollectColumn from;
} CollectMeasure;

/* What becomes of rows whose group is not among the members. */
typedef enum CollectOthers
{
	COLLECT_OTHERS_NEW,	 /* it is one more group */
	COLLECT_OTHERS_DROP, /* they are left out */
	COLLECT_OTHERS_ONE,	 /* all are one group, tally_panel_other_group() */
	COLLECT_OTHERS__COUNT
} CollectOthers;

typedef struct CollectSpec
{
	const TallyGrid *grid;
	const char *axis; /* a column: timestamptz; or timestamp or date, which
					   * are on the clock that the grid is of */
	Oid axis_type;	  /* below any domain */
	int nmeasures;
	const CollectMeasure *measures;
	int nkeys;
	const CollectColumn *keys;
	const TallyKey *key_defs; /* text for a path */
	/*
	 * A panel of the same keys: its groups are there from the start, in the
	 * order of their numbers.  NULL: none.
	 */
	TallyPanel *members;
	CollectOthers others;
	bool as_record; /* the rows may be in shards: see collect_record.c */
} CollectSpec;

/*
 * Appends the call "tally.collect(...)" over the alias "q" to "sql".  Its one
 * parameter is number "n", of type *type; *value is made in the current
 * context.  The call is an aggregate for tally_panel_from_query(); when not a
 * single row came it gives NULL, and tally_collect_empty() is the answer.
 *
 * A row whose axis is null, or outside of the range of the grid, adds nothing,
 * not even its group: the query needs no condition on the axis unless an index
 * or partitions can make use of it.
 */
extern void tally_collect_call(StringInfo sql, const CollectSpec *spec, int n,
							   Oid *type, Datum *value);

/* The panel before any row: the members, and no value. */
extern TallyPanel *tally_collect_empty(MemoryContext parent,
									   const CollectSpec *spec);

/* The midnight of a date, on the clock that the grid is of. */
static inline TimestampTz
tally_date_instant(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return DT_NOBEGIN;
	if (DATE_IS_NOEND(date))
		return DT_NOEND;
	return (TimestampTz) date * USECS_PER_DAY;
}

#endif
