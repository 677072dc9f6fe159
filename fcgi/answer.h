/*
 * answer.h
 *	  An answer, or a failure, that many may hold: it never changes.
 *
 * Whoever holds a reference may read it, in any thread; the last one to let
 * go frees it.
 */
#ifndef TALLY_ANSWER_H
#define TALLY_ANSWER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum answer_code
{
	ANSWER_OK,		/* what was asked for */
	ANSWER_FAILED,	/* something was wrong, but not with the question */
	ANSWER_REFUSED, /* the question cannot be answered */
};

struct answer
{
	atomic_int refs;
	enum answer_code code; /* of a failure the bytes are its maker's */
	int64_t behind_ms;	   /* of the events it was made of; -1: not known.  Set
							* before others have it */
	size_t len;
	char data[];
};

/* With one reference.  NULL when out of memory. */
struct answer *answer_new(enum answer_code code, const void *data, size_t len);

struct answer *answer_ref(struct answer *answer);

/* Lets go; NULL does nothing. */
void answer_unref(struct answer *answer);

/* Memory that it takes. */
size_t answer_bytes(const struct answer *answer);

#endif
