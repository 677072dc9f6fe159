/*
 * fuzz.h
 *	  What libFuzzer calls, in a server.
 *
 * A target gets bytes and gives them to a parser.  An error of the parser is
 * a good answer, unless it is an internal one; what is not is a crash, a read
 * beyond the bytes, or a broken promise that the target finds by itself.
 */
#ifndef TALLY_FUZZ_H
#define TALLY_FUZZ_H

#include "compat.h"
#include "utils/jsonb.h"

/*
 * Where a target's input is not what its parser is ever given (no JSON, no
 * text of the encoding), it returns false: libFuzzer from LLVM 15 on then
 * forgets the input.
 * It runs in a memory context and a subtransaction of its own.
 */
typedef bool (*FuzzTarget)(const char *data, int size);

extern bool fuzz_timeframe(const char *data, int size);
extern bool fuzz_grid(const char *data, int size);
extern bool fuzz_filter(const char *data, int size);
extern bool fuzz_request(const char *data, int size);
extern bool fuzz_measure(const char *data, int size);
extern bool fuzz_column(const char *data, int size);

/* fuzz_check -- end the program, for libFuzzer to keep the input. */
#define fuzz_check(promise)                                                   \
	((promise) ? (void) 0 : fuzz_broken(#promise, __FILE__, __LINE__))
pg_noreturn extern void fuzz_broken(const char *promise, const char *file,
									int line);

/* Of what is allocated while an input is looked at; reset after it. */
extern MemoryContext fuzz_input_context;

/* The bytes as a text of the server's, or as JSON; NULL when they are none. */
extern char *fuzz_text(const char *data, int size);
extern Jsonb *fuzz_jsonb(const char *data, int size);

/*
 * Is "sql" one expression, as seen by the grammar of SQL?  So that nothing of
 * the input got out of the quotes that it was put in.
 */
extern bool fuzz_is_expression(const char *sql);

/* The table in which columns are looked up, which run.pl made. */
extern Oid fuzz_table(void);

#endif
