/*
 * path.h
 *	  A property of an event: from a dotted path to its value.
 *
 * "user.country" is the member "country" of the member "user" of the event.
 * Three paths are not looked up in what the client sent but answered from the
 * columns of the event: keen.timestamp, keen.created_at and keen.id.
 *
 * A look-up allocates nothing.
 */
#ifndef TALLY_PATH_H
#define TALLY_PATH_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* Room for an instant as text, and for an id; see tally_instant_text(). */
#define TALLY_INSTANT_TEXT_BYTES 40
#define TALLY_ID_TEXT_BYTES 40

/* One event while it is looked at. */
typedef struct TallyEvent
{
	TimestampTz at;
	TimestampTz received_at;
	pg_uuid_t id;
	bool has_at;
	bool has_received_at;
	bool has_id;
	JsonbContainer *properties; /* NULL: none */
	/* The columns as text, for look-ups that ask for them. */
	char at_text[TALLY_INSTANT_TEXT_BYTES];
	char received_at_text[TALLY_INSTANT_TEXT_BYTES];
	char id_text[TALLY_ID_TEXT_BYTES];
} TallyEvent;

typedef enum TallyPathSource
{
	TALLY_PATH_PROPERTY,
	TALLY_PATH_AT,			/* keen.timestamp */
	TALLY_PATH_RECEIVED_AT, /* keen.created_at */
	TALLY_PATH_ID,			/* keen.id */
} TallyPathSource;

typedef struct TallyPathPart
{
	const char *name; /* not terminated */
	int len;
	uint32 place; /* among its siblings where it was last, to look first */
} TallyPathPart;

typedef struct TallyPath
{
	TallyPathSource source;
	const char *text; /* as it was sent; terminated */
	int text_len;
	int nparts;
	TallyPathPart part[FLEXIBLE_ARRAY_MEMBER];
} TallyPath;

/*
 * Makes a path of the "len" bytes at "text", in the current memory context;
 * copies the text.  "what" is the parameter in errors: TALLY_ERR_
 * PROPERTY_NAME for a path or a part of it that is empty or too long.
 */
extern TallyPath *tally_path_parse(const char *text, int len,
								   const char *what);

/*
 * Looks the property up.  Returns false when the event has none; otherwise
 * *value is a scalar (an explicit null included), or jbvBinary for a list or
 * an object.  It points into the event and is good as long as that is.
 */
extern bool tally_path_lookup(TallyPath *path, TallyEvent *event,
							  JsonbValue *value);

/* Is the path answered by an instant, which *t is set to if there is one? */
extern bool tally_path_is_instant(const TallyPath *path);
extern bool tally_path_instant(const TallyPath *path, const TallyEvent *event,
							   TimestampTz *t);

/*
 * Writes an instant as clients read it, YYYY-MM-DDTHH:MM:SS.mmmZ, cut to
 * milliseconds, to "out" of TALLY_INSTANT_TEXT_BYTES.  Returns its length.
 */
extern int tally_instant_text(TimestampTz t, char *out);

#endif
