/*-------------------------------------------------------------------------
 *
 * render.c
 *	  From a filled panel to the JSON answer, piece by piece.
 *
 * SHAPES (KEEN_API section 10)
 *
 *	  neither			{"result":V}
 *	  group_by			{"result":[ROW,ROW]}
 *	  interval			{"result":[{"value":V,"timeframe":T},..]}
 *	  both				{"result":[{"timeframe":T,"value":[ROW,ROW]},..]}
 *
 * where ROW is {"path":key,..,"result":V} and T {"start":"..","end":".."},
 * clipped to the timeframe asked for.
 *
 * A cell is two copies: what stands before the result in a group's row is
 * escaped once for all buckets, and the result is written behind it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "filter/path.h"
#include "guc.h"
#include "query/json_text.h"
#include "query/rank.h"
#include "query/render.h"

/* A piece is sent when a bucket ends and it has this much ... */
#define PIECE_MIN_BYTES 8192
/* ... and in any case, between two rows, when it has that much. */
#define PIECE_MAX_BYTES 65536

/* Steps of indentation of an answer that is to be read by people. */
#define INDENT 2

typedef struct Prefix
{
	char *text;
	int len;
} Prefix;

struct TallyRender
{
	const TallyQuerySpec *spec;
	TallyPanel *panel;
	const TallyGrid *grid;
	TallyRank *rank;
	bool pretty;
	int row_indent;
	Prefix *prefix; /* a group, by its number; NULL for a single bucket */

	/* Where the answer stands: before row "row" of bucket "bucket". */
	bool is_open;
	bool is_done;
	int32 bucket;
	int32 row;
	const int32 *order; /* of the groups in this bucket, once it is begun */
};

/* put_break -- a new line where the answer is pretty. */
static void
put_break(const TallyRender *r, StringInfo out, int indent)
{
	if (!r->pretty)
		return;
	enlargeStringInfo(out, indent + 1);
	appendStringInfoCharMacro(out, '\n');
	appendStringInfoSpaces(out, indent);
}

/* put_name -- the name of a member, on a line of its own where pretty. */
static void
put_name(const TallyRender *r, StringInfo out, int indent, const char *name)
{
	put_break(r, out, indent);
	tally_json_string(out, name, strlen(name));
	appendStringInfoString(out, r->pretty ? ": " : ":");
}

/* put_result -- the result of a cell; what a gap is depends on analysis. */
static void
put_result(const TallyRender *r, StringInfo out, int32 group)
{
	TallyAnalysis analysis = r->spec->what.analysis;
	bool isnull;
	Datum value = tally_panel_value(r->panel, r->bucket, group, 0, &isnull);

	if (isnull)
		appendStringInfoString(out,
							   analysis == TALLY_ANALYSIS_SUM ? "0" : "null");
	else if (analysis == TALLY_ANALYSIS_COUNT)
		tally_json_int64(out, DatumGetInt64(value));
	else
		tally_json_numeric(out, DatumGetNumeric(value));
}

/* put_prefix -- a group's row up to its result. */
static void
put_prefix(const TallyRender *r, StringInfo out, int32 group)
{
	const TallyMeasureSpec *what = &r->spec->what;

	put_break(r, out, r->row_indent);
	appendStringInfoCharMacro(out, '{');
	for (int i = 0; i < what->ngroup_by; i++)
	{
		bool isnull;
		Datum key = tally_panel_key(r->panel, group, i, &isnull);

		put_name(r, out, r->row_indent + INDENT, what->group_by[i]->text);
		if (isnull)
			appendStringInfoString(out, "null");
		else
			tally_json_value(out, DatumGetJsonbP(key));
		appendStringInfoCharMacro(out, ',');
	}
	put_name(r, out, r->row_indent + INDENT, "result");
}

/*
 * set_prefixes -- write them all once, when they are used more than once.
 *
 * Keys may be long, so what this takes is bounded like the panel itself.
 */
static void
set_prefixes(TallyRender *r)
{
	int32 ngroups = tally_panel_ngroups(r->panel);
	int32 nshown = tally_rank_ngroups(r->rank);
	const int32 *order = tally_rank_bucket(r->rank, 0);
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep,
												  "tally row prefix",
												  ALLOCSET_DEFAULT_SIZES);
	int64 total = 0;
	StringInfoData out;

	r->prefix = MemoryContextAllocHuge(CurrentMemoryContext,
									   Max(ngroups, 1) * sizeof(Prefix));
	initStringInfo(&out);
	for (int32 i = 0; i < nshown; i++)
	{
		Prefix *prefix = &r->prefix[order[i]];

		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&out);
		MemoryContextSwitchTo(scratch);
		put_prefix(r, &out, order[i]);
		MemoryContextSwitchTo(keep);
		MemoryContextReset(scratch);
		prefix->text = pnstrdup(out.data, out.len);
		prefix->len = out.len;

		total += out.len;
		if (total > (int64) tally_max_memory * 1024)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the names of the groups take too much memory"),
					 errdetail("The first %d of %d groups take more than "
							   "tally.max_memory, which is %d kB.",
							   i + 1,
							   nshown,
							   tally_max_memory),
					 errhint("Group by a property with fewer or shorter "
							 "values, filter, or set a \"limit\".")));
	}
	pfree(out.data);
	MemoryContextDelete(scratch);
}

TallyRender *
tally_render_begin(const TallyQuerySpec *spec, TallyPanel *panel, bool pretty)
{
	TallyRender *r = palloc0(sizeof(TallyRender));

	r->spec = spec;
	r->panel = panel;
	r->grid = tally_panel_grid(panel);
	r->pretty = pretty;
	r->row_indent = spec->has_interval ? 4 * INDENT : 2 * INDENT;
	if (spec->what.ngroup_by > 0)
	{
		r->rank = tally_rank_groups(spec, panel);
		if (r->grid->nbuckets > 1)
			set_prefixes(r);
	}
	return r;
}

/* put_instant -- the "start" or the "end" of a slice. */
static void
put_instant(const TallyRender *r, StringInfo out, const char *name,
			TimestampTz t)
{
	char text[TALLY_INSTANT_TEXT_BYTES];
	int len = tally_instant_text(t, text);

	put_name(r, out, 4 * INDENT, name);
	tally_json_string(out, text, len);
}

/* put_timeframe -- the slice of the current bucket. */
static void
put_timeframe(const TallyRender *r, StringInfo out)
{
	TimestampTz start = tally_grid_start(r->grid, r->bucket);
	TimestampTz end = tally_grid_end(r->grid, r->bucket);

	put_name(r, out, 3 * INDENT, "timeframe");
	appendStringInfoCharMacro(out, '{');
	put_instant(r, out, "start", Max(start, r->grid->lower));
	appendStringInfoCharMacro(out, ',');
	put_instant(r, out, "end", Min(end, r->grid->upper));
	put_break(r, out, 3 * INDENT);
	appendStringInfoCharMacro(out, '}');
}

/* put_slice -- the whole of a bucket without groups. */
static void
put_slice(const TallyRender *r, StringInfo out)
{
	put_break(r, out, 2 * INDENT);
	appendStringInfoCharMacro(out, '{');
	put_name(r, out, 3 * INDENT, "value");
	put_result(r, out, 0);
	appendStringInfoCharMacro(out, ',');
	put_timeframe(r, out);
	put_break(r, out, 2 * INDENT);
	appendStringInfoCharMacro(out, '}');
}

/* put_row -- one group of the current bucket. */
static void
put_row(const TallyRender *r, StringInfo out, int32 group)
{
	if (r->row > 0)
		appendStringInfoCharMacro(out, ',');
	if (r->prefix != NULL)
		appendBinaryStringInfo(out,
							   r->prefix[group].text,
							   r->prefix[group].len);
	else
		put_prefix(r, out, group);
	put_result(r, out, group);
	put_break(r, out, r->row_indent);
	appendStringInfoCharMacro(out, '}');
}

/*
 * put_rows -- rows of the current bucket until it ends, which is true, or the
 * piece is full.
 */
static bool
put_rows(TallyRender *r, StringInfo out)
{
	int32 nrows = tally_rank_ngroups(r->rank);

	for (; r->row < nrows; r->row++)
	{
		CHECK_FOR_INTERRUPTS();
		if (out->len >= PIECE_MAX_BYTES)
			return false;
		put_row(r, out, r->order[r->row]);
	}
	if (nrows > 0)
		put_break(r, out, r->row_indent - INDENT);
	appendStringInfoCharMacro(out, ']');
	return true;
}

/*
 * put_groups -- what is left of the current bucket with its groups; false
 * when there is more of it.
 */
static bool
put_groups(TallyRender *r, StringInfo out)
{
	if (r->order == NULL)
	{
		r->order = tally_rank_bucket(r->rank, r->bucket);
		r->row = 0;
		if (r->spec->has_interval)
		{
			put_break(r, out, 2 * INDENT);
			appendStringInfoCharMacro(out, '{');
			put_timeframe(r, out);
			appendStringInfoCharMacro(out, ',');
			put_name(r, out, 3 * INDENT, "value");
		}
		appendStringInfoCharMacro(out, '[');
	}
	if (!put_rows(r, out))
		return false;
	if (r->spec->has_interval)
	{
		put_break(r, out, 2 * INDENT);
		appendStringInfoCharMacro(out, '}');
	}
	r->order = NULL;
	return true;
}

/* put_bucket -- what is left of the current bucket; false: there is more. */
static bool
put_bucket(TallyRender *r, StringInfo out)
{
	if (r->rank != NULL)
		return put_groups(r, out);
	if (r->spec->has_interval)
		put_slice(r, out);
	else
		put_result(r, out, 0);
	return true;
}

/* put_end -- what follows the last bucket. */
static void
put_end(TallyRender *r, StringInfo out)
{
	if (r->spec->has_interval)
	{
		put_break(r, out, INDENT);
		appendStringInfoCharMacro(out, ']');
	}
	put_break(r, out, 0);
	appendStringInfoCharMacro(out, '}');
	put_break(r, out, 0);
	r->is_done = true;
}

text *
tally_render_next(TallyRender *r)
{
	StringInfoData out;

	if (r->is_done)
		return NULL;

	/* The header of a text value first: the piece is never copied. */
	initStringInfo(&out);
	appendStringInfoSpaces(&out, VARHDRSZ);

	if (!r->is_open)
	{
		appendStringInfoCharMacro(&out, '{');
		put_name(r, &out, INDENT, "result");
		if (r->spec->has_interval)
			appendStringInfoCharMacro(&out, '[');
		r->is_open = true;
	}
	while (put_bucket(r, &out))
	{
		CHECK_FOR_INTERRUPTS();
		if (++r->bucket == r->grid->nbuckets)
		{
			put_end(r, &out);
			break;
		}
		appendStringInfoCharMacro(&out, ',');
		if (out.len >= PIECE_MIN_BYTES)
			break;
	}

	SET_VARSIZE(out.data, out.len);
	return (text *) out.data;
}
