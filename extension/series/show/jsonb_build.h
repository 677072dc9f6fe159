/*
 * jsonb_build.h
 *	  A jsonb document written straight into its bytes.
 *
 * pushJsonbValue() keeps a tree of the whole document and then copies it,
 * which for millions of numbers is several times their size.  Here nothing is
 * kept but the bytes: so the number of members of each list and object must be
 * known when it is begun, and the names of an object in their order.
 */
#ifndef TALLY_JSONB_BUILD_H
#define TALLY_JSONB_BUILD_H

#include "utils/jsonb.h"

/* What a document can be nested to. */
#define JSONB_BUILD_DEPTH 8

typedef struct JsonbFrame
{
	Size base;	  /* where the container begins, before its padding */
	Size entries; /* where its entries are */
	uint32 next;  /* the entry that is set next */
	Size total;	  /* bytes of the values so far */
} JsonbFrame;

typedef struct JsonbBuild
{
	char *data;
	Size len;
	Size max;
	int64 charged; /* bytes that the answer takes besides the document */
	int depth;
	JsonbFrame frames[JSONB_BUILD_DEPTH];
} JsonbBuild;

/*
 * Starts a document in the current memory context.  "charged" is what the
 * answer has taken already, of tally.max_memory.
 */
extern void tally_jsonb_init(JsonbBuild *build, int64 charged);

/*
 * Lists and objects.  The names of an object must be in the order that jsonb
 * has them in (tally_jsonb_compare_names), each once; their values follow in
 * the same order.
 */
extern void tally_jsonb_list(JsonbBuild *build, uint32 n);
extern void tally_jsonb_object(JsonbBuild *build, uint32 n,
							   const char *const *names);
extern void tally_jsonb_end(JsonbBuild *build);

/* Values. */
extern void tally_jsonb_null(JsonbBuild *build);
extern void tally_jsonb_bool(JsonbBuild *build, bool value);
extern void tally_jsonb_text(JsonbBuild *build, const char *text);
extern void tally_jsonb_int(JsonbBuild *build, int64 value);
extern void tally_jsonb_numeric(JsonbBuild *build, Numeric value);
/* A whole list of int8 or null: what most answers are made of. */
extern void tally_jsonb_int_list(JsonbBuild *build, uint32 n,
								 const Datum *values, const bool *nulls);
extern void tally_jsonb_value(JsonbBuild *build, const JsonbValue *value);

/* The document.  Nothing may be open. */
extern Jsonb *tally_jsonb_finish(JsonbBuild *build);

/*
 * Refuses (54000) what cannot be in one list or object: "what" takes at least
 * so many bytes.
 */
extern void tally_jsonb_fits(const char *what, Size bytes);

/*
 * Bytes that a member takes at least: its entry; and with that an integer,
 * save a last one.
 */
#define JSONB_LEAST_BYTES sizeof(JEntry)
#define JSONB_LEAST_INT_BYTES (sizeof(JEntry) + 8)

extern int tally_jsonb_compare_names(const char *a, const char *b);

#endif
