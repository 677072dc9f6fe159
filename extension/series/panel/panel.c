/*-------------------------------------------------------------------------
 *
 * panel.c
 *	  The dense state of many groups over one grid: making, filling,
 *	  merging and reading it.
 *
 * Everything a panel owns is in its own memory context, a direct child of the
 * one it was made for: the executor then keeps the one object from row to row
 * of an aggregate and never copies it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "budget.h"
#include "guc.h"
#include "series/panel/panel_hot.h"

static const ExpandedObjectMethods panel_methods = {
	panel_get_flat_size,
	panel_flatten_into,
};

/* What it grows by, at most and at least. */
#define PANEL_MAX_BLOCK (1024 * 1024)
#define PANEL_MIN_BLOCK 1024

/* Fewest cells that a row is made with, and by how much it grows. */
#define MIN_ROW_CELLS 4

/*
 * block_bytes -- what a panel grows by, a power of two.
 *
 * Small things come out of blocks, and a block is taken after the last of them
 * was found to fit: so much can the memory be over its limit, a sixteenth.
 */
static Size
block_bytes(void)
{
	Size bytes = PANEL_MAX_BLOCK;

	while (bytes > PANEL_MIN_BLOCK &&
		   bytes > (Size) tally_max_memory * 1024 / 16)
		bytes /= 2;
	return bytes;
}

TallyPanel *
tally_panel_create(MemoryContext parent, const TallyGrid *grid, int nmeasures,
				   const TallyMeasure *measures, int nkeys,
				   const TallyKey *keys)
{
	MemoryContext cxt = AllocSetContextCreate(parent,
											  "tally panel",
											  ALLOCSET_SMALL_MINSIZE,
											  ALLOCSET_SMALL_INITSIZE,
											  block_bytes());
	MemoryContext old = MemoryContextSwitchTo(cxt);
	TallyPanel *panel = palloc0(sizeof(TallyPanel));

	EOH_init_header(&panel->hdr, &panel_methods, cxt);
	panel->magic = PANEL_MAGIC;
	panel->cxt = cxt;
	panel->grid = memcpy(palloc(VARSIZE(grid)), grid, VARSIZE(grid));
	tally_grid_cursor_init(&panel->cursor, grid);
	panel->changed = true;

	panel->nmeasures = nmeasures;
	panel->measures = palloc(Max(nmeasures, 1) * sizeof(Measure));
	panel->rejected = palloc0(Max(nmeasures, 1) * sizeof(int64));
	for (int i = 0; i < nmeasures; i++)
	{
		tally_measure_init(&panel->measures[i], &measures[i], cxt);
		panel->measures[i].offset = panel->cell_size;
		panel->cell_size += tally_measure_size(&panel->measures[i]);
	}

	panel_charge(panel, grid->nbuckets * sizeof(PanelRow));
	panel->rows =
		MemoryContextAllocExtended(cxt,
								   grid->nbuckets * sizeof(PanelRow),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	panel_keys_init(panel, nkeys, keys);
	MemoryContextSwitchTo(old);
	return panel;
}

Datum
tally_panel_datum(TallyPanel *panel)
{
	return EOHPGetRWDatum(&panel->hdr);
}

TallyPanel *
tally_panel_from_datum(Datum value, MemoryContext parent)
{
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
	{
		TallyPanel *panel = panel_expanded(value);

		panel_settle(panel);
		return panel;
	}
	return panel_expand(PG_DETOAST_DATUM(value), parent);
}

MemoryContext
tally_panel_context(const TallyPanel *panel)
{
	return panel->cxt;
}

const TallyGrid *
tally_panel_grid(const TallyPanel *panel)
{
	return panel->grid;
}

const TallyFill *
tally_panel_fill(const TallyPanel *panel)
{
	return &panel->fill;
}

void
tally_panel_set_fill(TallyPanel *panel, const TallyFill *fill)
{
	Assert(!fill->seed_is_exact);
	panel->fill = *fill;
	panel->changed = true;
}

void *
tally_panel_user(const TallyPanel *panel)
{
	return panel->user;
}

void
tally_panel_set_user(TallyPanel *panel, void *user)
{
	panel->user = user;
}

int32
tally_panel_bucket(TallyPanel *panel, TimestampTz t)
{
	return panel_bucket(panel, t);
}

/*
 * What counts is what the context has taken from the system: small values
 * and rows take up to twice their size in it.
 */
void
panel_charge(TallyPanel *panel, int64 bytes)
{
	tally_budget_memory((int64) MemoryContextMemAllocated(panel->cxt, false) +
						bytes);
}

void
panel_check_group(const TallyPanel *panel, int32 ngroups)
{
	tally_budget_cells(panel->grid->nbuckets,
					   ngroups,
					   panel->nmeasures,
					   false);
}

/*
 * grow_row -- make room for the cell of "group" in a row.
 *
 * A row is made for all groups that are known, since most of them will come;
 * later it grows by half, so that a growing number of groups copies each cell
 * a few times at most.
 */
static void
grow_row(TallyPanel *panel, PanelRow *row, int32 group)
{
	int32 old = row->ncells;
	int64 want = Max((int64) old + old / 2, MIN_ROW_CELLS);
	int32 ncells;
	Size size;

	want = Max(Min(want, (int64) panel->ngroups + panel->ngroups / 8),
			   panel->ngroups);
	ncells = (int32) Max(want, (int64) group + 1);
	size = (Size) ncells * panel->cell_size;

	CHECK_FOR_INTERRUPTS();
	panel_charge(panel, (int64) (ncells - old) * panel->cell_size);
	if (row->cells == NULL)
		row->cells =
			MemoryContextAllocExtended(panel->cxt,
									   size,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	else
	{
		row->cells = repalloc_huge(row->cells, size);
		memset(row->cells + (Size) old * panel->cell_size,
			   0,
			   size - (Size) old * panel->cell_size);
	}
	row->ncells = ncells;
}

char *
panel_cell(TallyPanel *panel, int32 bucket, int32 group)
{
	PanelRow *row = &panel->rows[bucket];

	if (unlikely(group >= row->ncells))
		grow_row(panel, row, group);
	return row->cells + (Size) group * panel->cell_size;
}

void
tally_panel_add(TallyPanel *panel, int32 bucket, int32 group, int measure,
				Datum value, TimestampTz at)
{
	Assert(bucket >= 0 && bucket < panel->grid->nbuckets);
	Assert(group >= 0 && group < panel->ngroups);
	Assert(measure >= 0 && measure < panel->nmeasures);

	panel->changed = true;
	panel_add_value(panel,
					&panel->measures[measure],
					panel_cell_inline(panel, bucket, group),
					value,
					at);
}

void
tally_panel_reject(TallyPanel *panel, int measure)
{
	panel->changed = true;
	panel->rejected[measure]++;
}

int64
tally_panel_rejected(const TallyPanel *panel, int measure)
{
	return panel->rejected[measure];
}

static bool
same_measure(const TallyMeasure *a, const TallyMeasure *b)
{
	return a->kind == b->kind && a->type == b->type &&
		   a->collation == b->collation && a->param == b->param &&
		   a->precision == b->precision;
}

static bool
same_key(const TallyKey *a, const TallyKey *b)
{
	return a->type == b->type && a->collation == b->collation &&
		   a->is_json == b->is_json;
}

void
tally_panel_require(const TallyPanel *panel, int nmeasures,
					const TallyMeasure *measures, int nkeys,
					const TallyKey *keys)
{
	bool same = panel->nmeasures == nmeasures && panel->nkeys == nkeys;

	for (int i = 0; same && i < nmeasures; i++)
		same = same_measure(&panel->measures[i].def, &measures[i]);
	for (int i = 0; same && i < nkeys; i++)
		same = same_key(&panel->keys[i].def, &keys[i]);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("state of the aggregate is of other measures or "
						"keys")));
}

/* panel_text -- its measures, and the types of its keys if it has any. */
static char *
panel_text(const TallyPanel *panel)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < panel->nmeasures; i++)
		appendStringInfo(&text,
						 "%s%s",
						 i > 0 ? ", " : "",
						 tally_measure_text(&panel->measures[i].def));
	for (int i = 0; i < panel->nkeys; i++)
		appendStringInfo(&text,
						 "%s%s",
						 i > 0 ? ", " : " by ",
						 format_type_be(panel->keys[i].def.type));
	return text.data;
}

void
panel_check_same_shape(const TallyPanel *a, const TallyPanel *b)
{
	bool same = a->nmeasures == b->nmeasures && a->nkeys == b->nkeys;

	for (int i = 0; same && i < a->nmeasures; i++)
		same = same_measure(&a->measures[i].def, &b->measures[i].def);
	for (int i = 0; same && i < a->nkeys; i++)
		same = same_key(&a->keys[i].def, &b->keys[i].def);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("panels of different measures or keys cannot be "
						"merged"),
				 errdetail("One is of %s and the other of %s.",
						   panel_text(a),
						   panel_text(b))));
	if (!tally_grid_equal(a->grid, b->grid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("panels over different grids cannot be merged"),
				 errdetail("One has %d buckets and the other %d, or their "
						   "boundaries differ.",
						   a->grid->nbuckets,
						   b->grid->nbuckets)));
	if (!tally_fill_equal(&a->fill, &b->fill))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series of different fills cannot be merged"),
				 errdetail("One is filled with %s, the other with %s.",
						   tally_fill_text(&a->fill),
						   tally_fill_text(&b->fill)),
				 errhint("Give all of them one fill, or none: "
						 "tally.fill(series, NULL).")));
}

/* merge_cell -- add a cell of a panel of the same measures. */
static void
merge_cell(TallyPanel *into, int32 bucket, int32 group, const char *cell)
{
	char *target = NULL;

	for (int i = 0; i < into->nmeasures; i++)
	{
		const Measure *m = &into->measures[i];

		if (tally_measure_nvalues(cell + m->offset) == 0)
			continue;
		if (target == NULL)
			target = panel_cell(into, bucket, group);
		tally_measure_merge(m,
							target + m->offset,
							cell + m->offset,
							into->cxt);
	}
}

void
tally_panel_merge(TallyPanel *into, TallyPanel *from)
{
	int32 *map;

	panel_check_same_shape(into, from);
	into->changed = true;

	/* the number in "into" of each group of "from" */
	map = palloc(Max(from->ngroups, 1) * sizeof(int32));
	for (int32 g = 0; g < from->ngroups; g++)
	{
		Size at = (Size) g * from->nkeys;

		map[g] = g == from->other ? tally_panel_other_group(into, true)
								  : tally_panel_group(into,
													  &from->key_values[at],
													  &from->key_nulls[at]);
	}
	for (int i = 0; i < into->nmeasures; i++)
		into->rejected[i] += from->rejected[i];

	for (int32 b = 0; b < from->grid->nbuckets; b++)
	{
		const PanelRow *row = &from->rows[b];
		int32 ncells = Min(row->ncells, from->ngroups);

		CHECK_FOR_INTERRUPTS();
		for (int32 g = 0; g < ncells; g++)
		{
			const char *cell = row->cells + (Size) g * from->cell_size;

			merge_cell(into, b, map[g], cell);
		}
	}
	pfree(map);
}

void
tally_panel_merge_group(TallyPanel *panel, int32 into, int32 from)
{
	Assert(into != from);
	panel->changed = true;
	for (int32 b = 0; b < panel->grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		if (panel_find_cell(panel, b, from) == NULL)
			continue;
		/* first the target: where it is not there yet the row moves */
		(void) panel_cell(panel, b, into);
		merge_cell(panel, b, into, panel_find_cell(panel, b, from));
	}
}

TallyPanel *
tally_panel_like(MemoryContext parent, const TallyPanel *panel,
				 const TallyGrid *grid)
{
	TallyMeasure *measures = palloc(panel->nmeasures * sizeof(TallyMeasure));
	TallyPanel *like;

	Assert(panel->nkeys == 0);
	for (int i = 0; i < panel->nmeasures; i++)
		measures[i] = panel->measures[i].def;
	like =
		tally_panel_create(parent, grid, panel->nmeasures, measures, 0, NULL);
	pfree(measures);
	like->fill = panel->fill;
	if (like->fill.mode != TALLY_FILL_DEFAULT)
		like->fill.zone = tally_zone(tally_grid_zone(grid));
	return like;
}

void
tally_panel_merge_bucket(TallyPanel *into, int32 bucket,
						 const TallyPanel *from, int32 from_bucket)
{
	const char *cell = panel_find_cell(from, from_bucket, 0);

	Assert(into->nkeys == 0 && from->nkeys == 0);
	if (cell == NULL)
		return;
	into->changed = true;
	merge_cell(into, bucket, 0, cell);
}

int32
tally_panel_ngroups(const TallyPanel *panel)
{
	return panel->ngroups;
}

int32
tally_panel_nkeyed(const TallyPanel *panel)
{
	return panel->ngroups - (panel->other >= 0);
}

int
tally_panel_nmeasures(const TallyPanel *panel)
{
	return panel->nmeasures;
}

int
tally_panel_nkeys(const TallyPanel *panel)
{
	return panel->nkeys;
}

const TallyMeasure *
tally_panel_measure(const TallyPanel *panel, int measure)
{
	return &panel->measures[measure].def;
}

Oid
tally_panel_result_type(const TallyPanel *panel, int measure)
{
	return panel->measures[measure].result;
}

/* A state in which nothing fell: of one, only the number is looked at. */
static const MeasureCount nothing;

Datum
tally_panel_value(const TallyPanel *panel, int32 bucket, int32 group,
				  int measure, bool *isnull)
{
	const Measure *m = &panel->measures[measure];
	const char *cell = panel_find_cell(panel, bucket, group);

	return tally_measure_value(m,
							   cell ? cell + m->offset
									: (const char *) &nothing,
							   isnull);
}

int64
tally_panel_nvalues(const TallyPanel *panel, int32 bucket, int32 group,
					int measure)
{
	const char *cell = panel_find_cell(panel, bucket, group);

	return cell ? tally_measure_nvalues(cell + panel->measures[measure].offset)
				: 0;
}

Size
tally_panel_bucket_bytes(void)
{
	return sizeof(PanelRow);
}

void
tally_panel_expect(const TallyPanel *panel, int32 bucket, int32 group)
{
	__builtin_prefetch(panel_find_cell(panel, bucket, group));
}

void
tally_panel_counts(const TallyPanel *panel, int32 first, int32 n, int32 group,
				   int measure, uint16 *counts)
{
	const PanelRow *rows = &panel->rows[first];
	Size at =
		(Size) group * panel->cell_size + panel->measures[measure].offset;

	for (int32 i = 0; i < n; i++)
	{
		int64 count = group < rows[i].ncells
						  ? tally_measure_nvalues(rows[i].cells + at)
						  : 0;

		counts[i] = (uint16) Min(count, PG_UINT16_MAX);
	}
}
