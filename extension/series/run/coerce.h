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
	bool is_domain; /* the target is one; its constraints come last */
	void *domain;	/* what domain_check() remembers, in "cxt" */
	MemoryContext cxt;
} Coercion;

/*
 * Finds the conversion that an INSERT would use.  False when there is none.
 * Look-ups are allocated in the current context, which must outlive *c.
 */
extern bool tally_coercion_find(Coercion *c, Oid source, Oid target,
								int32 typmod);

/* Converts a value that is not null. */
extern Datum tally_coerce(Coercion *c, Datum value);

/* Raises an error when the target is a domain that takes no null. */
extern void tally_coerce_null(Coercion *c);

#endif
