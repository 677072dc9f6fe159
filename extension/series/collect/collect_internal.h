/*
 * collect_internal.h
 *	  What collect.c knows of a row, for the files collect*.c alone.
 */
#ifndef TALLY_COLLECT_INTERNAL_H
#define TALLY_COLLECT_INTERNAL_H

#include "measure/measure.h"
#include "series/collect/collect.h"
#include "series/collect/json_at.h"

/* Arguments of the transition function. */
enum
{
	ARG_STATE,
	ARG_SPEC,
	ARG_AT,
	ARG_FIRST
};

/* How a value is had from the arguments of a row. */
typedef enum CollectHow
{
	HOW_ROW,		 /* there is a row: count(*) */
	HOW_COLUMN,		 /* the argument itself */
	HOW_JSONB_THERE, /* whatever stands at the path, for a count */
	HOW_JSONB_TEXT,
	HOW_JSONB_NUMBER,
	HOW_JSON_TEXT, /* the same two for type json; a count takes the text */
	HOW_JSON_NUMBER
} CollectHow;

typedef struct CollectRoute
{
	CollectHow how;
	int arg;
	int document; /* HOW_JSONB_*: number of it */
	TallyJsonPath path;
	struct varlena *text; /* HOW_JSONB_TEXT: room for a short one, of a row */
} CollectRoute;

/* Bytes that follow a short header, at most. */
#define SHORT_BYTES (VARATT_SHORT_MAX - VARHDRSZ_SHORT)

/* A jsonb argument, taken out of its tuple once a row. */
typedef struct CollectDocument
{
	int arg;
	JsonbContainer *root; /* NULL: the argument is null */
	char *room; /* for one with a short header, which is not aligned */
} CollectDocument;

/*
 * The values of a row that are still to be added.  A cell of a large panel is
 * far from the processor: it is asked for when its row comes, and added to
 * when the next one does.
 */
typedef struct CollectHeld
{
	int32 bucket;
	int32 group;
	bool *is_there;		 /* one a measure: is there anything to add? */
	MeasureHeld *values; /* one a measure */
} CollectHeld;

/* What a row is put in by, kept with the panel. */
typedef struct Collector
{
	bool at_is_date;
	bool counts_rows; /* of one column's groups, and that is all */
	bool one_by_one;  /* rows come so, they cannot be taken from a scan */
	CollectOthers others;
	int nargs;		 /* of the transition function */
	Oid record_type; /* of the records whose columns these are, or 0 */
	int32 record_typmod;
	int ndocuments;
	CollectDocument *documents;
	int nmeasures;
	CollectRoute *measures;
	int nkeys;
	CollectRoute *keys;
	bool holds; /* every measure's values can be held */
	CollectHeld held;
	CollectHeld next;
} Collector;

/*
 * Reads the specification that tally_collect_call() wrote: makes the panel in
 * "parent" and its collector in the panel.  "types" are those of the
 * arguments, below any domain.  It may come from anyone: whatever does not fit
 * the arguments is refused.
 */
extern TallyPanel *collect_spec_read(MemoryContext parent, bytea *spec,
									 int nargs, const Oid *types);

/* tally.collect_row(panel, specification, at, columns ...) */
extern Datum tally_collect_row(PG_FUNCTION_ARGS);

#endif
