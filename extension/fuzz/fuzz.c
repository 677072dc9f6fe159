/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  libFuzzer within a server: tally_fuzz(target, arguments) runs it.
 *
 * The parsers ask the server for its JSON, its time zones and its catalogs,
 * and raise its errors.  So they are not cut loose of it, but libFuzzer is
 * brought to them, in a server of one process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "fuzz.h"

/* Of libFuzzer, which has no header for it; ends the process by exit(). */
extern int LLVMFuzzerRunDriver(int *argc, char ***argv,
							   int (*one_input)(const uint8_t *data,
												size_t size));

static const struct
{
	const char *name;
	FuzzTarget run;
} targets[] = {
	{"timeframe", fuzz_timeframe},
	{"grid", fuzz_grid},
	{"filter", fuzz_filter},
	{"request", fuzz_request},
	{"measure", fuzz_measure},
	{"column", fuzz_column},
};

static FuzzTarget target;
MemoryContext fuzz_input_context;

void
fuzz_broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, promise);
	abort();
}

/* error_is_answer -- forget the error; ends the program if it is internal. */
static void
error_is_answer(void)
{
	ErrorData *error;

	MemoryContextSwitchTo(fuzz_input_context);
	error = CopyErrorData();
	FlushErrorState();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTERNAL_ERROR)
		fuzz_broken(error->message, error->filename, error->lineno);
}

static int
one_input(const uint8_t *data, size_t size)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool kept = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(fuzz_input_context);
	PG_TRY();
	{
		kept = target((const char *) data, (int) size);
	}
	PG_CATCH();
	{
		error_is_answer();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	CurrentResourceOwner = owner;
	MemoryContextReset(fuzz_input_context);
	return kept ? 0 : -1;
}

char *
fuzz_text(const char *data, int size)
{
	char *text = pnstrdup(data, size);

	/* A zero byte would end the text. */
	if (strlen(text) != (size_t) size ||
		!pg_verify_mbstr(PG_UTF8, text, size, true))
		return NULL;
	return text;
}

Jsonb *
fuzz_jsonb(const char *data, int size)
{
	char *text = fuzz_text(data, size);
	Jsonb *volatile jsonb = NULL;

	if (text == NULL)
		return NULL;
	PG_TRY();
	{
		jsonb = DatumGetJsonbP(
			DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		error_is_answer();
	}
	PG_END_TRY();
	if (jsonb == NULL)
		return NULL;
	/* The server's allocation has no ends that are watched: palloc.c. */
	return memcpy(palloc(VARSIZE(jsonb)), jsonb, VARSIZE(jsonb));
}

bool
fuzz_is_expression(const char *sql)
{
	char *query = psprintf("SELECT %s", sql);
	List *volatile statements = NIL;
	SelectStmt *select;
	SelectStmt only = {.type = T_SelectStmt};

	PG_TRY();
	{
		statements = raw_parser(query, RAW_PARSE_DEFAULT);
	}
	PG_CATCH();
	{
		error_is_answer();
	}
	PG_END_TRY();
	if (list_length(statements) != 1)
		return false;
	select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	if (list_length(select->targetList) != 1)
		return false;
	only.targetList = select->targetList;
	only.limitOption = select->limitOption;
	return equal(&only, select);
}

Oid
fuzz_table(void)
{
	return RangeVarGetRelid(makeRangeVar("public", "fuzzed", -1),
							AccessShareLock,
							false);
}

PG_FUNCTION_INFO_V1(tally_fuzz);
/*
 * tally_fuzz(target text, arguments text[]) RETURNS void: runs the target with
 * libFuzzer's arguments and ends the process, with 0 when nothing was found.
 */
Datum
tally_fuzz(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum *words;
	int n;
	int argc = 1;
	char **argv;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1),
					  TEXTOID,
					  -1,
					  false,
					  TYPALIGN_INT,
					  &words,
					  NULL,
					  &n);
	argv = palloc((n + 2) * sizeof(char *));
	argv[0] = name;
	for (int i = 0; i < n; i++)
		argv[argc++] = TextDatumGetCString(words[i]);
	argv[argc] = NULL;

	for (int i = 0; i < (int) lengthof(targets); i++)
		if (strcmp(targets[i].name, name) == 0)
			target = targets[i].run;
	if (target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no target \"%s\"", name)));

	/* Blocks as small as can be: see palloc.c. */
	fuzz_input_context =
		AllocSetContextCreate(TopMemoryContext, "input", 0, 1024, 1024);

	/* Its watch over time takes the signal only when nobody has it. */
	pqsignal(SIGALRM, SIG_DFL);
	exit(LLVMFuzzerRunDriver(&argc, &argv, one_input));
}
