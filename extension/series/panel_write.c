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

#include "series/panel_codec.h"

typedef struct Writer
{
	StringInfo buf;
	bool portable;
	Oid send_type; /* "send" is the send function of this type */
	FmgrInfo send;
} Writer;

static inline void
put_varint(Writer *w, uint64 v)
{
	uint8 bytes[10];
	int n = 0;

	if (likely(v < 0x80)) /* most counts and distances */
	{
		appendStringInfoCharMacro(w->buf, (char) v);
		return;
	}

	while (v >= 0x80)
	{
		bytes[n++] = (uint8) (v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (uint8) v;
	appendBinaryStringInfo(w->buf, (const char *) bytes, n);
}

static void
put_int64(Writer *w, uint64 v)
{
	if (w->portable)
		v = pg_hton64(v);
	appendBinaryStringInfo(w->buf, (const char *) &v, sizeof(v));
}

static void
put_int128(Writer *w, int128 v)
{
	put_int64(w, (uint64) ((uint128) v >> 64));
	put_int64(w, (uint64) v);
}

static void
put_float(Writer *w, float8 v)
{
	uint64 bits;

	memcpy(&bits, &v, sizeof(bits));
	put_int64(w, bits);
}

static void
put_bytes(Writer *w, const void *data, Size len)
{
	put_varint(w, len);
	appendBinaryStringInfo(w->buf, data, (int) len);
}

/* put_type -- a type and a collation. */
static void
put_type(Writer *w, Oid type, Oid collation)
{
	char *name;

	if (!w->portable)
	{
		put_varint(w, type);
		put_varint(w, collation);
		return;
	}
	name = OidIsValid(type) ? format_type_be_qualified(type) : "";
	put_bytes(w, name, strlen(name));
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
	put_bytes(w, name, strlen(name));
}

/* put_value -- a value of a type. */
static void
put_value(Writer *w, Oid type, int16 typlen, bool typbyval, Datum value)
{
	if (w->portable)
	{
		bytea *sent;
		bool varlena;

		if (w->send_type != type)
		{
			Oid send;

			getTypeBinaryOutputInfo(type, &send, &varlena);
			fmgr_info(send, &w->send);
			w->send_type = type;
		}
		sent = SendFunctionCall(&w->send, value);
		put_bytes(w, VARDATA(sent), VARSIZE(sent) - VARHDRSZ);
		pfree(sent);
	}
	else if (typbyval)
		put_int64(w, (uint64) value);
	else
		put_bytes(w,
				  DatumGetPointer(value),
				  datumGetSize(value, false, typlen));
}

static void
put_state(Writer *w, const Measure *m, const char *state)
{
	int64 n = tally_measure_nvalues(state);

	put_varint(w, (uint64) n);
	if (n == 0)
		return;
	switch (m->state)
	{
		case STATE_COUNT:
			break;
		case STATE_INTEGER:
			put_int128(w, ((const MeasureInteger *) state)->sum);
			break;
		case STATE_DECIMAL:
		{
			const MeasureDecimal *s = (const MeasureDecimal *) state;

			appendStringInfoCharMacro(w->buf,
									  (char) (s->is_big ? SCALE_IS_BIG
														: s->scale));
			if (s->is_big)
				put_value(
					w, NUMERICOID, -1, false, NumericGetDatum(s->sum.big));
			else
				put_int128(w, s->sum.digits);
			break;
		}
		case STATE_FLOAT:
			put_float(w, ((const MeasureFloat *) state)->sum);
			put_float(w, ((const MeasureFloat *) state)->lost);
			break;
		case STATE_EXTREME:
			put_value(w,
					  m->def.type,
					  m->typlen,
					  m->typbyval,
					  ((const MeasureExtreme *) state)->value);
			break;
	}
}

/* put_keys -- the groups. */
static void
put_keys(Writer *w, const TallyPanel *panel)
{
	put_varint(w, (uint64) (panel->other + 1));
	put_varint(w, panel->ngroups);
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

			appendStringInfoCharMacro(w->buf, (char) !isnull);
			if (isnull)
				continue;
			put_value(w,
					  is_json ? JSONBOID : key->def.type,
					  is_json ? -1 : key->typlen,
					  !is_json && key->typbyval,
					  value);
			if (is_json)
				pfree(DatumGetPointer(value));
		}
	}
}

/* put_row -- the cells of a bucket in which something fell. */
static void
put_row(Writer *w, const TallyPanel *panel, int32 bucket, int32 *last_bucket)
{
	const PanelRow *row = &panel->rows[bucket];
	int32 ncells = Min(row->ncells, panel->ngroups);
	int32 used = 0;
	int32 last = -1;

	for (int pass = 0; pass < 2; pass++)
	{
		for (int32 g = 0; g < ncells; g++)
		{
			const char *cell = row->cells + (Size) g * panel->cell_size;
			bool empty = true;

			for (int i = 0; empty && i < panel->nmeasures; i++)
				empty = tally_measure_nvalues(cell +
											  panel->measures[i].offset) == 0;
			if (empty)
				continue;
			if (pass == 0)
			{
				used++;
				continue;
			}
			put_varint(w, g - last);
			last = g;
			for (int i = 0; i < panel->nmeasures; i++)
				put_state(w,
						  &panel->measures[i],
						  cell + panel->measures[i].offset);
		}
		if (used == 0)
			return;
		if (pass == 0)
		{
			put_varint(w, bucket - *last_bucket);
			*last_bucket = bucket;
			put_varint(w, used);
		}
	}
}

static void
put_fill(Writer *w, const TallyFill *fill)
{
	appendStringInfoCharMacro(w->buf, (char) fill->mode);
	appendStringInfoCharMacro(w->buf,
							  (char) ((fill->has_max_gap ? FILL_HAS_MAX_GAP
														 : 0) |
									  (fill->has_seed ? FILL_HAS_SEED : 0)));
	if (fill->mode == TALLY_FILL_CONSTANT)
		put_float(w, fill->constant);
	if (fill->has_max_gap)
	{
		put_varint(w, (uint64) fill->max_gap.month);
		put_varint(w, (uint64) fill->max_gap.day);
		put_varint(w, (uint64) fill->max_gap.time);
	}
	if (fill->has_seed)
	{
		put_float(w, fill->seed);
		put_int64(w, (uint64) fill->seed_at);
	}
}

static void
put_panel(Writer *w, const TallyPanel *panel)
{
	int32 last_bucket = -1;

	appendStringInfoCharMacro(w->buf,
							  (char) (PANEL_FORMAT |
									  (w->portable ? PANEL_PORTABLE : 0)));
	put_value(w,
			  w->portable ? tally_type("grid") : InvalidOid,
			  -1,
			  false,
			  PointerGetDatum(panel->grid));
	put_fill(w, &panel->fill);
	put_varint(w, panel->nmeasures);
	for (int i = 0; i < panel->nmeasures; i++)
	{
		const TallyMeasure *def = &panel->measures[i].def;

		appendStringInfoCharMacro(w->buf, (char) def->kind);
		put_type(w, def->type, def->collation);
		put_float(w, def->param);
		put_varint(w, (uint64) def->precision);
	}
	put_varint(w, panel->nkeys);
	for (int i = 0; i < panel->nkeys; i++)
	{
		const TallyKey *def = &panel->keys[i].def;

		appendStringInfoCharMacro(w->buf, (char) def->is_json);
		put_type(w, def->type, def->collation);
	}
	for (int i = 0; i < panel->nmeasures; i++)
		put_varint(w, (uint64) panel->rejected[i]);
	put_keys(w, panel);
	for (int32 b = 0; b < panel->grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		if (panel->rows[b].ncells > 0)
			put_row(w, panel, b, &last_bucket);
	}
	put_varint(w, 0);
}

Size
panel_get_flat_size(ExpandedObjectHeader *hdr)
{
	TallyPanel *panel = (TallyPanel *) hdr;
	StringInfoData buf;
	MemoryContext old;
	Writer w = {.buf = &buf};

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

	Assert(panel->flat != NULL && panel->flat_size == allocated_size);
	memcpy(result, panel->flat, allocated_size);
	SET_VARSIZE(result, allocated_size);
	pfree(panel->flat);
	panel->flat = NULL;
}

void
panel_write_portable(StringInfo out, TallyPanel *panel)
{
	Writer w = {.buf = out, .portable = true};

	put_panel(&w, panel);
}
