/*-------------------------------------------------------------------------
 *
 * panel_write.c
 *	  Writes a panel as bytes; panel_codec.h has the format.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "series/panel/panel_codec.h"

/* put_type -- a type and a collation. */
static void
put_type(TallyWriter *w, Oid type, Oid collation)
{
	char *name;

	if (!w->portable)
	{
		tally_put_varint(w, type);
		tally_put_varint(w, collation);
		return;
	}
	name = OidIsValid(type) ? format_type_be_qualified(type) : "";
	tally_put_bytes(w, name, strlen(name));
	name = "";
	if (OidIsValid(collation))
	{
		HeapTuple tuple =
			SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
		Form_pg_collation form;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for collation %u", collation);
		form = (Form_pg_collation) GETSTRUCT(tuple);
		name =
			quote_qualified_identifier(get_namespace_name(form->collnamespace),
									   NameStr(form->collname));
		ReleaseSysCache(tuple);
	}
	tally_put_bytes(w, name, strlen(name));
}

/* put_keys -- the groups. */
static void
put_keys(TallyWriter *w, const TallyPanel *panel)
{
	tally_put_varint(w, (uint64) (panel->other + 1));
	tally_put_varint(w, panel->ngroups);
	for (int32 g = 0; g < panel->ngroups; g++)
	{
		CHECK_FOR_INTERRUPTS();
		if (g == panel->other)
			continue;
		for (int i = 0; i < panel->nkeys; i++)
		{
			const PanelKey *key = &panel->keys[i];
			bool is_json = key->mode == KEY_JSON;
			bool isnull;
			Datum value = tally_panel_key(panel, g, i, &isnull);

			tally_put_byte(w, !isnull);
			if (isnull)
				continue;
			tally_put_value(w,
							is_json ? JSONBOID : key->def.type,
							is_json ? -1 : key->typlen,
							!is_json && key->typbyval,
							value);
			if (is_json)
				pfree(DatumGetPointer(value));
		}
	}
}

static bool
cell_is_empty(const TallyPanel *panel, const char *cell)
{
	for (int i = 0; i < panel->nmeasures; i++)
		if (tally_measure_nvalues(cell + panel->measures[i].offset) != 0)
			return false;
	return true;
}

/* raw_varint -- a varint where there is room for it; returns what follows. */
static inline char *
raw_varint(char *to, uint64 v)
{
	for (; unlikely(v >= 0x80); v >>= 7)
		*to++ = (char) (v | 0x80);
	*to++ = (char) v;
	return to;
}

/*
 * put_counts -- as put_row() of cells that hold a count and nothing else,
 * which most do: room is made for many at once.
 */
static void
put_counts(TallyWriter *w, const TallyPanel *panel, int32 bucket,
		   int32 *last_bucket)
{
	enum
	{
		CELLS = 1024,
		CELL_BYTES = 5 + 10, /* the longest varints of a distance, a count */
		BUCKET_BYTES = 5
	};
	const PanelRow *row = &panel->rows[bucket];
	const MeasureCount *cells = (const MeasureCount *) row->cells;
	int32 ncells = Min(row->ncells, panel->ngroups);
	int32 last = -1;

	for (int32 g = 0; g < ncells;)
	{
		int32 end = Min(g + CELLS, ncells);
		char *to;

		CHECK_FOR_INTERRUPTS();
		enlargeStringInfo(w->buf, BUCKET_BYTES + CELLS * CELL_BYTES);
		to = w->buf->data + w->buf->len;
		for (; g < end; g++)
		{
			if (cells[g].n == 0)
				continue;
			if (last < 0)
			{
				to = raw_varint(to, bucket - *last_bucket);
				*last_bucket = bucket;
			}
			to = raw_varint(to, g - last);
			to = raw_varint(to, (uint64) cells[g].n);
			last = g;
		}
		w->buf->len = (int) (to - w->buf->data);
	}
	if (last >= 0)
		tally_put_varint(w, 0);
}

/* put_row -- the cells of a bucket, if something fell there. */
static void
put_row(TallyWriter *w, const TallyPanel *panel, int32 bucket,
		int32 *last_bucket)
{
	const PanelRow *row = &panel->rows[bucket];
	int32 ncells = Min(row->ncells, panel->ngroups);
	int32 last = -1;

	for (int32 g = 0; g < ncells; g++)
	{
		const char *cell = row->cells + (Size) g * panel->cell_size;

		if (cell_is_empty(panel, cell))
			continue;
		if (last < 0)
		{
			CHECK_FOR_INTERRUPTS();
			tally_put_varint(w, bucket - *last_bucket);
			*last_bucket = bucket;
		}
		tally_put_varint(w, g - last);
		last = g;
		for (int i = 0; i < panel->nmeasures; i++)
		{
			const Measure *m = &panel->measures[i];

			/* the usual one besides others: without a call */
			if (m->state == STATE_COUNT)
				tally_put_varint(w, tally_measure_nvalues(cell + m->offset));
			else
				tally_measure_write(m, cell + m->offset, w);
		}
	}
	if (last >= 0)
		tally_put_varint(w, 0);
}

static void
put_fill(TallyWriter *w, const TallyFill *fill)
{
	tally_put_byte(w, fill->mode);
	tally_put_byte(w,
				   ((fill->has_max_gap ? FILL_HAS_MAX_GAP : 0) |
					(fill->has_seed ? FILL_HAS_SEED : 0)));
	if (fill->mode == TALLY_FILL_CONSTANT)
		tally_put_float(w, fill->constant);
	if (fill->has_max_gap)
	{
		tally_put_varint(w, (uint64) fill->max_gap.month);
		tally_put_varint(w, (uint64) fill->max_gap.day);
		tally_put_varint(w, (uint64) fill->max_gap.time);
	}
	if (fill->has_seed)
	{
		tally_put_float(w, fill->seed);
		tally_put_int64(w, (uint64) fill->seed_at);
	}
}

static void
put_panel(TallyWriter *w, const TallyPanel *panel)
{
	int32 last_bucket = -1;

	tally_put_byte(w, (PANEL_FORMAT | (w->portable ? PANEL_PORTABLE : 0)));
	tally_put_value(w,
					w->portable ? tally_type("grid") : InvalidOid,
					-1,
					false,
					PointerGetDatum(panel->grid));
	put_fill(w, &panel->fill);
	tally_put_varint(w, panel->nmeasures);
	for (int i = 0; i < panel->nmeasures; i++)
	{
		const TallyMeasure *def = &panel->measures[i].def;

		tally_put_byte(w, def->kind);
		put_type(w, def->type, def->collation);
		tally_put_float(w, def->param);
		tally_put_varint(w, (uint64) def->precision);
	}
	tally_put_varint(w, panel->nkeys);
	for (int i = 0; i < panel->nkeys; i++)
	{
		const TallyKey *def = &panel->keys[i].def;

		tally_put_byte(w, def->is_json);
		put_type(w, def->type, def->collation);
	}
	for (int i = 0; i < panel->nmeasures; i++)
		tally_put_varint(w, (uint64) panel->rejected[i]);
	put_keys(w, panel);
	for (int32 b = 0; b < panel->grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		if (panel->rows[b].ncells == 0)
			continue;
		if (panel_only_counts(panel))
			put_counts(w, panel, b, &last_bucket);
		else
			put_row(w, panel, b, &last_bucket);
	}
	tally_put_varint(w, 0);
}

Size
panel_get_flat_size(ExpandedObjectHeader *hdr)
{
	TallyPanel *panel = (TallyPanel *) hdr;
	StringInfoData buf;
	MemoryContext old;
	TallyWriter w = {.buf = &buf};

	panel_settle(panel);
	if (panel->is_lendable)
		return VARHDRSZ + PANEL_LENT_BYTES;

	/* It is asked for more than once, and then for the bytes. */
	if (panel->flat != NULL && !panel->changed)
		return panel->flat_size;

	old = MemoryContextSwitchTo(panel->cxt);
	if (panel->flat != NULL)
		pfree(panel->flat);
	panel->flat = NULL;
	initStringInfo(&buf);
	buf.len = VARHDRSZ;
	put_panel(&w, panel);
	MemoryContextSwitchTo(old);

	panel->flat = buf.data;
	panel->flat_size = buf.len;
	panel->changed = false;
	return panel->flat_size;
}

void
panel_flatten_into(ExpandedObjectHeader *hdr, void *result,
				   Size allocated_size)
{
	TallyPanel *panel = (TallyPanel *) hdr;

	if (panel->is_lendable)
	{
		uint64 number = panel_lend(panel);

		SET_VARSIZE(result, allocated_size);
		*(uint8 *) VARDATA(result) = PANEL_LENT;
		memcpy(VARDATA(result) + 1, &number, sizeof(number));
		return;
	}
	Assert(panel->flat != NULL && panel->flat_size == allocated_size);
	memcpy(result, panel->flat, allocated_size);
	SET_VARSIZE(result, allocated_size);
	pfree(panel->flat);
	panel->flat = NULL;
}

void
panel_write_portable(StringInfo out, TallyPanel *panel)
{
	TallyWriter w = {.buf = out, .portable = true};

	put_panel(&w, panel);
}
