/*
 * series_params.h
 *	  The parameters of a query that is being written, and JSON as values of
 *	  SQL types.
 *
 * What a caller sends is never part of a query's text: it is put in here and
 * the text says $n.
 */
#ifndef TALLY_SERIES_PARAMS_H
#define TALLY_SERIES_PARAMS_H

#include "utils/jsonb.h"

typedef struct SeriesParams
{
	int n;
	int max;
	Oid *types;
	Datum *values;
	bool *nulls;
} SeriesParams;

/* One more, whose number from 1 is returned.  The value is not copied. */
extern int series_params_add(SeriesParams *params, Oid type, Datum value,
							 bool isnull);

/* The same ones, to which others can be added. */
extern void series_params_copy(SeriesParams *to, const SeriesParams *from);

/* A text[] of the strings. */
extern int series_params_add_path(SeriesParams *params, char **path,
								  int npath);

/* The whole document as a value. */
extern void series_json_value(Jsonb *document, JsonbValue *v);

/* A value as text: a string itself, others as JSON spells them. */
extern char *series_json_text(const JsonbValue *v);

/* As errors show it: in one line, cut where it is long. */
extern char *series_json_shown(const JsonbValue *v);

/*
 * A value as one of SQL type "type": by the type's input, a list for an array,
 * anything for json and jsonb.  null is null.  When it cannot be, the error is
 * the type's own, with "what" and the value in its context.
 */
extern Datum series_json_datum(const JsonbValue *v, Oid type, const char *what,
							   bool *isnull);

#endif
