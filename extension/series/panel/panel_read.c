/*-------------------------------------------------------------------------
 *
 * panel_read.c
 *	  Reads a panel from bytes; panel_codec.h has the format.
 *
 * Portable bytes come from users: every length is checked, every type is
 * looked up, and every value goes through its type's receive function.  Flat
 * bytes were written by this server and only their lengths are checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "compat.h"
#include "series/panel/panel_codec.h"
#include "series/panel/panel_hot.h"

/* get_name -- a name, terminated. */
static char *
get_name(TallyReader *r)
{
	uint64 len = tally_get_varint(r);
	const char *name;

	if (len > 4 * NAMEDATALEN * 4)
		tally_corrupt("name");
	name = tally_get_raw(r, len);
	pg_verifymbstr(name, (int) len, false);
	return pnstrdup(name, len);
}

static void
get_type(TallyReader *r, Oid *type, Oid *collation)
{
	char *name;
	int32 typmod;

	if (!r->portable)
	{
		*type = (Oid) tally_get_varint(r);
		*collation = (Oid) tally_get_varint(r);
		return;
	}
	name = get_name(r);
	*type = InvalidOid;
	if (name[0] != '\0')
		TallyParseType(name, type, &typmod);
	name = get_name(r);
	*collation = name[0] == '\0'
					 ? InvalidOid
					 : get_collation_oid(TallyQualifiedNames(name), false);
}

/*
 * get_group -- read one key and find or make its group in "into", a panel of
 * the keys of "panel" or that panel itself.
 */
static int32
get_group(TallyReader *r, const TallyPanel *panel, TallyPanel *into)
{
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	JsonbValue *json = palloc0(Max(panel->nkeys, 1) * sizeof(JsonbValue));

	for (int i = 0; i < panel->nkeys; i++)
	{
		const PanelKey *key = &panel->keys[i];

		nulls[i] = tally_get_byte(r) == 0;
		values[i] = (Datum) 0;
		if (nulls[i])
			continue;
		if (key->mode == KEY_JSON)
		{
			Jsonb *jb =
				DatumGetJsonbP(tally_get_value(r, JSONBOID, -1, false));

			if (!JB_ROOT_IS_SCALAR(jb) ||
				!JsonbExtractScalar(&jb->root, &json[i]))
			{
				json[i].type = jbvBinary;
				json[i].val.binary.data = &jb->root;
				json[i].val.binary.len = VARSIZE(jb) - VARHDRSZ;
			}
			values[i] = PointerGetDatum(&json[i]);
		}
		else
			values[i] =
				tally_get_value(r, key->def.type, key->typlen, key->typbyval);
	}
	return tally_panel_group(into, values, nulls);
}

/*
 * get_groups -- read all groups; the number in "into" of each.  In a panel that
 * is being read ("into" is "panel") they get the numbers that they have here.
 */
static int32 *
get_groups(TallyReader *r, const TallyPanel *panel, TallyPanel *into,
		   int format, int32 *ngroups, MemoryContext scratch)
{
	int32 other = -1;
	int32 *map;

	if (format > 1)
		other =
			tally_get_int(r, 0, PG_INT32_MAX - 1, "group of all others") - 1;
	*ngroups = tally_get_int(r, 0, PG_INT32_MAX, "number of groups");
	if (other >= *ngroups || (panel->nkeys == 0 && other == 0))
		tally_corrupt("group of all others");
	if (panel->nkeys == 0 && *ngroups != 1 + (other >= 0))
		tally_corrupt("number of groups");
	/* A group takes a byte at least, but the one without keys. */
	if ((uint64) *ngroups > tally_get_left(r) + 2)
		tally_corrupt("number of groups");
	map = MemoryContextAllocHuge(r->cxt, Max(*ngroups, 1) * sizeof(int32));
	for (int32 g = 0; g < *ngroups; g++)
	{
		CHECK_FOR_INTERRUPTS();
		if (g == other)
			map[g] = tally_panel_other_group(into, true);
		else if (panel->nkeys == 0)
			map[g] = 0;
		else
			map[g] = get_group(r, panel, into);
		if (into == panel && map[g] != g)
			tally_corrupt("list of groups");
		MemoryContextReset(scratch);
	}
	return map;
}

/* get_count -- add a count to what is there. */
static inline void
get_count(TallyReader *r, TallyPanel *into, const Measure *m, char *state)
{
	uint64 n = tally_get_varint(r);

	if (unlikely(n > TALLY_MAX_VALUES))
		tally_corrupt("number of values");
	if (likely((int64) n <= TALLY_MAX_VALUES - tally_measure_nvalues(state)))
		((MeasureCount *) state)->n += (int64) n;
	else
		tally_measure_merge(m, state, &(MeasureCount){(int64) n}, into->cxt);
}

/*
 * get_state -- add a state to what is there: read into its place when that is
 * empty, otherwise into scratch memory, the current context, and merged.
 */
static inline void
get_state(TallyReader *r, TallyPanel *into, const Measure *m, char *state)
{
	if (m->state == STATE_COUNT)
		get_count(r, into, m, state);
	else if (tally_measure_nvalues(state) == 0)
		tally_measure_read(m, state, r, into->cxt);
	else
	{
		void *read = palloc0(tally_measure_size(m));

		tally_measure_read(m, read, r, CurrentMemoryContext);
		tally_measure_merge(m, state, read, into->cxt);
	}
}

/*
 * get_counts -- add the cells of a bucket that are a count and nothing else.
 */
static void
get_counts(TallyReader *r, TallyPanel *into, int32 bucket, const int32 *map,
		   int32 ngroups)
{
	const Measure *m = &into->measures[0];
	int32 group = -1;
	int32 step;

	while ((step = tally_get_int(r, 0, ngroups - 1 - group, "group")) > 0)
	{
		group += step;
		get_count(r, into, m, panel_cell_inline(into, bucket, map[group]));
	}
}

/* get_cells_of -- add the cells of a bucket, whatever they hold. */
static void
get_cells_of(TallyReader *r, TallyPanel *into, int32 bucket, int format,
			 const int32 *map, int32 ngroups, MemoryContext scratch)
{
	int32 left = ngroups;
	int32 group = -1;

	if (format == 1)
		left = tally_get_int(r, 1, ngroups, "number of cells");
	for (; left > 0 || format > 1; left--)
	{
		int32 step =
			tally_get_int(r, format == 1, ngroups - 1 - group, "group");
		char *cell;

		if (step == 0)
			break;
		group += step;
		cell = panel_cell(into, bucket, map[group]);
		for (int k = 0; k < into->nmeasures; k++)
			get_state(r,
					  into,
					  &into->measures[k],
					  cell + into->measures[k].offset);
		MemoryContextReset(scratch);
	}
}

/* get_rows -- add all cells to "into", whose group map[g] is group g here. */
static void
get_rows(TallyReader *r, TallyPanel *into, int format, const int32 *map,
		 int32 ngroups, MemoryContext scratch)
{
	bool only_counts = format > 1 && panel_only_counts(into);
	int32 bucket = -1;
	int32 step;

	while ((step = tally_get_int(
				r, 0, into->grid->nbuckets - 1 - bucket, "bucket")) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		bucket += step;
		if (only_counts)
			get_counts(r, into, bucket, map, ngroups);
		else
			get_cells_of(r, into, bucket, format, map, ngroups, scratch);
	}
	if (r->next != r->end)
		tally_corrupt("end");
}

/* get_fill -- as tally_fill_check() lets it be. */
static void
get_fill(TallyReader *r, TallyFill *fill)
{
	uint8 mode = tally_get_byte(r);
	uint8 flags = tally_get_byte(r);

	if (mode >= TALLY_FILL__COUNT ||
		(flags & ~(FILL_HAS_MAX_GAP | FILL_HAS_SEED)) != 0 ||
		(mode == TALLY_FILL_DEFAULT && flags != 0))
		tally_corrupt("fill");
	fill->mode = (TallyFillMode) mode;
	if (fill->mode == TALLY_FILL_CONSTANT)
		fill->constant = tally_get_float(r);
	if ((flags & FILL_HAS_MAX_GAP) != 0)
	{
		uint64 time;

		fill->has_max_gap = true;
		fill->max_gap.month = tally_get_int(r, 0, PG_INT32_MAX, "fill");
		fill->max_gap.day = tally_get_int(r, 0, PG_INT32_MAX, "fill");
		time = tally_get_varint(r);
		if (time > PG_INT64_MAX)
			tally_corrupt("fill");
		fill->max_gap.time = (int64) time;
	}
	if ((flags & FILL_HAS_SEED) != 0)
	{
		fill->has_seed = true;
		fill->seed = tally_get_float(r);
		fill->seed_at = (TimestampTz) tally_get_int64(r);
		if (!IS_VALID_TIMESTAMP(fill->seed_at))
			tally_corrupt("fill");
	}
}

/* get_shell -- a panel without what follows its groups, and the format. */
static TallyPanel *
get_shell(TallyReader *r, MemoryContext parent, int *format)
{
	TallyPanel *panel;
	TallyGrid *grid;
	TallyMeasure *measures;
	TallyKey *keys;
	int nmeasures;
	int nkeys;
	TallyFill fill = {TALLY_FILL_DEFAULT};

	r->cxt = CurrentMemoryContext;
	*format = tally_get_byte(r) ^ (r->portable ? PANEL_PORTABLE : 0);
	if (*format < PANEL_OLDEST_FORMAT || *format > PANEL_FORMAT)
		tally_corrupt("format");
	grid = DatumGetTallyGrid(tally_get_value(
		r, r->portable ? tally_type("grid") : InvalidOid, -1, false));
	if (*format > 1)
		get_fill(r, &fill);
	nmeasures = tally_get_int(r, 0, FUNC_MAX_ARGS, "number of measures");
	measures = palloc0(Max(nmeasures, 1) * sizeof(TallyMeasure));
	for (int i = 0; i < nmeasures; i++)
	{
		measures[i].kind = tally_get_byte(r);
		if (measures[i].kind >= TALLY_MEASURE__COUNT)
			tally_corrupt("measure");
		get_type(r, &measures[i].type, &measures[i].collation);
		if (*format > 1)
		{
			measures[i].param = tally_get_float(r);
			measures[i].precision =
				tally_get_int(r, 0, PG_INT32_MAX, "precision");
		}
		if (measures[i].kind != TALLY_COUNT && !OidIsValid(measures[i].type))
			tally_corrupt("measure");
	}
	nkeys = tally_get_int(r, 0, FUNC_MAX_ARGS, "number of keys");
	keys = palloc0(Max(nkeys, 1) * sizeof(TallyKey));
	for (int i = 0; i < nkeys; i++)
	{
		keys[i].is_json = tally_get_byte(r) != 0;
		get_type(r, &keys[i].type, &keys[i].collation);
		if (!keys[i].is_json && !OidIsValid(keys[i].type))
			tally_corrupt("key");
	}

	panel = tally_panel_create(parent, grid, nmeasures, measures, nkeys, keys);
	for (int i = 0; *format > 1 && i < nmeasures; i++)
	{
		uint64 rejected = tally_get_varint(r);

		if (rejected > TALLY_MAX_VALUES)
			tally_corrupt("number of values");
		panel->rejected[i] = (int64) rejected;
	}
	if (fill.mode != TALLY_FILL_DEFAULT)
		tally_fill_check(&fill, grid, FLOAT8OID);
	panel->fill = fill;
	return panel;
}

/*
 * get_cells -- add the groups and the cells of "panel", a shell, to "into",
 * which may be the same.
 */
static void
get_cells(TallyReader *r, TallyPanel *panel, TallyPanel *into, int format)
{
	/* Reset a group and a cell: receive functions leave much behind. */
	MemoryContext scratch = AllocSetContextCreate(r->cxt,
												  "reading a panel",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int32 ngroups;
	int32 *map = get_groups(r, panel, into, format, &ngroups, scratch);

	get_rows(r, into, format, map, ngroups, scratch);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	pfree(map);
}

static TallyPanel *
get_panel(TallyReader *r, MemoryContext parent)
{
	int format;
	TallyPanel *panel = get_shell(r, parent, &format);

	get_cells(r, panel, panel, format);
	return panel;
}

TallyPanel *
panel_expand(struct varlena *flat, MemoryContext parent)
{
	TallyReader r = {.next = VARDATA_ANY(flat),
					 .end = VARDATA_ANY(flat) + VARSIZE_ANY_EXHDR(flat)};

	return get_panel(&r, parent);
}

void
panel_absorb(TallyPanel *into, struct varlena *flat)
{
	TallyReader r = {.next = VARDATA_ANY(flat),
					 .end = VARDATA_ANY(flat) + VARSIZE_ANY_EXHDR(flat)};
	int format;
	TallyPanel *shell = get_shell(&r, CurrentMemoryContext, &format);

	panel_check_same_shape(into, shell);
	into->changed = true;
	for (int i = 0; i < into->nmeasures; i++)
		into->rejected[i] += shell->rejected[i];
	get_cells(&r, shell, into, format);
	MemoryContextDelete(shell->cxt);
}

TallyPanel *
panel_read_portable(StringInfo in, MemoryContext parent)
{
	TallyReader r = {.next = in->data + in->cursor,
					 .end = in->data + in->len,
					 .portable = true};
	TallyPanel *panel = get_panel(&r, parent);

	in->cursor = in->len;
	return panel;
}
