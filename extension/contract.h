/*
 * contract.h
 *	  What both halves, the extension and the responders, must agree on:
 *	  numbers only, no code, no include.
 *
 * The extension raises these SQLSTATEs and knows no HTTP; the responders
 * turn them into a status and an error_code (fcgi/reply.c) and know no SQL.
 */
#ifndef TALLY_CONTRACT_H
#define TALLY_CONTRACT_H

/*
 * Raised by one whenever a function that a responder calls, a SQLSTATE below
 * or the frame (wire/frame.h) changes meaning.  tally.contract_version()
 * tells the responder, which refuses to work with another one.
 */
#define TALLY_CONTRACT_VERSION 1

/*
 * SQLSTATEs.  Ordinary ones come from the server: 22023 a parameter with a
 * bad value, 54000 too many buckets, groups or cells or too much memory,
 * 57014 cancelled or timed out, 55000 a batch that does not follow the last.
 * Those below are ours, for errors that a client must be able to tell apart.
 */
#define TALLY_ERR_TIMEFRAME "TL001"			/* timeframe not understood */
#define TALLY_ERR_MISSING_PARAMETER "TL002" /* a required one is not there */
#define TALLY_ERR_NOT_FOUND "TL003"			/* no such project, collection */
#define TALLY_ERR_COLLECTION_NAME "TL004"	/* collection name not allowed */
#define TALLY_ERR_PROPERTY_NAME "TL005"		/* property name not allowed */

/* Defaults of the extension's settings (guc.c). */
#define TALLY_DEFAULT_MAX_BUCKETS 50000
#define TALLY_DEFAULT_MAX_CELLS 20000000
#define TALLY_DEFAULT_MAX_GROUPS 100000
#define TALLY_DEFAULT_MAX_MEMORY_KB (512 * 1024)

/* What an event may be (KEEN_API 3.6 and 3.7). */
#define TALLY_MAX_EVENT_BYTES 900000
#define TALLY_MAX_BATCH_BYTES 10000000
#define TALLY_MAX_JSON_DEPTH 64
#define TALLY_MAX_COLLECTION_BYTES 64
#define TALLY_MAX_PROPERTY_NAME_BYTES 255
#define TALLY_MAX_STRING_BYTES 10000

/* What one call of tally.ingest() may be. */
#define TALLY_MAX_INGEST_EVENTS 100000
#define TALLY_MAX_INGEST_BYTES (64 * 1024 * 1024)

/* What a query may be. */
#define TALLY_MAX_QUERY_BYTES 262144
#define TALLY_MAX_FILTERS 100
#define TALLY_MAX_GROUP_BY 20
#define TALLY_MAX_PATH_BYTES 1024

/* A project's id is 24 hexadecimal digits, a key 64 of them in capitals. */
#define TALLY_PROJECT_ID_BYTES 12
#define TALLY_KEY_CHARS 64

#endif
