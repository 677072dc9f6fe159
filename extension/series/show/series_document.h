/*
 * series_document.h
 *	  A result as JSON.
 *
 * Instants are ISO 8601 on the clock of the buckets' zone, values exact: they
 * do not depend on the settings of the session.
 */
#ifndef TALLY_SERIES_DOCUMENT_H
#define TALLY_SERIES_DOCUMENT_H

#include "series/show/series_cells.h"

/*
 * One document, {"axis": [..], "series": [..], "meta": {..}}, in the current
 * memory context.  54000 when it is too large for a jsonb, or for
 * tally.max_memory.
 */
extern Jsonb *series_document(const SeriesResult *result);

/*
 * Refuses, before the query is run, names of measures that cannot be members
 * of one object: equal ones, and "reserved" (NULL: none).
 */
extern void series_document_check(const SeriesSpec *spec,
								  const char *reserved);

/*
 * Refuses a document of "ngroups" groups that cannot fit into a jsonb,
 * whatever its values are.
 */
extern void series_document_fits(const SeriesSpec *spec, int32 ngroups);

/*
 * The same in pieces, each a text: first {"keys": [..], "meta": {..}}, then a
 * bucket at a time {"start", "end", "values": {measure: [..]}}, whose lists
 * are in the order of the keys.  Each step is to the next or to the one before;
 * NULL after the last and before the first.  The text lives in the current
 * memory context.
 */
typedef struct SeriesLines SeriesLines;

extern SeriesLines *series_lines_begin(const SeriesResult *result);
extern text *series_lines_step(SeriesLines *lines, bool forward);
extern void series_lines_rewind(SeriesLines *lines);

/* What follows is between the files of both. */

/* A boundary of the spec's grid; room for it is needed in "buf". */
#define SERIES_INSTANT_BYTES (MAXDATELEN + 1)
extern void series_instant(const SeriesSpec *spec, TimestampTz at, char *buf);

#endif
