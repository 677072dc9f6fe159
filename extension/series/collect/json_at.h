/*
 * json_at.h
 *	  What stands in a JSON document at a path that was taken apart before.
 *
 * The same as the server's #> and #>>, which take the path apart and copy
 * what they find once a row: here the path is prepared once, and a look-up in
 * a jsonb allocates nothing.  Documents of one source mostly have the same
 * members: a name is looked for where it was in the last one.
 */
#ifndef TALLY_JSON_AT_H
#define TALLY_JSON_AT_H

#include "utils/jsonb.h"

typedef struct TallyJsonStep
{
	const char *name; /* of a member */
	int len;
	uint32 place;  /* among the members where it was last, to look first */
	bool is_index; /* could be a place in an array, too */
	int32 index;   /* of it; from the end when negative */
} TallyJsonStep;

typedef struct TallyJsonPath
{
	int nsteps;
	TallyJsonStep *steps;
	Datum names; /* the same as a text[], for the server's functions */
	/* the container that the last step was taken in, NULL: not reached */
	JsonbContainer *parent;
	struct TallyJsonPath *sibling; /* whose parent is this one's, too */
} TallyJsonPath;

/* Prepares a path in the current context; the names are copied. */
extern void tally_json_path_make(TallyJsonPath *path, int nsteps,
								 char *const *names);

/*
 * Where two paths differ in nothing but their last step, "path" begins where
 * "earlier" came to: that must have been looked up in the same document
 * before, for each document.  Otherwise nothing happens.
 */
extern void tally_json_path_share(TallyJsonPath *path, TallyJsonPath *earlier);

/*
 * Finds what stands at the path.  False where there is nothing, or a null of
 * JSON.  *v points into the document, and is a scalar or jbvBinary.
 */
extern bool tally_json_at(TallyJsonPath *path, JsonbContainer *document,
						  JsonbValue *v);

/* What #>> gives for such a value: a text, in the current context. */
extern text *tally_json_text(const JsonbValue *v);

/*
 * The two look-ups in a document of type json, which is text: NULL where
 * there is nothing or a null.  A number comes as it is spelled; *is_number is
 * false for everything else that stands there, and for a number too large for
 * a numeric.
 */
extern text *tally_json_text_at(const TallyJsonPath *path, Datum json);
extern Datum tally_json_number_at(const TallyJsonPath *path, Datum json,
								  bool *isnull, bool *is_number);

#endif
