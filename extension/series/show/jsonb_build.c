/*-------------------------------------------------------------------------
 *
 * jsonb_build.c
 *	  A jsonb document written straight into its bytes.
 *
 * The format is that of utils/jsonb.h: a container is a header (its kind and
 * number of members), an entry of four bytes for each member and each name,
 * then their bytes.  An entry has the length of its bytes, padding before them
 * included, but each JB_OFFSET_STRIDE-th has the offset of their end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "budget.h"
#include "compat.h"
#include "measure/exact.h"
#include "series/show/jsonb_build.h"

#define FIRST_BYTES 8192

/*
 * Integers from 0 to below SMALL are made once: most counts are small.  All
 * have the same place, though 0, which has no digit, does not fill it.
 */
#define SMALL 1024
#define SMALL_BYTES sizeof(uint64)
#define SMALL_SIZE(value) (SMALL_BYTES - ((value) == 0 ? sizeof(int16) : 0))
static uint64 small[SMALL];

pg_noreturn static void too_large(const char *what, Size bytes);

static void
too_large(const char *what, Size bytes)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("answer is too large for one value of type jsonb"),
			 errdetail("%s takes at least %zu bytes, and a list or an object "
					   "can take %d in it.",
					   what,
					   bytes,
					   JENTRY_OFFLENMASK),
			 errhint("Call tally.series_json_rows(), which gives a row a "
					 "bucket, or ask for less.")));
}

void
tally_jsonb_fits(const char *what, Size bytes)
{
	if (bytes > JENTRY_OFFLENMASK)
		too_large(what, bytes);
}

/* reserve -- room for "bytes" more, which are not set. */
static char *
reserve(JsonbBuild *build, Size bytes)
{
	char *at;

	if (build->len + bytes > build->max)
	{
		Size max = build->max;

		/* Twice as much, or what is left of the limit. */
		while (max < build->len + bytes)
			max *= 2;
		max = Min(max, (Size) tally_budget_left(build->charged));
		max = Min(Max(max, build->len + bytes), MaxAllocSize);
		if (build->len + bytes > max)
			too_large("The answer", build->len + bytes);
		tally_budget_memory(build->charged + (int64) max);
		build->data = repalloc_huge(build->data, max);
		build->max = max;
	}
	at = build->data + build->len;
	build->len += bytes;
	return at;
}

/* pad -- to where a number or a container may begin. */
static void
pad(JsonbBuild *build)
{
	Size bytes = INTALIGN(build->len) - build->len;

	if (bytes > 0)
		memset(reserve(build, bytes), 0, bytes);
}

/* make_small -- once a process. */
static void
make_small(void)
{
	union
	{
		char bytes[TALLY_INT_NUMERIC_BYTES];
		uint64 word;
	} number;

	if (small[SMALL - 1] != 0)
		return;
	for (int i = 0; i < SMALL; i++)
	{
		Size size PG_USED_FOR_ASSERTS_ONLY =
			tally_int_to_numeric(i, number.bytes);

		Assert(size == SMALL_SIZE(i));
		small[i] = number.word;
	}
}

void
tally_jsonb_init(JsonbBuild *build, int64 charged)
{
	memset(build, 0, sizeof(*build));
	build->charged = charged;
	build->max = FIRST_BYTES;
	build->data = palloc(build->max);
	make_small();
	(void) reserve(build, VARHDRSZ);
}

/* set_entry -- of a member whose bytes begin at "from" and end here. */
static void
set_entry(JsonbBuild *build, uint32 type, Size from)
{
	JsonbFrame *frame = &build->frames[build->depth - 1];
	Size len = build->len - from;
	JEntry entry = type;

	Assert(build->depth > 0);
	frame->total += len;
	tally_jsonb_fits("A part of it", frame->total);
	if (frame->next % JB_OFFSET_STRIDE == 0)
		entry |= JENTRY_HAS_OFF | (uint32) frame->total;
	else
		entry |= (uint32) len;
	memcpy(build->data + frame->entries + frame->next * sizeof(JEntry),
		   &entry,
		   sizeof(JEntry));
	frame->next++;
}

/* begin -- a container of "entries" entries. */
static void
begin(JsonbBuild *build, uint32 header, Size entries)
{
	JsonbFrame *frame;

	if (build->depth >= JSONB_BUILD_DEPTH)
		elog(ERROR, "document is nested too deeply");
	tally_jsonb_fits("A list of it", entries * sizeof(JEntry));
	CHECK_FOR_INTERRUPTS();
	frame = &build->frames[build->depth++];
	frame->base = build->len;
	pad(build);
	memcpy(reserve(build, sizeof(header)), &header, sizeof(header));
	frame->entries = build->len;
	frame->next = 0;
	frame->total = 0;
	(void) reserve(build, entries * sizeof(JEntry));
}

void
tally_jsonb_list(JsonbBuild *build, uint32 n)
{
	begin(build, n | JB_FARRAY, n);
}

void
tally_jsonb_object(JsonbBuild *build, uint32 n, const char *const *names)
{
	begin(build, n | JB_FOBJECT, (Size) n * 2);
	for (uint32 i = 0; i < n; i++)
	{
		Size len = strlen(names[i]);
		Size from = build->len;

		memcpy(reserve(build, len), names[i], len);
		set_entry(build, JENTRY_ISSTRING, from);
	}
}

void
tally_jsonb_end(JsonbBuild *build)
{
	JsonbFrame *frame = &build->frames[--build->depth];

	if (build->depth > 0)
		set_entry(build, JENTRY_ISCONTAINER, frame->base);
}

void
tally_jsonb_null(JsonbBuild *build)
{
	set_entry(build, JENTRY_ISNULL, build->len);
}

void
tally_jsonb_bool(JsonbBuild *build, bool value)
{
	set_entry(build,
			  value ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE,
			  build->len);
}

void
tally_jsonb_text(JsonbBuild *build, const char *text)
{
	Size len = strlen(text);
	Size from = build->len;

	memcpy(reserve(build, len), text, len);
	set_entry(build, JENTRY_ISSTRING, from);
}

void
tally_jsonb_numeric(JsonbBuild *build, Numeric value)
{
	Size from = build->len;

	pad(build);
	memcpy(reserve(build, VARSIZE(value)), value, VARSIZE(value));
	set_entry(build, JENTRY_ISNUMERIC, from);
}

void
tally_jsonb_int(JsonbBuild *build, int64 value)
{
	Size from = build->len;
	Size size;

	pad(build);
	size =
		tally_int_to_numeric(value, reserve(build, TALLY_INT_NUMERIC_BYTES));
	build->len -= TALLY_INT_NUMERIC_BYTES - size;
	set_entry(build, JENTRY_ISNUMERIC, from);
}

/*
 * tally_jsonb_int_list -- the same as tally_jsonb_int() for each.
 *
 * Room is reserved for all of them at once, so that nothing but their bytes is
 * left to do in the loop.  What is written behind a number is 0, which is what
 * padding must be.
 */
void
tally_jsonb_int_list(JsonbBuild *build, uint32 n, const Datum *values,
					 const bool *nulls)
{
	Size most = (Size) n * TALLY_INT_NUMERIC_BYTES;
	char *start;
	JEntry *entry;
	Size total = 0;

	tally_jsonb_list(build, n);
	start = reserve(build, most);
	entry = (JEntry *) (build->data + build->frames[build->depth - 1].entries);
	for (uint32 i = 0; i < n; i++)
	{
		JEntry type = JENTRY_ISNULL;
		Size before = total;

		if (!nulls[i])
		{
			int64 value = DatumGetInt64(values[i]);

			type = JENTRY_ISNUMERIC;
			total = INTALIGN(total);
			if ((uint64) value < SMALL)
			{
				memcpy(start + total, &small[value], SMALL_BYTES);
				total += SMALL_SIZE(value);
			}
			else
				total += tally_int_to_numeric(value, start + total);
		}
		if (i % JB_OFFSET_STRIDE == 0)
		{
			CHECK_FOR_INTERRUPTS();
			entry[i] = type | JENTRY_HAS_OFF | (JEntry) total;
		}
		else
			entry[i] = type | (JEntry) (total - before);
	}
	tally_jsonb_fits("A list of it", total);
	build->len -= most - total;
	build->frames[build->depth - 1].next = n;
	build->frames[build->depth - 1].total = total;
	tally_jsonb_end(build);
}

/* build_container -- the bytes of a list or an object that there is. */
static void
build_container(JsonbBuild *build, const JsonbContainer *container, Size len)
{
	Size from = build->len;

	pad(build);
	memcpy(reserve(build, len), container, len);
	set_entry(build, JENTRY_ISCONTAINER, from);
}

void
tally_jsonb_value(JsonbBuild *build, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			tally_jsonb_null(build);
			return;
		case jbvBool:
			tally_jsonb_bool(build, value->val.boolean);
			return;
		case jbvNumeric:
			tally_jsonb_numeric(build, value->val.numeric);
			return;
		case jbvString:
			tally_jsonb_text(build,
							 pnstrdup(value->val.string.val,
									  value->val.string.len));
			return;
		case jbvBinary:
			build_container(build,
							value->val.binary.data,
							value->val.binary.len);
			return;
		default:
			elog(ERROR, "unexpected JSON value of type %d", value->type);
	}
}

Jsonb *
tally_jsonb_finish(JsonbBuild *build)
{
	Assert(build->depth == 0);
	SET_VARSIZE(build->data, build->len);
	return (Jsonb *) build->data;
}

int
tally_jsonb_compare_names(const char *a, const char *b)
{
	Size la = strlen(a);
	Size lb = strlen(b);

	if (la != lb)
		return la < lb ? -1 : 1;
	return memcmp(a, b, la);
}
