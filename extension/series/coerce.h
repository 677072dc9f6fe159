/*
 * coerce.h
 *	  From a value's own type to the one that a column list declares.
 */
#ifndef TALLY_COERCE_H
#define TALLY_COERCE_H

#include "fmgr.h"

/* A conversion, looked up once and used for every row. */
typedef struct Coercion
{
	enum
	{
		COERCE_NONE, /* the same type, or the same bytes */
		COERCE_FUNC, /* a cast function */
		COERCE_IO	 /* output and input */
	} how;
	FmgrInfo func;
	FmgrInfo output;
	FmgrInfo input;
	Oid input_param;
	Oid target;
	int32 typmod;
	bool has_length; /* "length" applies the typmod afterwards */
	FmgrInfo length;
} Coercion;

/*
 * Finds the conversion that an INSERT would use.  False when there is none.
 * Look-ups are allocated in the current context, which must outlive *c.
 */
extern bool tally_coercion_find(Coercion *c, Oid source, Oid target,
								int32 typmod);

/* Converts a value that is not null. */
extern Datum tally_coerce(Coercion *c, Datum value);

#endif
